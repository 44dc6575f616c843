"""The viewer inside the report: stored as text and started by a click, as it uses the reader's GPU."""

from __future__ import annotations

import base64
import zlib

from efields.report import markup

BUTTON = "Fly through it"
# A separate frame keeps the page's style and keys apart. Blob URLs work from disk, where a second file does not.
_SCRIPT = """
document.getElementById("open-viewer").addEventListener("click", async (event) => {
  const text = document.getElementById("viewer-page").textContent.trim();
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const page = await new Response(stream).arrayBuffer();
  const frame = document.createElement("iframe");
  frame.title = "The field, to fly through";
  frame.src = URL.createObjectURL(new Blob([page], { type: "text/html" }));
  event.target.replaceWith(frame);
});
"""


def section(page: str | None) -> str:
    """The section that holds the viewer's page; one sentence where there is none."""
    title = "View the scene"
    if page is None:
        return markup.section(title, markup.missing("This report was written without the viewer."), anchor="look")
    packed = base64.b64encode(zlib.compress(page.encode("utf-8"), 6)).decode("ascii")
    return markup.section(
        title,
        markup.paragraph("A coarse copy of the field, rendered by your own GPU. `efields export` makes a finer one."),
        f'<button type="button" id="open-viewer" class="open">{BUTTON}</button>',
        f'<script type="text/plain" id="viewer-page">{packed}</script>',
        f"<script>{_SCRIPT}</script>",
        anchor="look",
    )
