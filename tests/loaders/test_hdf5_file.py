"""The one way to open HDF5: nothing outside of the file is read, and what keeps or crashes libhdf5 is told."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from efields.errors import InputError
from efields.formats.hdf5 import helper_process
from efields.formats.hdf5.file import opened_hdf5
from efields.loaders import load


def write_events(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name in "xytp":
            file[f"events/{name}"] = np.zeros(4, dtype=np.uint32)


def test_links_and_datasets_in_other_files_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    write_events(secret)
    for name in ("link", "virtual", "raw"):
        path = tmp_path / f"{name}.h5"
        write_events(path)
        with h5py.File(path, "r+") as file:
            del file["events/x"]
            if name == "link":
                file["events/x"] = h5py.ExternalLink(str(secret), "events/x")
            elif name == "virtual":
                layout = h5py.VirtualLayout(shape=(4,), dtype=np.uint32)
                layout[:] = h5py.VirtualSource(str(secret), "events/x", shape=(4,))
                file.create_virtual_dataset("events/x", layout)
            else:
                file.create_dataset("events/x", (4,), np.uint32, external=[(str(secret), 0, 16)])
        with pytest.raises(InputError, match="keeps 'events/x' in another file; copy the data into one file"):
            load(path, "dsec")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no signals")
@pytest.mark.parametrize("ends_in", ["a crash", "no end"])
def test_a_structure_that_is_the_helpers_end_is_refused(
    ends_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that dies before it answers stands for libhdf5 in a damaged file: the next file gets a new one."""
    path, script = tmp_path / "a.h5", tmp_path / "probe.py"
    write_events(path)
    end = "os.abort()" if ends_in == "a crash" else "raise SystemExit(1)"
    script.write_text(f"import os; print({{}}, flush=True); input(); {end}")
    helper = helper_process.Helper()
    monkeypatch.setattr(helper_process, "__file__", str(tmp_path / "helper_process.py"))
    monkeypatch.setattr(helper_process, "_helper", helper)
    with (
        pytest.raises(InputError, match=r"a.h5: its structure is damaged: reading it does not end, or crashes"),
        opened_hdf5(path),
    ):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(helper_process, "_helper", helper)
    write_events(tmp_path / "b.h5")
    with opened_hdf5(tmp_path / "b.h5") as file:
        assert list(file["events"]) == ["p", "t", "x", "y"]


def test_a_helper_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_events(tmp_path / "a.h5")
    (tmp_path / "probe.py").write_text("import no_such_package")
    monkeypatch.setattr(helper_process, "_helper", helper_process.Helper())
    monkeypatch.setattr(helper_process, "__file__", str(tmp_path / "helper_process.py"))
    with pytest.raises(InputError, match="helper process that checks HDF5 files cannot be started"):
        load(tmp_path / "a.h5", "dsec")
