"""What every loader promises, checked for each file of efields/loaders."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from efields import loaders
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.loaders import find, kinds, load, loader, open_events
from efields.loaders._recognition import Signs, candidates, signs_in
from efields.recordings.recording import Recording, Views
from tests.contracts.samples import LOADERS

ON_DISK = sorted(path.stem for path in Path(loaders.__path__[0]).glob("*.py") if not path.stem.startswith("_"))
per_kind = pytest.mark.parametrize("kind", kinds())


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def garbage(data: bytes) -> bytes:
    return np.random.default_rng(len(data)).bytes(max(64, len(data)))


def emptied(data: bytes) -> bytes:
    return data[:0]


def flipped(data: bytes) -> bytes:
    """Bytes changed in the middle, the ends kept."""
    middle = len(data) // 2
    return data[: middle - 8] + bytes(255 - byte for byte in data[middle - 8 : middle + 8]) + data[middle + 8 :]


DAMAGES: tuple[Callable[[bytes], bytes], ...] = (truncated, garbage, emptied, flipped)


def test_every_loader_has_a_sample_and_every_sample_a_loader() -> None:
    assert list(kinds()) == ON_DISK
    assert sorted(LOADERS) == ON_DISK


@per_kind
def test_config_is_frozen_documented_and_has_defaults(kind: str) -> None:
    config = loader(kind).Config
    assert dataclasses.is_dataclass(config)
    fields = dataclasses.fields(config)
    assert callable(config().load)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config(), fields[0].name, fields[0].default)
    tree = ast.parse(Path(loader(kind).__file__).read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Config").body
    for field, after in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign):
            assert isinstance(after, ast.Expr), f"{ast.unparse(field)} has no docstring"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample of every kind, which no test changes."""
    folder = tmp_path_factory.mktemp("samples")
    return {kind: write(folder / kind) for kind, write in LOADERS.items()}


@per_kind
def test_matches_its_own_sample_alone(kind: str, samples: dict[str, Path]) -> None:
    for other, sample in samples.items():
        assert loader(kind).matches(sample) is (other == kind)
        assert find(sample) == other


@per_kind
def test_signs_allow_its_sample_and_are_read_from_the_source_as_the_module_has_them(
    kind: str, samples: dict[str, Path]
) -> None:
    sources = [Path(loader(kind).__file__ or "")]
    assert kind in {*itertools.chain(*candidates(samples[kind], sources))}
    signs = Signs(getattr(loader(kind), "BEGINS", None), getattr(loader(kind), "HOLDS", ()))
    assert signs_in(sources[0]) == signs
    assert signs.begins is not None or signs.holds


@per_kind
def test_matches_nothing_else(kind: str, tmp_path: Path) -> None:
    matches = loader(kind).matches
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "events.bin").write_bytes(garbage(b""))
    (tmp_path / "events.txt").write_text("what happened in 1969\n")
    for path in (tmp_path / "empty", tmp_path / "foreign", tmp_path / "events.txt", tmp_path / "not_there"):
        assert matches(path) is False, path
    sample = LOADERS[kind](tmp_path / "names")
    for kept in files(sample):  # the right names with the wrong contents
        kept.write_bytes(garbage(b""))
    assert matches(sample) is False


@per_kind
def test_recording_keeps_the_contract(kind: str, tmp_path: Path) -> None:
    sample = LOADERS[kind](tmp_path / "sample")
    around = tmp_path / "sample"
    before = {path: path.stat().st_mtime_ns for path in around.rglob("*")}
    recording = load(sample)
    assert {path: path.stat().st_mtime_ns for path in around.rglob("*")} == before, "loading writes nothing"
    events, camera, trajectory = recording.events, recording.camera, recording.trajectory
    assert len(events) > 0 or recording.frames is not None
    assert (events.x.dtype, events.y.dtype, events.polarity.dtype) == (np.uint16, np.uint16, np.bool_)
    assert events.t_us.dtype == np.int64
    assert (np.diff(events.t_us) >= 0).all()
    if camera is not None:
        assert (camera.width, camera.height) == (events.width, events.height)
    assert events.x.max(initial=0) < events.width
    assert events.y.max(initial=0) < events.height
    assert recording.name
    assert recording.path == sample
    assert all(isinstance(note, str) and note.endswith(".") for note in recording.notes)
    if trajectory is not None:
        assert trajectory.t_us.dtype == np.int64
        assert trajectory.position.dtype == trajectory.orientation.dtype == np.float64
        assert trajectory.covers(events.t_us).all()
        assert trajectory.origin_us == recording.origin_us
    # Photographs have as many channels as they have; beside events they have those of the event camera.
    like = recording.frames if recording.frames is not None and not len(events) else camera
    if recording.frames is not None:
        assert like is not None
        check_views(recording.frames, like.channels)
        assert recording.frames.t_us is None or trajectory is None or trajectory.covers(recording.frames.t_us).all()
    if recording.heldout is not None:
        assert like is not None
        check_views(recording.heldout, like.channels)


