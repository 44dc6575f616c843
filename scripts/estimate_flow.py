"""Optical flow at any time and pixel, on the public API: python scripts/estimate_flow.py RECORDING [CAMERA].

The same with maps, a film and a report: efields flow RECORDING --camera CAMERA.
"""

import sys

import numpy as np

import efields

recording = efields.load(sys.argv[1])
if len(sys.argv) > 2:
    recording = efields.supply(recording, efields.Supplied(camera=sys.argv[2]))

events, camera = recording.events, recording.calibrated
motion, flow = efields.estimate_motion_and_flow(events, camera, efields.JointConfig(), efields.choose_backend("auto"))
centre = np.array([[camera.cx, camera.cy]])
for t_us in motion.t_us:
    print(f"{t_us * 1e-6:.6f} s  {flow.at(int(t_us), centre)[0].round(1)} px/s in the middle of the image")
