"""A GLB file in the world: its vertices near their origin, the origin in a node."""

from __future__ import annotations

import json
import struct

from efields.export.mesh import placed_glb

ORIGIN = (499712.0, 5400576.0, 128.0)


def glb(document: dict[str, object], rest: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return b"glTF" + struct.pack("<IIII", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


def test_a_moved_file_has_one_root_more_and_the_same_vertices() -> None:
    rest = struct.pack("<II", 8, 0x004E4942) + bytes(range(8))
    data = placed_glb(
        glb({"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "asset": {"version": "2.0"}}, rest), ORIGIN
    )
    magic, version, whole, length, kind = struct.unpack_from("<4sIIII", data)
    assert (magic, version, whole, kind) == (b"glTF", 2, len(data), 0x4E4F534A)
    assert length % 4 == 0
    document = json.loads(data[20 : 20 + length])
    assert document["scenes"][0]["nodes"] == [1]
    assert document["nodes"][1]["children"] == [0]
    assert tuple(document["nodes"][1]["translation"]) == ORIGIN
    assert data[20 + length :] == rest
