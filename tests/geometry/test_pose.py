from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from efields.geometry.pose import (
    Poses,
    hat,
    invert,
    quaternion_to_rotation,
    rotation_to_quaternion,
    se3_exp,
    se3_log,
    slerp,
    so3_exp,
    so3_log,
)

ANGLES = [0.0, 1e-300, 1e-12, 1e-8, 1e-4, 0.03, 0.49999, 0.5, 0.50001, 1.0, 2.0, 3.0, math.pi - 1e-6, math.pi - 1e-12]
directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)
angles = st.one_of(
    st.sampled_from(ANGLES), st.floats(0, math.pi - 1e-9), st.floats(-12, -1).map(lambda e: math.pi - 10**e)
)
vectors = st.tuples(directions, angles).map(lambda da: np.array(da[0]) / np.linalg.norm(da[0]) * da[1])
offsets = st.tuples(*[st.floats(-10, 10)] * 3).map(np.array)
fast = settings(max_examples=150, deadline=None)


def tensor(values) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def same(found: torch.Tensor, expected: torch.Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@fast
@given(vectors)
def test_so3_exp_is_the_matrix_exponential_and_a_rotation(w):
    rotation = so3_exp(tensor(w))
    same(rotation, tensor(expm(hat(tensor(w)).numpy())), 1e-13)
    same(rotation @ rotation.T, torch.eye(3, dtype=torch.float64), 1e-14)
    assert torch.linalg.det(rotation) == pytest.approx(1, abs=1e-13)


@fast
@given(vectors)
def test_so3_log_undoes_exp(w):
    # Near pi rounding of the matrix may turn the axis round: the same rotation all the same.
    found = so3_log(so3_exp(tensor(w)))
    if np.linalg.norm(w) < math.pi - 1e-7:
        same(found, tensor(w), 1e-9 if np.linalg.norm(w) > 3 else 1e-14)
    same(so3_exp(found), so3_exp(tensor(w)), 1e-14)
    assert found.norm() <= math.pi + 1e-14


def test_tiny_rotations_keep_their_relative_precision():
    w = tensor([3e-9, -4e-9, 1e-10])
    torch.testing.assert_close(so3_log(so3_exp(w)), w, rtol=1e-7, atol=0)


@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0, -0.8], [-0.6, 0.64, 0.48]])
def test_so3_log_of_half_turns(axis):
    w = math.pi * tensor(axis)
    rotation = 2 * tensor(axis)[:, None] * tensor(axis) - torch.eye(3, dtype=torch.float64)
    found = so3_log(rotation)
    assert found.norm() == pytest.approx(math.pi, abs=1e-14)
    assert min((found - w).abs().max(), (found + w).abs().max()) < 1e-14


def test_functions_take_any_batch_shape():
    w = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    xi = torch.cat((w, w.flip(0)), dim=-1)
    assert so3_exp(w).shape == (2, 5, 3, 3) and so3_log(so3_exp(w)).shape == (2, 5, 3)
    assert se3_exp(xi).shape == (2, 5, 4, 4) and se3_log(se3_exp(xi)).shape == (2, 5, 6)
    same(so3_exp(w)[1, 3], so3_exp(w[1, 3]), 0)
    same(se3_exp(xi)[1, 3], se3_exp(xi[1, 3]), 1e-15)
    assert so3_exp(w[:, :0]).shape == (2, 0, 3, 3)


@fast
@given(vectors, offsets)
def test_se3_exp_is_the_matrix_exponential(w, rho):
    xi = tensor(np.concatenate((rho, w)))
    generator = np.zeros((4, 4))
    generator[:3, :3], generator[:3, 3] = hat(tensor(w)).numpy(), rho
    same(se3_exp(xi), tensor(expm(generator)), 1e-12)


@fast
@given(vectors.filter(lambda w: np.linalg.norm(w) < math.pi - 1e-6), offsets)
def test_se3_log_undoes_exp(w, rho):
    xi = tensor(np.concatenate((rho, w)))
    same(se3_log(se3_exp(xi)), xi, 1e-8 if np.linalg.norm(w) > 3 else 1e-12)


@pytest.mark.parametrize("angle", [0.2, 0.4999, 0.4999999, 0.5, 0.5000001, 0.6])
def test_series_and_closed_forms_meet(angle):
    xi = torch.cat((tensor([10.0, -7.0, 9.0]), angle * tensor([0.48, -0.6, 0.64])))
    same(se3_log(se3_exp(xi)), xi, 2e-14)


