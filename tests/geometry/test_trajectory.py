from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from efields.errors import InputError
from efields.geometry.pose import invert, se3_exp, se3_log, so3_exp, so3_log
from efields.geometry.trajectory import Trajectory

ORIGIN = 1_600_000_000_000_000


def wander(p: int = 9, seed: int = 0, kind: str = "linear", uneven: bool = False) -> Trajectory:
    rng = np.random.default_rng(seed)
    steps = rng.integers(500, 20_000, p) if uneven else np.full(p, 8000)
    rotation = Rotation.from_rotvec(np.cumsum(rng.normal(0, 0.4, (p, 3)), axis=0))
    return Trajectory.from_arrays(
        ORIGIN + 500 + np.cumsum(steps),
        np.cumsum(rng.normal(size=(p, 3)), axis=0),
        rotation.as_quat(),
        kind=kind,  # type: ignore[arg-type]
        origin_us=ORIGIN,
    )


def seconds(trajectory: Trajectory, t_us: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((t_us - trajectory.origin_us) * 1e-6)


def rows(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "t_us": np.array([0, 10, 20]),
        "position": np.arange(9.0).reshape(3, 3),
        "orientation": np.tile([0.0, 0.0, 0.0, 1.0], (3, 1)),
    }
    return good | changes


def test_linear_equals_scipy_slerp_and_numpy_interp():
    trajectory = wander(uneven=True)
    t_us = np.sort(np.random.default_rng(1).integers(trajectory.start_us, trajectory.end_us + 1, 500))
    poses = trajectory.at(seconds(trajectory, t_us))
    at = Slerp(trajectory.t_us - ORIGIN, Rotation.from_quat(trajectory.orientation))(t_us - ORIGIN)
    np.testing.assert_allclose(poses.rotation.numpy(), at.as_matrix(), atol=1e-9)
    for axis in range(3):
        expected = np.interp(t_us, trajectory.t_us, trajectory.position[:, axis])
        np.testing.assert_allclose(poses.position[:, axis].numpy(), expected, atol=1e-9)


def test_linear_passes_through_its_poses():
    trajectory = wander()
    poses = trajectory.at(seconds(trajectory, trajectory.t_us))
    np.testing.assert_allclose(poses.position.numpy(), trajectory.position, atol=1e-12)
    expected = Rotation.from_quat(trajectory.orientation).as_matrix()
    np.testing.assert_allclose(poses.rotation.numpy(), expected, atol=1e-12)


def test_quaternions_of_either_sign_are_the_same_motion():
    plain = wander()
    signs = np.where(np.arange(len(plain)) % 2, -1.0, 1.0)[:, None]
    flipped = Trajectory.from_arrays(plain.t_us, plain.position, signs * plain.orientation, origin_us=ORIGIN)
    t_s = torch.linspace(*plain.seconds_span, 101, dtype=torch.float64)
    torch.testing.assert_close(flipped.at(t_s).rotation, plain.at(t_s).rotation)


def test_a_microsecond_counts_far_from_the_origin_of_the_clock():
    trajectory = Trajectory.from_arrays(
        ORIGIN + np.array([0, 100_000_000]),
        np.array([[0.0] * 3, [1e8] * 3]),
        rows()["orientation"][:2],
        origin_us=ORIGIN,  # type: ignore[index]
    )
    t_us = ORIGIN + np.array([99_999_998, 99_999_999])
    np.testing.assert_allclose(trajectory.at(seconds(trajectory, t_us)).position[:, 0].diff().numpy(), 1.0, atol=1e-6)
    with pytest.raises(TypeError, match="float64"):
        trajectory.at(torch.zeros(3))


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_outside_its_times_the_end_poses_are_held(kind):
    trajectory = wander(kind=kind)
    begin, end = trajectory.seconds_span
    t_s = torch.tensor([begin - 1, begin, end, end + 1], dtype=torch.float64)
    poses = trajectory.at(t_s)
    for early, late in ((0, 1), (3, 2)):
        torch.testing.assert_close(poses[early : early + 1].matrix(), poses[late : late + 1].matrix())
    expected = [trajectory.position[0], trajectory.position[-1]]
    np.testing.assert_allclose(poses.position[1:3].numpy(), expected, atol=1e-12)
    covered = trajectory.covers(trajectory.start_us + np.array([-1, 0, 1]))
    assert covered.tolist() == [False, True, True]
    assert trajectory.covers(trajectory.end_us + np.array([-1, 0, 1])).tolist() == [True, True, False]


def naive_cubic(trajectory: Trajectory, t_s: float) -> torch.Tensor:
    """De Boor by hand at uniform knots, with the end motions continued."""
    begin, end = trajectory.seconds_span
    T = Trajectory(trajectory.t_us, trajectory.position, trajectory.orientation, "linear", trajectory.origin_us)
    p = len(trajectory)
    knots = torch.linspace(begin, end, p, dtype=torch.float64)
    controls = list(T.at(knots).matrix())
    first = controls[0] @ invert(invert(controls[0]) @ controls[1])
    last = controls[-1] @ (invert(controls[-2]) @ controls[-1])
    controls = [first, *controls, last]
    step = (end - begin) / (p - 1)
    i = min(max(int((t_s - begin) / step), 0), p - 2)
    u = (t_s - begin) / step - i
    shares = ((5 + 3 * u - 3 * u**2 + u**3) / 6, (1 + 3 * u + 3 * u**2 - 2 * u**3) / 6, u**3 / 6)
    result = controls[i]
    for j, share in enumerate(shares):
        result = result @ se3_exp(share * se3_log(invert(controls[i + j]) @ controls[i + j + 1]))
    return result


@pytest.mark.parametrize("uneven", [False, True])
def test_cubic_equals_the_formula_pose_by_pose(uneven):
    trajectory = wander(kind="cubic", uneven=uneven)
    t_s = torch.linspace(*trajectory.seconds_span, 60, dtype=torch.float64)[1:-1]
    found = trajectory.at(t_s).matrix()
    for k, t in enumerate(t_s.tolist()):
        torch.testing.assert_close(found[k], naive_cubic(trajectory, t), rtol=0, atol=1e-9)


def test_cubic_reproduces_constant_twist_exactly():
    twist = torch.tensor([0.3, -0.1, 0.2, 0.2, 0.1, -0.15], dtype=torch.float64)
    k = torch.arange(8, dtype=torch.float64)
    T = se3_exp(k[:, None] * twist)
    trajectory = Trajectory.from_matrices(np.arange(8) * 1000, T.numpy(), "cubic")
    t = torch.linspace(0, 7, 50, dtype=torch.float64)
    torch.testing.assert_close(trajectory.at(t * 1e-3).matrix(), se3_exp(t[:, None] * twist), rtol=0, atol=1e-12)


def test_cubic_positions_without_rotation_are_the_scalar_b_spline():
    from scipy.interpolate import BSpline

    p = 10
    position = np.random.default_rng(3).normal(size=(p, 3))
    trajectory = Trajectory.from_arrays(np.arange(p) * 1000, position, np.tile([0.0, 0, 0, 1], (p, 1)), "cubic")
    spline = BSpline(np.arange(-2, p + 2), position, 3)
    t = np.linspace(1, p - 2, 77)
    found = trajectory.at(torch.from_numpy(t * 1e-3))
    np.testing.assert_allclose(found.position.numpy(), spline(t), atol=1e-11)


def test_cubic_velocity_and_acceleration_do_not_jump():
    trajectory = wander(kind="cubic")
    step = 8e-3
    knots = trajectory.seconds_span[0] + step * torch.arange(1, len(trajectory) - 1, dtype=torch.float64)

    def derivatives(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        u = (t / step).requires_grad_()
        position = trajectory.at(u * step).position
        velocity = [torch.autograd.grad(position[:, a].sum(), u, create_graph=True)[0] for a in range(3)]
        acceleration = [torch.autograd.grad(v.sum(), u, retain_graph=True)[0] for v in velocity]
        return torch.stack(velocity, -1).detach(), torch.stack(acceleration, -1)

    (v0, a0), (v1, a1) = derivatives(knots - 1e-9), derivatives(knots + 1e-9)
    torch.testing.assert_close(v0, v1, rtol=0, atol=1e-5)
    torch.testing.assert_close(a0, a1, rtol=0, atol=1e-4)
    assert a0.abs().max() > 0.05, "something is accelerating"


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_poses_are_differentiable_in_time(kind):
    trajectory = wander(kind=kind)
    begin, end = trajectory.seconds_span
    # In units of the pose spacing, or finite differences would cross poses.
    t = torch.linspace(begin, end, 12, dtype=torch.float64)[1:-1] / 8e-3
    assert torch.autograd.gradcheck(lambda v: trajectory.at(v * 8e-3).matrix(), t.requires_grad_())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"position": np.array([[0, 0, np.nan], [0, 0, 1], [0, 0, 2.0]])},
            "gt.txt: pose 1: its position or",
        ),
        (
            {"orientation": np.tile([0, 0, np.inf, 1.0], (3, 1))},
            "gt.txt: pose 1: its position or quaternion is not",
        ),
        (
            {"orientation": np.tile([0, 0, 0, 1.01], (3, 1))},
            "gt.txt: pose 1: its quaternion is not of unit length",
        ),
        ({"orientation": np.zeros((3, 4))}, "gt.txt: pose 1: its quaternion is 0 0 0 0"),
        ({"t_us": np.array([0, 0, 0])}, "gt.txt: all 3 poses have the same time, 0.000000 s"),
        ({"t_us": np.array([0, 1, 2**63 - 1])}, "gt.txt: pose 3: its time of 9.22337e+18 us is out of range"),
        ({"position": np.array([[0, 0, 0], [0, 0, 1e300], [0, 0, 2.0]])}, "gt.txt: pose 2: its position 0, 0, 1e+300"),
        ({"t_us": np.array([0.5, 1.5, 2.5])}, "gt.txt: times of poses are not whole microseconds"),
        ({"t_us": np.array([0, 1])}, "gt.txt: times, positions and orientations have shapes"),
        ({"kind": "quintic"}, "gt.txt: trajectory kind 'quintic'"),
        (
            {"t_us": np.array([1]), "position": np.zeros((1, 3)), "orientation": np.array([[0, 0, 0, 1.0]])},
            "gt.txt: 1 pose",
        ),
        ({"t_us": np.empty(0), "position": np.empty((0, 3)), "orientation": np.empty((0, 4))}, "gt.txt: 0 pose"),
    ],
)
def test_bad_poses_are_one_line_that_names_the_source(changes, message):
    with pytest.raises(InputError) as caught:
        Trajectory.from_arrays(**rows(**changes), where="gt.txt")  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_poses_out_of_order_are_sorted_and_repeated_ones_dropped_with_counts(caplog):
    with caplog.at_level(logging.WARNING):
        trajectory = Trajectory.from_arrays(
            np.array([30, 10, 20, 10]),
            np.arange(12.0).reshape(4, 3),
            np.tile([0.0, 0, 0, 1], (4, 1)),
            where="gt.txt",
        )
    assert trajectory.t_us.tolist() == [10, 20, 30]
    assert trajectory.position[:, 0].tolist() == [3.0, 6.0, 0.0], "of two poses at one time the first stays"
    assert [record.getMessage() for record in caplog.records] == [
        "gt.txt: pose 2: its time is 0.000020 s before that of the pose above it; "
        "2 of 4 poses go backwards in time; sorted",
        "gt.txt: pose 4: its time is that of another pose; 1 of 4 poses repeat a time; dropped",
    ]


