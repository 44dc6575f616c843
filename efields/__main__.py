"""`python -m efields` is the `efields` command."""

from __future__ import annotations

import sys

from efields.cli import main

if __name__ == "__main__":
    sys.exit(main())
