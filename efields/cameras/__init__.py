"""Cameras in files: intrinsics, calibrations, rigs of several, and posed images of transforms.json, COLMAP and LLFF."""
