"""How a camera turned, on the public API: python scripts/estimate_egomotion.py RECORDING [CAMERA].

The same with files and a report: efields egomotion RECORDING --camera CAMERA.
"""

import sys

import numpy as np

import efields
from efields.backends import choose_backend
from efields.motion.window_rotation import RotationConfig
from efields.supplied.given import Supplied
from efields.supplied.supply import supply

recording = efields.load(sys.argv[1])
if len(sys.argv) > 2:
    recording = supply(recording, Supplied(camera=sys.argv[2]))

motion = efields.estimate_rotation(recording.events, recording.calibrated, RotationConfig(), choose_backend("auto"))
for t_us, w, status in zip(motion.t_us, motion.angular_velocity, motion.status, strict=True):
    print(f"{t_us * 1e-6:.6f} s  {np.degrees(w).round(2)} deg/s  {status}")
print(*motion.notes, sep="\n")
