"""The viewer inside of the report."""

from __future__ import annotations

import base64
import re
import zlib

from efields.report.viewer import section


def test_the_page_is_packed_into_the_report_and_comes_back() -> None:
    page = "<!doctype html><body><script>1 < 2</script></body>"
    html = section(page)
    found = re.search(r'id="viewer-page">([\w+/=]+)</script>', html)
    assert found is not None
    assert zlib.decompress(base64.b64decode(found[1])).decode("utf-8") == page
    assert "iframe" in html and "<button" in html


def test_without_a_page_one_sentence_stands_there() -> None:
    assert "without the viewer" in section(None) and "<button" not in section(None)
