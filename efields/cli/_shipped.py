"""The scenes and configs that come with efields: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from efields.errors import InputError
from efields.settings import did_you_mean, neighbour_or

Kind = Literal["scenes", "configs"]


def shipped_root() -> Path:
    """The folder that holds `scenes/` and `configs/`."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent


def shipped_names(kind: Kind) -> list[str]:
    """Names of the shipped scenes or configs, sorted."""
    folder = shipped_root() / kind
    pattern = "*/scene.toml" if kind == "scenes" else "*.toml"
    return sorted(path.parent.name if kind == "scenes" else path.stem for path in folder.glob(pattern))


def find_shipped(name: str | Path, kind: Kind) -> Path:
    """The path `name` if something is there, else the shipped scene or config of that path or bare name.

    Raises `InputError` when there is neither.
    """
    given = Path(name).expanduser()
    root = shipped_root()
    bare = root / kind / (f"{given}.toml" if kind == "configs" else given)
    # A config is a file and a scene may be either: the folder "demo" is not what `efields train demo` means.
    for candidate in (given, root / given, bare):
        if candidate.is_file() or (kind == "scenes" and candidate.is_dir()):
            return candidate
    do = neighbour_or(given, f"{kind}: {did_you_mean(given.stem, shipped_names(kind))}")
    raise InputError("no such file or folder", given, do)
