"""The implicit flow of a window, its lattice, trajectories along it, and a recording's flow on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from efields.backends.flow_lattice import along_trajectories, flow_on_lattice
from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.motion.flow import Flow, flow_of
from efields.motion.flow_field import FieldFrame, FlowField, FlowFieldConfig, rotational_flow
from efields.motion.flow_maps import dense_displacement, dense_flow, stacked_maps
from tests.motion.moving_points import CAMERA

FRAME = FieldFrame(0.05, (0.02, -0.01), (0.75, 0.57), 0.44, (3, 21, 29))
CONFIG = FlowFieldConfig(width=16, layers=3)


def field(seed: int = 0, swell: float = 0.3, frame: FieldFrame = FRAME) -> FlowField:
    """A field whose residual is not zero."""
    generator = torch.Generator().manual_seed(seed)
    made = FlowField(CONFIG, frame, generator)
    with torch.no_grad():
        made.out.weight.copy_(swell * torch.randn(made.out.weight.shape, generator=generator))
        made.rotation.copy_(torch.tensor([0.2, -0.3, 0.5]))
    return made.requires_grad_(False)


def places(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    t_s = (2 * torch.rand(count, generator=rng) - 1) * FRAME.half_s
    return t_s, (2 * torch.rand((count, 2), generator=rng) - 1) * torch.tensor(FRAME.half) + torch.tensor(FRAME.centre)


def test_a_new_field_is_the_flow_of_its_rotation() -> None:
    made = FlowField(CONFIG, FRAME, torch.Generator().manual_seed(0))
    made.rotation.copy_(torch.tensor([0.2, -0.3, 0.5]))
    t_s, bearing = places(40)
    torch.testing.assert_close(made.at(t_s, bearing), rotational_flow(bearing, made.rotation))


def test_same_seed_same_field() -> None:
    t_s, bearing = places(40)
    torch.testing.assert_close(field(3).at(t_s, bearing), field(3).at(t_s, bearing), rtol=0, atol=0)
    assert not torch.allclose(field(3).at(t_s, bearing), field(4).at(t_s, bearing))


def test_differentiable_in_place_and_weights() -> None:
    made = field().double().requires_grad_(True)
    t_s, bearing = (values.double() for values in places(5))
    assert torch.autograd.gradcheck(lambda x: made.at(t_s, x), (bearing.requires_grad_(True),))
    made.at(t_s, bearing).square().sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in made.parameters() if p.grad is not None)


def test_lattice_equals_the_field_on_its_points_and_is_near_between() -> None:
    made = field(swell=0.05)
    lattice = made.lattice()
    t_s, bearing = places(500)
    exact = made.at(t_s, bearing)
    assert (flow_on_lattice(lattice.values, lattice.extent, t_s, bearing) - exact).abs().mean() < 0.1 * exact.std()
    corner = torch.tensor([[FRAME.centre[0] - FRAME.half[0], FRAME.centre[1] + FRAME.half[1]]])
    at = torch.tensor([FRAME.half_s])
    found = flow_on_lattice(lattice.values, lattice.extent, at, corner)
    torch.testing.assert_close(found, made.at(at, corner), rtol=1e-4, atol=1e-5)


def test_stiffness_leaves_ordinary_flow_alone_and_sees_collapse() -> None:
    made = FlowField(CONFIG, FRAME, torch.Generator().manual_seed(0))
    made.rotation.copy_(torch.tensor([0.2, -0.3, 0.5]))
    made.requires_grad_(False)
    assert float(made.lattice().deformation()) < 1e-6
    assert float(field(swell=3.0).lattice().deformation()) > 0.1


def test_trajectories_return_and_follow_an_exact_rotation() -> None:
    """Forth and back again is where it was; about the optical axis a point runs on a circle."""
    t_s, bearing = places(60)
    made = field()
    there = along_trajectories(made.at, t_s, bearing, torch.full_like(t_s, 0.04), 8)
    back = along_trajectories(made.at, torch.full_like(t_s, 0.04), there, t_s, 8)
    torch.testing.assert_close(back, bearing, rtol=0, atol=2e-4)
    turning = FlowField(CONFIG, FRAME, torch.Generator().manual_seed(0))
    turning.rotation.copy_(torch.tensor([0.0, 0.0, 4.0]))
    turned = along_trajectories(turning.at, torch.zeros(60), bearing, torch.full((60,), 0.05), 4)
    angle = torch.tensor(-4.0 * 0.05)
    circle = torch.stack(
        (
            bearing[:, 0] * angle.cos() - bearing[:, 1] * angle.sin(),
            bearing[:, 0] * angle.sin() + bearing[:, 1] * angle.cos(),
        ),
        dim=1,
    )
    torch.testing.assert_close(turned, circle, rtol=0, atol=1e-4)


def recording() -> Flow:
    """Two overlapping windows and a third after a gap."""
    return flow_of(
        [field(0), field(1), field(2)], [(0, 100_000), (50_000, 150_000), (400_000, 500_000)], CAMERA
    )  # fmt: skip


def test_flow_in_pixels_a_second_blends_windows() -> None:
    flow = recording()
    pixel = np.array([[100.0, 50.0], [200.0, 200.0]])
    alone = flow_of([flow.fields[0]], [(0, 100_000)], CAMERA)
    np.testing.assert_allclose(flow.at(20_000, pixel), alone.at(20_000, pixel))
    bearing = (pixel - [CAMERA.cx, CAMERA.cy]) / CAMERA.fx
    expected = flow.fields[0].at(torch.full((2,), -0.03), torch.from_numpy(bearing).float()).numpy() * CAMERA.fx
    np.testing.assert_allclose(alone.at(20_000, pixel), expected, rtol=1e-4)
    # Where two windows count alike, their mean.
    one, other = (flow_of([flow.fields[k]], [span], CAMERA) for k, span in ((0, (0, 100_000)), (1, (50_000, 150_000))))
    np.testing.assert_allclose(flow.at(75_000, pixel), (one.at(75_000, pixel) + other.at(75_000, pixel)) / 2)


def test_flow_is_defined_everywhere_and_never_nan() -> None:
    flow = recording()
    pixel = np.array([[-50.0, 400.0], [np.nan, 3.0], [10.0, 10.0]])
    for t_us in (-1_000_000, 250_000, 300_000, 9_000_000):
        assert np.isfinite(flow.at(t_us, pixel)).all()
    np.testing.assert_array_equal(flow.at(0, pixel)[1], 0.0)
    assert flow.at(0, np.empty((0, 2))).shape == (0, 2)


def test_displacement_adds_up_along_trajectories() -> None:
    flow = recording()
    pixel = np.random.default_rng(0).uniform((60, 60), (280, 200), (30, 2))
    whole = flow.displacement(10_000, 90_000, pixel)
    first = flow.displacement(10_000, 50_000, pixel)
    np.testing.assert_allclose(first + flow.displacement(50_000, 90_000, pixel + first), whole, atol=1e-6)
    back = flow.displacement(90_000, 10_000, pixel + whole)
    np.testing.assert_allclose(back, -whole, atol=0.05)


def test_saved_flow_is_the_same_flow(tmp_path: Path) -> None:
    flow = recording()
    flow.save(tmp_path / "flow.npz")
    again = Flow.load(tmp_path / "flow.npz")
    pixel = np.random.default_rng(0).uniform(0, 260, (50, 2))
    for t_us in (0, 75_000, 450_000):
        np.testing.assert_array_equal(again.at(t_us, pixel), flow.at(t_us, pixel))
    assert again.camera == Camera(346, 260, 226.0, 226.0, 173.0, 130.0)


def test_maps_of_every_pixel_are_the_flow_asked_for_at_each(tmp_path: Path) -> None:
    flow = recording()
    y, x = np.mgrid[: flow.camera.height, : flow.camera.width]
    pixel = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    start, stop = int(flow.start_us[0]), int(flow.start_us[0]) + 10_000
    slow, dense = flow.at(start, pixel).reshape(*x.shape, 2), dense_flow(flow, start)
    speed = np.linalg.norm(slow, axis=-1)
    assert np.linalg.norm(dense - slow, axis=-1).max() < 0.02 * speed.max()
    moved, wide = flow.displacement(start, stop, pixel).reshape(*x.shape, 2), dense_displacement(flow, start, stop)
    assert np.linalg.norm(moved - wide, axis=-1).max() < 0.02 * np.linalg.norm(moved, axis=-1).max()
    with stacked_maps(tmp_path / "m.npz", np.array([start, stop, stop + 1]), flow.camera) as append:
        append(wide)
        append(2 * wide)
    with np.load(tmp_path / "m.npz") as held:
        assert held["flow"].dtype == np.float32
        np.testing.assert_array_equal(held["flow"], np.stack([wide, 2 * wide]).astype(np.float32))
        assert (held["start_us"].tolist(), held["stop_us"].tolist()) == ([start, stop], [stop, stop + 1])


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_another_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "flow.npz"
    if content is None:
        np.savez(path, start_us=np.array([1]))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="not a flow file written by efields"):
        Flow.load(path)
