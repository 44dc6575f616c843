"""Poses in files of any layout: rows, columns and clocks, and the resulting trajectories."""
