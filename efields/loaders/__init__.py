"""One module per format: the folder is the registry, and a recording's own files determine which module reads it.

A loader module fits `LoaderModule`: a frozen `Config` of options with the verb `.load(path) -> Recording`, and a
function `matches(path) -> bool`, which checks names and first bytes only. Where events are read in one pass, `Config`
has a second verb, `.open(path) -> EventFile` (`Opening`), for recordings larger than memory. Adding a format is adding
a file here.

So that recognising a file imports no loader that cannot match, a module also states as literals, at the top level:
`BEGINS`, a regular expression of how its files begin (`rb""`: in any way), and `HOLDS`, patterns of names of which its
folders hold one. `matches` is asked only where these allow the path; a module with neither is always asked. What some
loaders share lies in modules that begin with an underscore.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import pkgutil
from collections.abc import Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast, get_args, runtime_checkable

from efields.errors import InputError
from efields.events.clock_order import OnReset
from efields.events.columns import EventColumns, in_chunks
from efields.events.side_streams import SideStreams
from efields.formats.places import refuse_links
from efields.loaders._recognition import candidates
from efields.loaders._strangers import in_place_of, refuse_special, stranger
from efields.plugins import import_plugin
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording
from efields.recordings.reset import in_file_order
from efields.settings import did_you_mean, fill, neighbour_or


class Loader(Protocol):
    """A frozen dataclass of options that reads one layout; every option has a default."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def load(self, path: str | Path) -> Recording:
        """Read all of a recording; raises `InputError` for whatever can be wrong with it."""
        ...


@runtime_checkable
class Opening(Loader, Protocol):
    """A loader that reads events in one pass, in constant memory."""

    def open(self, path: str | Path) -> EventFile:
        """Read what stands before the events; raises `InputError` as `load` does."""
        ...


class LoaderModule(Protocol):
    """What a loader module holds."""

    Config: type[Loader]
    """Its options, with the verb that reads."""

    def matches(self, path: str | Path) -> bool:
        """Whether names and first bytes are of this layout; raises nothing."""
        ...


