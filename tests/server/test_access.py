"""Who may look."""

from __future__ import annotations

import socket

import pytest

from efields.errors import InputError
from efields.server.access import Access, access_for
from efields.server.listening import Address, bound
from efields.server.live_page import ABSENT, MARK, headers, live_page

LOCAL = Access(None, True)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:7007", None),
        ("127.0.0.1:7007", "http://127.0.0.1:7007"),
        ("localhost:7007", "http://localhost:5173"),
        ("[::1]:7007", "http://[::1]:7007"),
        ("localhost", "http://127.0.0.1"),
    ],
)
def test_the_own_page_and_those_of_this_machine_may_look(host: str, origin: str | None) -> None:
    assert LOCAL.refuses(host, origin, None) is None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:7007", "http://evil.example"),
        ("127.0.0.1:7007", "null"),
        ("127.0.0.1:7007", "http://localhost.evil.example"),
        ("127.0.0.1:7007", "http://127.0.0.1.evil.example"),
        ("evil.example:7007", "http://evil.example:7007"),  # a name of theirs that leads to this machine
        ("", None),
        ("127.0.0.1:7007", "http://[bad"),
    ],
)
def test_other_pages_may_not(host: str, origin: str | None) -> None:
    assert LOCAL.refuses(host, origin, None) is not None


def test_a_public_server_makes_a_token_and_asks_for_it() -> None:
    access, other = access_for("0.0.0.0", None), access_for("0.0.0.0", None)
    assert access.token and len(access.token) >= 20 and access.token != other.token
    assert access.refuses("machine:7007", "http://machine:7007", access.token) is None
    for wrong in (None, "", "x", access.token[:-1], "\u00e9"):
        assert "token" in (access.refuses("machine:7007", None, wrong) or "")
    assert access.refuses("machine:7007", "http://other:7007", access.token) is not None


def test_a_public_server_without_a_token_is_refused() -> None:
    with pytest.raises(InputError, match="without a token"):
        access_for("0.0.0.0", "none")
    with pytest.raises(InputError, match="easily guessed"):
        access_for("0.0.0.0", "short")
    assert access_for("127.0.0.1", "none").token is None
    assert access_for("localhost", None).token is None
    assert access_for("127.0.0.1", "long-enough").token == "long-enough"


def test_a_taken_port_gives_the_next_one() -> None:
    first, port = bound("127.0.0.1", 0)
    second, next_port = bound("127.0.0.1", port)
    with first, second:
        assert port < next_port <= port + 50


def test_hosts_and_ports_that_cannot_be() -> None:
    with pytest.raises(InputError, match="cannot listen on no"):
        bound("no.such.host.invalid", 0)
    with pytest.raises(InputError, match="cannot listen on 192"):
        bound("192.0.2.1", 0)


def test_addresses_to_read() -> None:
    assert Address("127.0.0.1", 7008, 7007).url == "http://127.0.0.1:7008/"
    assert Address("0.0.0.0", 7007, 7007, "a/b").url == "http://THIS-MACHINE:7007/?token=a%2Fb"
    assert Address("::1", 7007, 7007).url == "http://[::1]:7007/"
    assert "ssh -L 7007:127.0.0.1:7007" in Address("127.0.0.1", 7007, 7007).tunnel


def test_the_page_runs_its_own_scripts_only() -> None:
    page = f"<html><head>{MARK}</head><body><script type='module'>start()</script></body></html>"
    policy = headers(page, "127.0.0.1:7007")["Content-Security-Policy"]
    assert "script-src 'sha256-" in policy and "unsafe-eval" not in policy
    assert "ws://127.0.0.1:7007" in policy
    assert "evil" not in headers(page, "x; script-src evil")["Content-Security-Policy"]
    assert headers(page, "h")["Cache-Control"] == "no-store"


def test_a_missing_page_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("efields.server.live_page.files", lambda package: tmp_path)
    assert live_page() == ABSENT and "python viewer/build.py" in ABSENT


def test_ports_are_free_again() -> None:
    listener, port = bound("127.0.0.1", 0)
    listener.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
