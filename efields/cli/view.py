"""Open a run in the browser: fly through it, play its events, see where it fits them."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from efields.cli import print_json, say
from efields.cli._machine import Machine
from efields.ranges import Port

if TYPE_CHECKING:
    from efields.server.listening import Address


@dataclass(frozen=True)
class Args:
    """Flags of `efields view`."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    port: Port = 7007
    """Port of the page; if it is taken, the next free one. 0: any."""
    host: str = "127.0.0.1"
    """Address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for the network, with a token."""
    token: str | None = None
    """Token required in the page's address; random by default if --host is public. `none`: no token, which is refused
    if --host is public."""
    open: bool = False
    """Open the page in this machine's browser even if no desktop is detected."""
    no_open: bool = False
    """Never open a browser; by default one is opened on a desktop."""
    machine: Annotated[Machine, tyro.conf.OmitArgPrefixes] = Machine()
    """The machine that it computes on."""
    plugins: bool = False
    """Allow code outside efields that a `kind` with a dot or `mitsuba_xml` refers to; only if you trust it."""
    json: bool = False
    """Print one JSON object with the address for use by scripts, then serve."""


def run(args: Args) -> int:
    """Serve until Ctrl-C."""
    args.machine.set_up()
    from efields import signals
    from efields.server.access import access_for
    from efields.server.listening import check_listening
    from efields.train import Run

    access_for(args.host, args.token)  # wrong flags are reported before anything is read
    check_listening()
    source = Run.open(args.run)
    with signals.as_flag() as stopped:
        model = args.machine.model_of(source)
        from efields.export.document import recording_of, scene_parts
        from efields.server.app import Offer
        from efields.server.studio import Studio
        from efields.server.viewing import serving

        recording, note = recording_of(source)
        parts = scene_parts(source, model, recording)
        if note and not args.json:
            say(note)
        studio = Studio(model)
        with serving(studio, Offer(parts.document, parts.blobs), args.host, args.port, args.token) as address:
            if args.json:
                print_json({"run": source.path, "url": address.url, "host": address.host, "port": address.port})
                sys.stdout.flush()
            else:
                print(*address.lines(), "Ctrl-C closes it.", sep="\n", flush=True)
            if args.open or (not args.no_open and not args.json and at_a_desktop()):
                open_page(address)
            studio.run(stopped.is_set)
    if not args.json:
        say("the viewer is closed")
    return 0


def open_page(address: Address) -> None:
    """Open the page in the browser of this machine, where there is one."""
    import webbrowser

    # A browser may take its time to start.
    threading.Thread(target=webbrowser.open, args=(address.url,), daemon=True).start()


def at_a_desktop() -> bool:
    """Whether this is a desktop: a terminal, a display, and no ssh."""
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
