"""The page as the server sends it: marked as live, and allowed to run only its own scripts."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files

MARK = '<meta name="efields-mode" content="live">'
ABSENT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>efields</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1rem">
<h1>The viewer's page is not built</h1>
<p>Build it in the checkout, then load this page again:</p>
<pre>python viewer/build.py</pre>
<p>The server runs and has the scene: only the page is missing.</p>
</body></html>
"""
_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)


def live_page() -> str:
    """The viewer's page in live mode; a page that says how to build it where it is missing."""
    try:
        page = files("efields").joinpath("_viewer").joinpath("index.html").read_text(encoding="utf-8")
    except OSError:
        return ABSENT
    return page.replace("<head>", f"<head>\n    {MARK}", 1)


def refusal_page(reason: str) -> str:
    """A page for clients that are refused."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>efields</title>'
        f"<p>Not allowed: {html.escape(reason)}.</p></html>"
    )


def headers(page: str, host: str) -> dict[str, str]:
    """Headers of the page: its own inline scripts by their hashes, its own socket, and nothing from elsewhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for attributes, code in _SCRIPT.findall(page)
        if "application/json" not in attributes
    )
    # Some browsers do not take 'self' for a socket. The name goes into a header: only what a host is made of.
    socket = f" ws://{host} wss://{host}" if re.fullmatch(r"[\w.:\[\]-]{1,255}", host) else ""
    policy = {
        "default-src": "'none'",
        "script-src": hashes or "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "media-src": "blob:",
        "connect-src": f"'self'{socket}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
