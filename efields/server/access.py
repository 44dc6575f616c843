"""Access control: the page of this server itself, and whoever has the token."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from efields.errors import InputError

NO_TOKEN = "none"
"""Value of `--token` for no token."""


@dataclass(frozen=True)
class Access:
    """What a request must satisfy."""

    token: str | None
    """Token that must be in the address as `?token=`; None if none is required."""
    local: bool
    """Whether the server is for this machine only: it then answers only to local names."""

    def refuses(self, host: str, origin: str | None, token: str | None) -> str | None:
        """Why a request is refused; None if it is allowed.

        `host` is the name that the client knows the server by. A browser also tells the page that asks (`origin`): it
        must be ours, or one of this machine, else any page on the web could look at the scene. A local server is only
        known by local names, else a page could give its own name our address.
        """
        if self.token is not None and not hmac.compare_digest((token or "").encode(), self.token.encode()):
            return "the token is missing or wrong: open the address that efields printed, with its token"
        if self.local and not is_local(_name(f"//{host}")):
            return f"this server answers to localhost only, not to {_short(host)}"
        if origin is not None and urlsplit_netloc(origin) != host.lower() and not is_local(_name(origin)):
            return f"the page at {_short(origin)} may not connect to this server"
        return None


def access_for(host: str, token: str | None) -> Access:
    """The access to a server on `host` with the `--token` that was given: none given makes one where it is needed.

    Raises `InputError` for a public server without a token.
    """
    local = is_local(host)
    if token is not None and token.lower() == NO_TOKEN:
        if not local:
            do = "leave --token out to get a random one, or listen on 127.0.0.1 and connect through ssh"
            raise InputError(f"--host {host} without a token would let anybody connect", do=do)
        return Access(None, local)
    if token is not None and len(token) < 8:
        raise InputError(
            "a token of fewer than 8 characters is easily guessed", do="leave --token out to get a random one"
        )
    if token is None and not local:
        token = secrets.token_urlsafe(16)
    return Access(token, local)


def is_local(name: str) -> bool:
    """Whether a host name or address means this machine."""
    if name.lower() == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def urlsplit_netloc(address: str) -> str:
    """Host and port of an address."""
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""


def _name(address: str) -> str:
    """The host without its port."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _short(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    return plain if len(plain) <= 60 else plain[:57] + "..."
