"""Compile the kernels in place: `python -m efields.native`; with `--if-stale`, only where none fit their sources."""

from __future__ import annotations

import os
import sys

from efields import native
from efields.native.build import BuildError, build


def main(words: list[str]) -> int:
    """Exit code 0 when the kernels are there, 1 when they cannot be compiled, 2 for other words than `--if-stale`."""
    if words not in ([], ["--if-stale"]):
        return _complain("usage: python -m efields.native [--if-stale]", 2)
    if words:
        if os.environ.get("EFIELDS_NATIVE") == "0":
            return 0
        try:
            native.library()
            return 0
        except BuildError:
            pass
    try:
        sys.stdout.write(f"{build()}\n")
    except BuildError as error:
        return _complain(str(error), 1)
    except OSError as error:
        return _complain(f"cannot write the kernels: {error}", 1)
    return 0


def _complain(line: str, code: int) -> int:
    sys.stderr.write(f"efields: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
