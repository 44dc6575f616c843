"""How a camera turned, on the public API: python scripts/estimate_egomotion.py RECORDING [CAMERA].

The same with files and a report: efields egomotion RECORDING --camera CAMERA.
"""

import sys

import numpy as np

import efields

recording = efields.load(sys.argv[1])
if len(sys.argv) > 2:
    recording = efields.supply(recording, efields.Supplied(camera=sys.argv[2]))

motion = efields.estimate_rotation(
    recording.events, recording.calibrated, efields.RotationConfig(), efields.choose_backend("auto")
)
for t_us, w, status in zip(motion.t_us, motion.angular_velocity, motion.status, strict=True):
    print(f"{t_us * 1e-6:.6f} s  {np.degrees(w).round(2)} deg/s  {status}")
print(*motion.notes, sep="\n")
