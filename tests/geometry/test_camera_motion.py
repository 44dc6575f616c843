"""The camera's motion: given poses, and corrections that are learned along them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from efields.errors import InputError
from efields.geometry.camera_motion import CameraMotion, Config
from efields.geometry.pose import Poses
from efields.geometry.trajectory import Trajectory
from tests.geometry.test_trajectory import seconds, wander

SCALE = 3.0


def times(trajectory: Trajectory, n: int = 50) -> torch.Tensor:
    begin, end = trajectory.seconds_span
    return torch.linspace(begin, end, n, dtype=torch.float64)


def learned(trajectory: Trajectory, stir: float = 0.2, knots_s: np.ndarray | None = None) -> CameraMotion:
    """A motion whose corrections are not zero."""
    motion = Config(learn=True, knot_every_s=0.02).build(trajectory, SCALE, knots_s)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in motion.parameters():
            parameter.copy_(stir * torch.randn(parameter.shape, generator=generator))
    return motion


def close(one: Poses, other: Poses, atol: float = 1e-12) -> None:
    torch.testing.assert_close(one.rotation, other.rotation, rtol=0, atol=atol)
    torch.testing.assert_close(one.position, other.position, rtol=0, atol=atol)


def test_knots_beyond_reason_are_refused_before_any_is_made() -> None:
    for every in (1e-12, 5e-324):
        with pytest.raises(InputError, match=r"knot_every_s = .* makes more than 1000000 knots; give a larger one"):
            Config(learn=True, knot_every_s=every).build(wander())


def test_poses_are_taken_as_given_unless_they_are_learned() -> None:
    trajectory = wander()
    motion = Config().build(trajectory, SCALE)
    at = times(trajectory)
    close(motion.at(at), trajectory.at(at), atol=0)
    assert motion.current() is trajectory
    assert not motion.learned and motion.parameter_groups() == [] and not list(motion.parameters())
    assert motion.state_dict() == {}
    given = trajectory.at(at.flip(0))
    assert motion.carried(given, at) is given


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_corrections_of_zero_change_nothing(kind: str) -> None:
    trajectory = wander(kind=kind)
    motion = Config(learn=True, knot_every_s=0.02).build(trajectory, SCALE)
    at = times(trajectory)
    close(motion.at(at), trajectory.at(at))
    given = trajectory.at(at.flip(0))
    close(motion.carried(given, at), given)
    assert set(motion.state_dict()) == {"rotation", "translation"}


def test_knots_are_even_from_end_to_end() -> None:
    trajectory = wander()
    begin, end = trajectory.seconds_span
    knots = Config(learn=True, knot_every_s=0.016).build(trajectory).knots_s
    torch.testing.assert_close(knots, torch.linspace(begin, end, 5, dtype=torch.float64))  # 64 ms of poses
    assert len(Config(learn=True, knot_every_s=100.0).build(trajectory).knots_s) == 2


def test_a_correction_turns_and_moves_the_camera_in_its_own_axes() -> None:
    trajectory = wander(uneven=True)
    motion = learned(trajectory)
    knots, at = motion.knots_s.numpy(), times(trajectory, 200)
    w, v = (
        np.stack([np.interp(at.numpy(), knots, values.detach().numpy()[:, axis]) for axis in range(3)], axis=1)
        for values in (motion.rotation, motion.translation)
    )
    given, found = trajectory.at(at), motion.at(at)
    expected = given.rotation.numpy() @ Rotation.from_rotvec(w).as_matrix()
    np.testing.assert_allclose(found.rotation.detach().numpy(), expected, atol=1e-10)
    moved = given.position.numpy() + (given.rotation.numpy() @ (SCALE * v)[..., None])[..., 0]
    np.testing.assert_allclose(found.position.detach().numpy(), moved, atol=1e-10)
    assert float((found.position.detach() - given.position).norm(dim=1).max()) > 0.3


def test_before_and_after_the_trajectory_its_ends_are_held() -> None:
    trajectory = wander()
    motion = learned(trajectory)
    begin, end = trajectory.seconds_span
    ends = motion.at(torch.tensor([begin, end], dtype=torch.float64))
    close(motion.at(torch.tensor([begin - 5, end + 5], dtype=torch.float64)), ends)


def test_what_is_fixed_to_the_camera_stays_fixed_to_it() -> None:
    trajectory = wander()
    motion, at = learned(trajectory), times(trajectory)
    beside = np.eye(4)
    beside[:3, :3] = Rotation.from_rotvec([0.3, -0.1, 0.2]).as_matrix()
    beside[:3, 3] = (0.1, -0.05, 0.02)
    camera = trajectory.at(at).matrix().numpy()
    second = motion.carried(Poses.from_matrix(torch.from_numpy(camera @ beside)), at)
    expected = motion.at(at).matrix().detach().numpy() @ beside
    np.testing.assert_allclose(second.matrix().detach().numpy(), expected, atol=1e-9)
    close(motion.carried(trajectory.at(at), at), motion.at(at), atol=1e-9)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
@pytest.mark.parametrize("uneven", [False, True])
def test_the_current_trajectory_is_on_the_corrected_curve(kind: str, uneven: bool) -> None:
    trajectory = wander(kind=kind, uneven=uneven)
    motion = learned(trajectory, stir=0.05)
    now = motion.current()
    assert now.kind == "linear" and now.origin_us == trajectory.origin_us
    assert (now.start_us, now.end_us) == (trajectory.start_us, trajectory.end_us)
    at = seconds(now, now.t_us)
    close(now.at(at), motion.at(at), atol=1e-9)
    knots_us = np.rint(motion.knots_s.numpy() * 1e6).astype(np.int64) + trajectory.origin_us
    assert np.isin(trajectory.t_us[1:-1], now.t_us).all() and np.isin(knots_us[1:-1], now.t_us).all()
    # Between them it is nearer to the corrected curve than the given one is.
    between = times(trajectory, 500)
    corrected = motion.at(between).position.detach()
    error, correction = ((path.at(between).position - corrected).norm(dim=1) for path in (now, trajectory))
    assert float(error.max()) < 0.5 * float(correction.max())


def test_each_posed_image_has_a_knot_of_its_own() -> None:
    trajectory = wander(uneven=True)
    at = seconds(trajectory, trajectory.t_us)
    motion = Config(learn=True).build(trajectory, SCALE, at.numpy()[::-1].copy())
    torch.testing.assert_close(motion.knots_s, at, rtol=0, atol=0)
    with torch.no_grad():
        motion.rotation[4] = torch.tensor([0.2, 0.0, 0.0])
        motion.translation[4] = torch.tensor([0.0, 0.1, 0.0])
    moved = (motion.at(at).position - trajectory.at(at).position).norm(dim=1)
    assert np.flatnonzero(moved.detach().numpy() > 1e-9).tolist() == [4]
    assert float(moved[4].detach()) == pytest.approx(0.1 * SCALE, rel=1e-6)


def test_one_image_alone_has_one_knot() -> None:
    trajectory = wander(p=2)
    begin, end = trajectory.seconds_span
    motion = learned(trajectory, knots_s=np.array([begin, begin]))
    assert len(motion.knots_s) == 1
    one, other = motion.at(torch.tensor([begin, end], dtype=torch.float64)), trajectory.at(times(trajectory, 2))
    offset = torch.einsum("nij,j->ni", other.rotation, SCALE * motion.translation[0].double())
    torch.testing.assert_close(one.position, other.position + offset)


def test_groups_hold_what_is_learned() -> None:
    motion = Config(learn=True, rotation_factor=0.5, translation_factor=0.25).build(wander(), SCALE)
    groups = {group.name: group for group in motion.parameter_groups()}
    assert groups["camera rotation"].parameters == [motion.rotation]
    assert groups["camera translation"].parameters == [motion.translation]
    assert [group.factor for group in groups.values()] == [0.5, 0.25]


def test_gradients_reach_rotations_and_translations() -> None:
    trajectory = wander(p=5)
    motion, at = learned(trajectory).double(), times(trajectory, 7)
    given = trajectory.at(at.flip(0))

    def poses(rotation: torch.Tensor, translation: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = {"rotation": rotation, "translation": translation}
        found = torch.func.functional_call(motion, values, (at,))
        carried = torch.func.functional_call(_Carried(motion, given), {f"motion.{k}": v for k, v in values.items()}, at)
        return found.rotation, found.position, carried.rotation, carried.position

    motion.forward = motion.at  # type: ignore[method-assign]
    assert torch.autograd.gradcheck(poses, (motion.rotation, motion.translation))


class _Carried(torch.nn.Module):
    """Something fixed to the camera, as a module to call."""

    def __init__(self, motion: CameraMotion, given: Poses) -> None:
        super().__init__()
        self.motion, self.given = motion, given

    def forward(self, t_s: torch.Tensor) -> Poses:
        return self.motion.carried(self.given, t_s)
