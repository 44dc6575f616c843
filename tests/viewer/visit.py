"""One window of the browser: what the page said, what it fetched, and the hooks that it offers to tests."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

READY = "() => window.efields && Promise.resolve(window.efields.ready).then(() => true)"
RAW = """async ([view, options]) => {
  const bytes = new Uint8Array((await window.efields.renderer.raw(view, options)).buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}"""


class Visit:
    """An opened page."""

    def __init__(self, context: Any, address: str) -> None:
        self.page = context.new_page()
        self.errors: list[str] = []
        self.fetched: list[str] = []
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.fetched.append(request.url))
        self.sent: list[dict[str, Any]] = []
        """Messages to the server."""
        self.page.on("websocket", self._listen)
        self.page.goto(address)

    def _listen(self, socket: Any) -> None:
        self.fetched.append(socket.url)
        socket.on("framesent", lambda text: self.sent.append(json.loads(text)))

    def ready(self, timeout_s: float = 30) -> Visit:
        """This, once the interface has started."""
        self.wait_for(READY, timeout_s)
        return self

    def wait_for(self, script: str, timeout_s: float = 20, argument: Any = None) -> None:
        """Until a function of the page gives something; else what the page shows instead."""
        try:
            self.page.wait_for_function(script, arg=argument, timeout=1000 * timeout_s)
        except Exception as error:
            if type(error).__name__ != "TimeoutError":
                raise
            shown = " | ".join(self.text().split("\n"))[:600]
            raise AssertionError(f"never came true: {script}\nerrors: {self.errors}\npage: {shown}") from None

    def ask(self, script: str, argument: Any = None) -> Any:
        """The value of a JavaScript expression or function."""
        return self.page.evaluate(script, argument)

    def view(self) -> dict[str, Any]:
        """All that the picture depends on."""
        return self.ask("() => window.efields.view()")

    def status(self) -> dict[str, Any]:
        """How the last picture was made."""
        return self.ask("() => window.efields.status()")

    def wait_full(self, timeout_s: float = 20) -> dict[str, Any]:
        """The status, once the picture is a full one."""
        self.wait_for("() => window.efields.status()?.state === 'full'", timeout_s)
        return self.status()

    def part(self, name: str) -> Any:
        """The element that tests know by this name."""
        return self.page.locator(f"[data-test={name}]")

    def pixels(self) -> str:
        """The picture on the canvas, as the address of a PNG."""
        return self.ask("() => window.efields.renderer.canvas.toDataURL()")

    def text(self) -> str:
        """All text that is seen."""
        return self.page.inner_text("body")

    def raw(self, view: dict[str, Any], skip: bool = True) -> np.ndarray:
        """Exact values `[h, w, 4]` of a view, float32, as the renderer of baked scenes has them."""
        numbers = base64.b64decode(self.ask(RAW, [view, {"skip": skip}]))
        return np.frombuffer(numbers, np.float32).reshape(view["height"], view["width"], 4)