def files(sample: Path) -> list[Path]:
    """Every file of a sample, which may be one itself."""
    return [sample] if sample.is_file() else sorted(path for path in sample.rglob("*") if path.is_file())


@per_kind
def test_one_pass_gives_what_loading_gives(kind: str, tmp_path: Path) -> None:
    sample = LOADERS[kind](tmp_path / "sample")
    file, whole = open_events(sample), load(sample).events
    assert (file.width, file.height) == (whole.width, whole.height)
    assert file.format
    for _ in range(2):  # each pass starts anew
        columns = EventColumns.concat(list(file.events(Damages(file.path))))
        assert [column.dtype for column in columns] == [np.uint16, np.uint16, np.int64, np.bool_]
        one_pass = columns.take(np.argsort(columns.t_us, kind="stable"))
        kept = np.isin(one_pass.t_us, whole.t_us)  # loading may drop events without poses
        for column, name in zip(one_pass, ("x", "y", "t_us", "polarity"), strict=True):
            np.testing.assert_array_equal(column[kept], getattr(whole, name))


def check_views(views: Views, channels: int) -> None:
    assert views.image.dtype == np.float32
    assert views.image.shape == (len(views), views.camera.height, views.camera.width, channels)
    assert np.isfinite(views.image).all()
    assert (views.image >= 0).all()
    assert len(views.names) == len(views)
    assert views.T_world_camera.dtype == np.float64
    rotation = views.T_world_camera[:, :3, :3]
    np.testing.assert_allclose(
        rotation @ rotation.transpose(0, 2, 1), np.broadcast_to(np.eye(3), rotation.shape), atol=1e-6
    )
    assert (np.linalg.det(rotation) > 0).all()


@per_kind
def test_loading_twice_gives_the_same(kind: str, tmp_path: Path) -> None:
    sample = LOADERS[kind](tmp_path / "sample")
    first, second = (arrays(load(sample)) for _ in range(2))
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def arrays(recording: Recording) -> dict[str, np.ndarray]:
    parts = {"events": recording.events, "trajectory": recording.trajectory, "frames": recording.frames}
    return {
        f"{part}.{name}": value
        for part, held in (*parts.items(), ("heldout", recording.heldout))
        if held is not None
        for name, value in vars(held).items()
        if isinstance(value, np.ndarray)
    }


@per_kind
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_one_line(kind: str, damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Every file of the sample damaged in turn: an InputError of one line, or a recording where the file is no loss."""
    sample = LOADERS[kind](tmp_path / "sample")
    refused = 0
    for file in files(sample):
        intact = file.read_bytes()
        file.write_bytes(damage(intact))
        refused += not loads_or_one_line(sample, kind)
        file.write_bytes(intact)
    assert refused > 0
    assert loads_or_one_line(sample, kind)


@per_kind
def test_a_missing_file_is_one_line(kind: str, tmp_path: Path) -> None:
    sample = LOADERS[kind](tmp_path / "sample")
    for file in files(sample):
        intact = file.read_bytes()
        file.unlink()
        loads_or_one_line(sample, kind)
        file.write_bytes(intact)
    assert loads_or_one_line(sample, kind)


def loads_or_one_line(sample: Path, kind: str) -> bool:
    """Whether it loads; what it raises otherwise must be an InputError of one line that names a path."""
    try:
        load(sample, kind)
    except InputError as error:
        refusal = str(error)
    else:
        return True
    assert "\n" not in refusal
    assert str(sample.parent) in refusal
    return False


@per_kind
def test_an_unknown_option_gets_a_suggestion(kind: str, tmp_path: Path) -> None:
    sample = LOADERS[kind](tmp_path / "sample")
    name = dataclasses.fields(loader(kind).Config)[0].name
    with pytest.raises(InputError, match=f"did you mean '{name}'"):
        load(sample, kind, **{f"{name}x": 0})


@per_kind
@pytest.mark.parametrize("name", ["empty", "not_there"])
def test_an_empty_or_absent_place_is_one_line(kind: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name):
        load(tmp_path / name, kind)
    with pytest.raises(InputError, match=name):
        loader(kind).Config().load(tmp_path / name)
