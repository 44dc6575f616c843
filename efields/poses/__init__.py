"""Poses in files of any layout: rows, columns and clocks, and the trajectories that they make."""