@fast
@given(vectors, offsets)
def test_inverse_and_composition(w, rho):
    T = se3_exp(tensor(np.concatenate((rho, w))))
    eye = torch.eye(4, dtype=torch.float64)
    same(T @ invert(T), eye)
    same(invert(T), torch.linalg.inv(T))
    same(invert(T) @ T @ T, T)


@fast
@given(vectors)
def test_quaternions_are_xyzw_and_equal_scipy(w):
    rotation = so3_exp(tensor(w))
    quaternion = rotation_to_quaternion(rotation)
    assert quaternion.norm() == pytest.approx(1, abs=1e-15) and quaternion[3] >= 0
    same(quaternion_to_rotation(quaternion), rotation, 1e-14)
    expected = tensor(Rotation.from_rotvec(w).as_quat())
    assert min((quaternion - expected).abs().max(), (quaternion + expected).abs().max()) < 1e-13
    same(quaternion_to_rotation(expected), rotation, 1e-14)


def test_quaternion_order_is_scalar_last():
    quarter_about_z = tensor([0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    same(quaternion_to_rotation(quarter_about_z) @ tensor([1, 0, 0]), tensor([0, 1, 0]), 1e-15)
    # Read as (w, x, y, z), as other libraries write it, the same numbers are another rotation.
    assert (quaternion_to_rotation(quarter_about_z.roll(1)) @ tensor([1, 0, 0]) - tensor([0, 1, 0])).abs().max() > 0.9


def test_the_length_of_a_quaternion_does_not_matter():
    q = tensor([0.1, -0.7, 0.3, 0.2])
    same(quaternion_to_rotation(5 * q), quaternion_to_rotation(q), 1e-15)


@fast
@given(vectors, vectors, st.floats(0, 1))
def test_slerp_has_its_ends_constant_speed_and_the_shortest_way(w0, w1, u):
    r0, r1 = so3_exp(tensor(w0)), so3_exp(tensor(w1))
    same(slerp(r0, r1, tensor(0.0)), r0, 1e-13)
    same(slerp(r0, r1, tensor(1.0)), r1, 1e-13)
    whole = so3_log(r0.T @ r1).norm()
    part = so3_log(r0.T @ slerp(r0, r1, tensor(u))).norm()
    assert part == pytest.approx(u * float(whole), abs=1e-7)
    if whole < math.pi - 1e-3:  # at half a turn there are two shortest ways
        same(slerp(r0, r1, tensor(u)), slerp(r1, r0, tensor(1 - u)), 1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 0.2, 0.4999, 0.5001, 2.0, 3.1])
def test_gradients(angle):
    axis = tensor([0.48, -0.6, 0.64])
    w = (angle * axis).requires_grad_()
    xi = torch.cat((tensor([0.3, -1.0, 2.0]), angle * axis)).requires_grad_()
    assert torch.autograd.gradcheck(so3_exp, w)
    assert torch.autograd.gradcheck(se3_exp, xi)
    assert torch.autograd.gradcheck(lambda v: so3_log(so3_exp(v)), w)
    assert torch.autograd.gradcheck(lambda v: se3_log(se3_exp(v)), xi, atol=1e-4)
    assert torch.autograd.gradgradcheck(so3_exp, w)
    assert torch.autograd.gradgradcheck(se3_exp, xi)


def test_gradients_of_quaternions_and_slerp():
    q = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert torch.autograd.gradcheck(quaternion_to_rotation, q)
    assert torch.autograd.gradcheck(lambda v: rotation_to_quaternion(quaternion_to_rotation(v)), q)
    w0, w1 = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).unbind(0)
    u = torch.linspace(0, 1, 4, dtype=torch.float64)
    inputs = tuple(v.clone().requires_grad_() for v in (w0, w1, u))
    assert torch.autograd.gradcheck(lambda a, b, v: slerp(so3_exp(a), so3_exp(b), v), inputs)


def test_poses_and_matrices():
    T = se3_exp(torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
    poses = Poses.from_matrix(T)
    same(poses.matrix(), T, 0)
    assert len(poses) == 4 and len(poses[1:3]) == 2
    same(poses[1:3].matrix(), T[1:3], 0)
