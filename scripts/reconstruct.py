"""The whole path in a few lines: a recording of events becomes a radiance field that is scored and rendered.

Usage: efields simulate scenes/blob_white
       python scripts/reconstruct.py recordings/blob_white configs/blob_white.toml runs/example
"""

import sys

import imageio.v3 as iio
import numpy as np

import efields


def main(recording_path: str, config_path: str, run_path: str) -> None:
    """Train, score and report; then render one view that nobody recorded."""
    recording = efields.load(recording_path)
    experiment = efields.load_experiment(config_path)
    run = efields.reconstruct(experiment, recording, run_path, on_progress=lambda now: print(now.step, now.loss))
    scores = efields.evaluate_run(run, recording).metrics
    print("held-out PSNR:", scores["psnr"], "dB; report:", efields.write_report(run))

    model = run.load_model()
    pose = recording.heldout.T_world_camera[0] if recording.heldout else np.eye(4)
    radiance = efields.render_view(model.renderer, model.camera, pose).radiance
    iio.imwrite(run.path / "view.png", (255 * radiance / radiance.max()).astype(np.uint8).squeeze())


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except efields.InputError as error:
        sys.exit(f"reconstruct.py: {error}")
