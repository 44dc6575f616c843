"""Videos as MP4 files (H.264), by the ffmpeg of imageio-ffmpeg; one that it could not finish is an error."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8

from efields.atomic import replacing
from efields.errors import InputError

QUALITY = ("-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p", "-movflags", "+faststart")


@contextlib.contextmanager
def mp4(out: Path, fps: float) -> Iterator[Callable[[UInt8[np.ndarray, "h w 3"]], None]]:
    """Yields a function that takes images of one size one by one; the video appears when all are in.

    Odd sides grow by a pixel, as the codec wants. Raises `InputError` when there is no picture, no ffmpeg, or the film
    cannot be written.
    """
    with replacing(out, ".mp4") as temporary, tempfile.TemporaryFile() as said:
        encoder: subprocess.Popen[bytes] | None = None

        def write(picture: np.ndarray) -> None:
            nonlocal encoder
            height, width = picture.shape[:2]
            even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            if encoder is None:
                encoder = _encoder(temporary, even.shape[1], even.shape[0], fps, said)
            try:
                encoder.stdin.write(np.ascontiguousarray(even).data)  # pyright: ignore[reportOptionalMemberAccess]
            except BrokenPipeError:
                _end(encoder, out, said)

        try:
            yield write
            if encoder is None:
                raise InputError("there are no images for a video", out)
            _end(encoder, out, said)
        finally:
            if encoder is not None:
                encoder.kill()
                with contextlib.suppress(OSError):
                    encoder.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
                encoder.wait()


def _encoder(path: Path, width: int, height: int, fps: float, said: IO[bytes]) -> subprocess.Popen[bytes]:
    import imageio_ffmpeg

    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        raise InputError("ffmpeg, which writes videos, is missing", do="pip install imageio-ffmpeg") from None
    pictures = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:.6f}", "-i", "-")
    words = [program, "-y", "-v", "error", *pictures, *QUALITY, "-f", "mp4", str(path.absolute())]
    # A session of its own: Ctrl-C is for us to act on.
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(words, stdin=pipe, stdout=nowhere, stderr=said, start_new_session=True)


def _end(encoder: subprocess.Popen[bytes], out: Path, said: IO[bytes]) -> None:
    """Wait for the last image. Raises `InputError` with ffmpeg's message when it did not finish the video."""
    with contextlib.suppress(BrokenPipeError):
        encoder.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
    if encoder.wait() == 0:
        return
    said.seek(0)
    lines = said.read()[-4000:].decode("utf-8", errors="replace").strip().splitlines() or ["ffmpeg was terminated"]
    what = lines[-1].rpartition("] ")[2][:150]
    raise InputError(f"the video cannot be written ({what})", out, "free some space or choose another folder")
