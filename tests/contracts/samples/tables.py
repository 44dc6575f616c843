"""Events in tables and ROS bags, as other programs write them: text, NumPy, MATLAB (SciPy), a bag byte by byte."""

from __future__ import annotations

import bz2
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import lz4.frame
import numpy as np

from tests.contracts.samples.folders import HEIGHT, WIDTH, event_columns


def text(folder: Path) -> Path:
    """A CSV with names, times in whole microseconds, polarities -1 and 1."""
    folder.mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    rows = zip(x, y, np.where(polarity, 1, -1), t_ns // 1000, strict=True)
    file = folder / "events.csv"
    file.write_text("x,y,polarity,timestamp_us\n" + "".join(f"{a},{b},{p},{t}\n" for a, b, p, t in rows))
    return file


def npz(folder: Path) -> Path:
    """Four arrays and the size of the sensor."""
    folder.mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    np.savez(folder / "events.npz", xs=x, ys=y, ts=t_ns * 1e-9, ps=polarity, width=WIDTH, height=HEIGHT)
    return folder / "events.npz"


def npy(folder: Path) -> Path:
    """One table without names."""
    folder.mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    np.save(folder / "events.npy", np.stack([t_ns * 1e-9, x, y, polarity], axis=1))
    return folder / "events.npy"


def mat(folder: Path) -> Path:
    """The struct TD, compressed, as MATLAB saves it."""
    import scipy.io

    folder.mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    columns = {"x": x, "y": y, "p": np.where(polarity, 1, -1), "ts": t_ns // 1000}
    struct_td = {name: column.astype(np.float64)[:, None] for name, column in columns.items()}
    scipy.io.savemat(folder / "events.mat", {"TD": struct_td}, do_compression=True)
    return folder / "events.mat"


def ros1_record(header: dict[str, bytes], data: bytes) -> bytes:
    """One record of a bag."""
    fields = b"".join(
        struct.pack("<I", len(name) + 1 + len(value)) + name.encode() + b"=" + value for name, value in header.items()
    )
    return struct.pack("<I", len(fields)) + fields + struct.pack("<I", len(data)) + data


def ros1_bag(topics: dict[str, str], messages: list[tuple[str, bytes]], compress: str = "none") -> bytes:
    """A bag with one chunk and its index. ROS pads the header to 4096 bytes; with less, tests damage events."""
    number = {name: struct.pack("<I", i) for i, name in enumerate(topics)}
    connections = b"".join(connection(number[name], name, kind) for name, kind in topics.items())
    inner, places = connections, dict.fromkeys(topics, b"")
    for i, (name, data) in enumerate(messages):
        time = struct.pack("<II", 1, i)
        places[name] += time + struct.pack("<I", len(inner))
        inner += ros1_record({"conn": number[name], "op": b"\x02", "time": time}, data)
    packed = {"none": bytes, "bz2": bz2.compress, "lz4": lz4.frame.compress}[compress](inner)
    chunk = ros1_record(
        {"compression": compress.encode(), "op": b"\x05", "size": struct.pack("<I", len(inner))}, packed
    )
    one = struct.pack("<I", 1)
    for name, at in places.items():
        count = struct.pack("<I", len(at) // 12)
        chunk += ros1_record({"conn": number[name], "count": count, "op": b"\x04", "ver": one}, at)
    head = b"#ROSBAG V2.0\n"
    info = {
        "chunk_pos": struct.pack("<Q", len(head) + 256),
        "count": struct.pack("<I", len(topics)),
        "end_time": struct.pack("<II", 1, len(messages)),
        "op": b"\x06",
        "start_time": struct.pack("<II", 1, 0),
        "ver": one,
    }
    counts = b"".join(number[name] + struct.pack("<I", len(at) // 12) for name, at in places.items())
    start = {
        "chunk_count": one,
        "conn_count": struct.pack("<I", len(topics)),
        "index_pos": struct.pack("<Q", len(head) + 256 + len(chunk)),
        "op": b"\x03",
    }
    padding = b" " * (256 - len(ros1_record(start, b"")))
    return head + ros1_record(start, padding) + chunk + connections + ros1_record(info, counts)


def connection(number: bytes, name: str, kind: str) -> bytes:
    """The record that says what a connection's number means; its data is a header too."""
    about = {"topic": name.encode(), "type": kind.encode(), "md5sum": b"*", "message_definition": b"string data"}
    return ros1_record({"conn": number, "op": b"\x07", "topic": name.encode()}, ros1_record(about, b"")[4:-4])


def event_array(x: np.ndarray, y: np.ndarray, t_ns: np.ndarray, polarity: np.ndarray) -> bytes:
    """A dvs_msgs/EventArray of ROS 1."""
    rows = zip(x.tolist(), y.tolist(), t_ns.tolist(), polarity.tolist(), strict=True)
    events = b"".join(struct.pack("<HHIIB", a, b, t // 10**9, t % 10**9, p) for a, b, t, p in rows)
    header = struct.pack("<III", 0, int(t_ns[0]) // 10**9, int(t_ns[0]) % 10**9) + struct.pack("<I", 3) + b"dvs"
    return header + struct.pack("<III", HEIGHT, WIDTH, len(x)) + events


def rosbag(folder: Path) -> Path:
    """Four messages of events, and one of a type that nobody reads."""
    folder.mkdir(parents=True)
    columns = event_columns()
    parts = [event_array(*(column[i : i + 10] for column in columns)) for i in range(0, 40, 10)]
    messages = [("/dvs/events", part) for part in parts]
    topics = {"/dvs/events": "dvs_msgs/EventArray", "/chatter": "std_msgs/String"}
    (folder / "events.bag").write_bytes(ros1_bag(topics, [*messages, ("/chatter", struct.pack("<I", 2) + b"hi")]))
    return folder / "events.bag"


def hdf5(folder: Path) -> Path:
    """One table of t, x, y, p as v2e writes it, -1 in a type without sign."""
    folder.mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    with h5py.File(folder / "events.h5", "w", libver="latest", meta_block_size=256) as file:
        table = np.stack([t_ns // 1000, x, y, np.where(polarity, 1, -1)], axis=1)
        file["events"] = table.astype(np.uint32)
    return folder / "events.h5"


def npz_folder(folder: Path) -> Path:
    """A folder `events` with an archive for each quarter, one of them empty."""
    (folder / "events").mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    for number, part in enumerate((slice(0, 10), slice(10, 10), slice(10, 30), slice(30, None))):
        np.savez(folder / "events" / f"{number:06d}.npz", x=x[part], y=y[part], t=t_ns[part] // 1000, p=polarity[part])
    return folder


LOADERS: dict[str, Callable[[Path], Path]] = {
    "hdf5": hdf5,
    "npz_folder": npz_folder,
    "text": text,
    "npz": npz,
    "npy": npy,
    "mat": mat,
    "rosbag": rosbag,
}