def kinds() -> tuple[str, ...]:
    """Names of all loaders, in alphabetical order; imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def loader(kind: str) -> LoaderModule:
    """The module of one kind; a dotted name (`my_package.my_loader`) is a plug-in outside efields.

    Raises `InputError` for an unknown kind, or a plug-in that the user does not allow.
    """
    if not isinstance(kind, str):
        raise InputError(f"the kind of a loader is a name, not {kind!r}", do=f"known: {', '.join(kinds())}")
    kind = kind.removeprefix(f"{__name__}.")
    if "." in kind:
        module = import_plugin(kind)
        if not hasattr(module, "Config"):
            raise InputError(f"module '{kind}' has no Config", do="a loader holds one frozen Config that can load")
        return cast(LoaderModule, module)
    if kind not in kinds():
        raise InputError(f"no loader '{kind}'", do=did_you_mean(kind, kinds()))
    return cast(LoaderModule, importlib.import_module(f"{__name__}.{kind}"))


def find(path: str | Path) -> str:
    """The one kind whose `matches` says yes to `path`; only loaders that could are imported.

    Raises `InputError` when `path` does not exist, or none or several kinds match.
    """
    source = _there(Path(path))
    found = _matching(source)
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"could be any of: {', '.join(found)}", source, f"name its kind, such as '{found[0]}'")
    raise _stranger(source)


def _matching(path: Path) -> list[str]:
    """Kinds whose `matches` says yes."""
    for asked in candidates(path, (Path(__path__[0], f"{kind}.py") for kind in kinds())):
        if found := [kind for kind in asked if loader(kind).matches(path)]:
            return found
    return []


def _stranger(source: Path) -> InputError:
    """The error for what no loader reads: says what it is, if that can be told."""
    known = stranger(source)
    if known is not None:
        return InputError(known[0], source, known[1])
    inside = recordings_in(source) if source.is_dir() else ()
    if inside:
        return InputError(f"is a folder that contains {', '.join(inside)}", source, f"give one: {source / inside[0]}")
    do = "docs/recordings.md lists the formats that are read; give --kind if you know the format"
    return InputError("is not a recording that efields knows", source, do)


def recordings_in(folder: Path) -> tuple[str, ...]:
    """Names of the first files in a folder that a loader knows."""
    files = sorted(file for file in itertools.islice(folder.iterdir(), 200) if file.is_file())
    some = (file.name for file in files if _matching(file))
    return tuple(itertools.islice(some, 3))


def _there(source: Path) -> Path:
    """The path. Raises `InputError` where there is nothing, or something endless such as a pipe."""
    try:
        refuse_special(source)
    except OSError as error:
        if not source.exists():
            do = neighbour_or(source, "check the path of the recording")
            raise InputError("no such file or folder", source, do) from None
        raise InputError(f"cannot be read ({error.strerror or error})", source, "check its permissions") from None
    return source


def load(path: str | Path, /, kind: str | None = None, *, on_reset: OnReset = "follow", **options: object) -> Recording:
    """Read a recording; `kind` is found from the files where it is not given, `options` fill the loader's `Config`.

    With `outside`, files that the recording names and links in its folder may lie outside it; else they are refused.
    Where the clock of the events was reset, later parts follow on, or only one part is kept (`on_reset`).
    Raises `InputError`, one line, for everything that can be wrong with it.
    """
    _, config = _configured(Path(path), kind, on_reset, options)
    with _told_what_is_there():
        return in_file_order(config.load(Path(path)), on_reset)


def open_events(
    path: str | Path, /, kind: str | None = None, *, on_reset: OnReset = "follow", **options: object
) -> EventFile:
    """Open a recording for one pass over its events in constant memory; a loader without that verb loads it whole.

    Raises `InputError` as `load` does.
    """
    chosen, config = _configured(Path(path), kind, on_reset, options)
    with _told_what_is_there():
        if isinstance(config, Opening):
            return config.open(Path(path)).keeping(on_reset)
        return as_event_file(in_file_order(config.load(Path(path)), on_reset), chosen, Path(path))


@contextlib.contextmanager
def _told_what_is_there() -> Iterator[None]:
    """An error in a file that was never fetched, whatever a loader makes of it, says that."""
    try:
        yield
    except InputError as error:
        other = None if error.where is None else in_place_of(Path(error.where))
        if other is None:
            raise
        raise InputError(other[0], error.where, other[1]) from None


def _configured(source: Path, kind: str | None, on_reset: str, options: dict[str, object]) -> tuple[str, Loader]:
    """The kind of a recording, and its loader with these options."""
    _there(source)
    chosen = find(source) if kind is None else kind
    config = configured(chosen, on_reset=on_reset, **options)
    if source.is_dir() and not options.get("outside", False):
        refuse_links(source)
    return chosen, config


def configured(kind: str, /, *, on_reset: str = "follow", **options: object) -> Loader:
    """The loader of a kind with these options; nothing is read. Raises `InputError` for options that it has not."""
    if on_reset not in get_args(OnReset):
        raise InputError(f"on_reset is '{on_reset}'", do=did_you_mean(str(on_reset), get_args(OnReset)))
    made = loader(kind).Config
    if not isinstance(outside := options.get("outside", False), bool):
        raise InputError(f"outside is {outside!r}", do="give true or false")
    if "outside" not in made.__dataclass_fields__:  # a kind whose files name no others: only links can lead outside
        options.pop("outside", None)
    return fill(made, options, f"options of loader '{kind}'")


def as_event_file(recording: Recording, kind: str, path: Path) -> EventFile:
    """The events of a recording that was loaded whole, as a file that is read in passes."""
    events = recording.events
    return EventFile(
        format=kind,
        path=path,
        width=events.width,
        height=events.height,
        decode=lambda _: in_chunks(EventColumns(events.x, events.y, events.t_us, events.polarity)),
        side_streams=lambda _: SideStreams(recording.imu, recording.unposed_frames, recording.triggers),
        camera=recording.camera,
        notes=recording.notes,
    )