def test_quaternions_nearly_of_unit_length_are_normalised():
    trajectory = Trajectory.from_arrays(**rows(orientation=np.tile([0, 0, 0, 1.0009], (3, 1))))  # type: ignore[arg-type]
    np.testing.assert_allclose(np.linalg.norm(trajectory.orientation, axis=1), 1, atol=1e-15)


def test_matrices_make_the_same_trajectory():
    plain = wander()
    T = plain.at(seconds(plain, plain.t_us)).matrix()
    again = Trajectory.from_matrices(plain.t_us, T.numpy(), origin_us=ORIGIN)
    np.testing.assert_allclose(again.position, plain.position, atol=1e-12)
    t_s = torch.linspace(*plain.seconds_span, 50, dtype=torch.float64)
    torch.testing.assert_close(again.at(t_s).rotation, plain.at(t_s).rotation)


def test_linear_angular_velocity_is_constant_between_poses():
    trajectory = wander()
    t_s = trajectory.seconds_span[0] + torch.linspace(0, 8e-3, 9, dtype=torch.float64)
    rotation = trajectory.at(t_s).rotation
    turn = so3_log(rotation[:-1].transpose(-1, -2) @ rotation[1:])
    torch.testing.assert_close(turn, turn[:1].expand_as(turn), rtol=0, atol=1e-9)
    torch.testing.assert_close(rotation[0] @ so3_exp(8 * turn[0]), rotation[-1], rtol=0, atol=1e-9)
