"""Rotations and rigid motions: pure, batched, differentiable functions on SO(3) and SE(3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

_SMALL = 0.25
"""Squared angle below which series are summed: above it the closed forms keep 14 digits."""
_TERMS = 8


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of a camera: `T_world_camera`, OpenCV axes (x right, y down, z forward)."""

    rotation: Float64[Tensor, "n 3 3"]
    """Camera axes in the world, as columns."""
    position: Float64[Tensor, "n 3"]
    """Camera centre in the world, world units."""

    @classmethod
    def from_matrix(cls, T_world_camera: Float[Tensor, "n 4 4"]) -> Poses:
        """Poses of homogeneous matrices."""
        return cls(T_world_camera[:, :3, :3], T_world_camera[:, :3, 3])

    def matrix(self) -> Float[Tensor, "n 4 4"]:
        """Homogeneous matrices of the poses."""
        return _homogeneous(self.rotation, self.position)

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, index: slice | Tensor) -> Poses:
        return Poses(self.rotation[index], self.position[index])


def corrected(poses: Poses, correction: Float64[Tensor, "n 6"]) -> Poses:
    """Poses rotated by rotation vectors (three numbers, radians) and translated (three more), in camera axes."""
    moved = (poses.rotation @ correction[:, 3:, None]).squeeze(-1)
    return Poses(poses.rotation @ so3_exp(correction[:, :3]), poses.position + moved)


def hat(w: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3 3"]:
    """Skew-symmetric matrix with `hat(w) @ v = w x v`."""
    x, y, z = w.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).unflatten(-1, (3, 3))


def so3_exp(w: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3 3"]:
    """Rotation about `w` by `|w|` radians (Rodrigues), smooth at 0."""
    square = _square(w)
    a, b = _sine_term(square), _cosine_term(square)
    return _polynomial(w, square, a, b)


def so3_log(rotation: Float[Tensor, "*n 3 3"]) -> Float[Tensor, "*n 3"]:
    """Rotation vector of a rotation, length in [0, pi] radians; stable at 0 and up to pi.

    Goes through the quaternion, whose vector part is exact to rounding at both ends where the trace is not.
    """
    quaternion = rotation_to_quaternion(rotation)
    vector, scalar = quaternion[..., :3], quaternion[..., 3]
    square = _square(vector)
    small = square < 1e-3
    # w = 2 atan(|v| / s) v / |v|: as a series in (|v| / s)^2 where |v| has no usable root.
    x = torch.where(small, square, torch.zeros_like(square)) / torch.where(small, scalar, torch.ones_like(scalar)) ** 2
    series = 1 - x * (1 / 3 - x * (1 / 5 - x * (1 / 7 - x * (1 / 9 - x / 11))))
    length = torch.where(small, torch.ones_like(square), square).sqrt()
    angle = torch.atan2(length, scalar)
    safe_scalar = torch.where(small, scalar, torch.ones_like(scalar))
    factor = torch.where(small, 2 * series / safe_scalar, 2 * angle / length)
    return factor[..., None] * vector


def se3_exp(xi: Float[Tensor, "*n 6"]) -> Float[Tensor, "*n 4 4"]:
    """Rigid motion of a twist (rho, phi): translation part first, rotation vector last."""
    rho, phi = xi[..., :3], xi[..., 3:]
    square = _square(phi)
    a, b, c = _sine_term(square), _cosine_term(square), _cubic_term(square)
    position = rho + b[..., None] * _cross(phi, rho) + c[..., None] * _cross(phi, _cross(phi, rho))
    return _homogeneous(_polynomial(phi, square, a, b), position)


def se3_log(T: Float[Tensor, "*n 4 4"]) -> Float[Tensor, "*n 6"]:
    """Twist (rho, phi) of a rigid motion, the rotation in [0, pi] radians."""
    phi, position = so3_log(T[..., :3, :3]), T[..., :3, 3]
    d = _inverse_term(_square(phi))
    rho = position - 0.5 * _cross(phi, position) + d[..., None] * _cross(phi, _cross(phi, position))
    return torch.cat((rho, phi), dim=-1)


def quaternion_to_rotation(quaternion: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 3 3"]:
    """Rotation of a quaternion (x, y, z, w); its length, if not 1, does not matter."""
    x, y, z, w = (quaternion * (2 / (quaternion * quaternion).sum(-1, keepdim=True)).sqrt()).unbind(-1)
    entries = (
        1 - y * y - z * z, x * y - w * z, x * z + w * y,
        x * y + w * z, 1 - x * x - z * z, y * z - w * x,
        x * z - w * y, y * z + w * x, 1 - x * x - y * y,
    )  # fmt: skip
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def rotation_to_quaternion(rotation: Float[Tensor, "*n 3 3"]) -> Float[Tensor, "*n 4"]:
    """Unit quaternion (x, y, z, w) of a rotation, w >= 0.

    The ten products `4 q_i q_j` are linear in the rotation; the row of the largest `q_i` is it up to length.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in rotation.unbind(-2))
    products = (
        1 + xx - yy - zz, xy + yx, xz + zx, zy - yz,
        xy + yx, 1 - xx + yy - zz, yz + zy, xz - zx,
        xz + zx, yz + zy, 1 - xx - yy + zz, yx - xy,
        zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz,
    )  # fmt: skip
    table = torch.stack(products, dim=-1).unflatten(-1, (4, 4))
    largest = table.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    row = torch.gather(table, -2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    row = torch.where(row[..., 3:] < 0, -row, row)
    return row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)


def slerp(
    rotation0: Float[Tensor, "*n 3 3"], rotation1: Float[Tensor, "*n 3 3"], u: Float[Tensor, "*n"]
) -> Float[Tensor, "*n 3 3"]:
    """Rotation at fraction `u` of the shortest path from one rotation to another, at constant angular velocity."""
    return rotation0 @ so3_exp(u[..., None] * so3_log(rotation0.transpose(-1, -2) @ rotation1))


def invert(T: Float[Tensor, "*n 4 4"]) -> Float[Tensor, "*n 4 4"]:
    """Inverse of a rigid motion."""
    back = T[..., :3, :3].transpose(-1, -2)
    return _homogeneous(back, -(back @ T[..., :3, 3:]).squeeze(-1))


def _homogeneous(rotation: Tensor, position: Tensor) -> Tensor:
    """Homogeneous matrix [..., 4, 4] of a rotation and a position."""
    top = torch.cat((rotation, position[..., None]), dim=-1)
    last = torch.zeros_like(top[..., :1, :])
    last[..., 3] = 1
    return torch.cat((top, last), dim=-2)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product along the last axis."""
    return torch.linalg.cross(a, b, dim=-1)


def _square(w: Tensor) -> Tensor:
    """Squared length of vectors; written out because sums along an axis of three are slow."""
    x, y, z = w.unbind(-1)
    return x * x + y * y + z * z


def _polynomial(w: Tensor, square: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`I + a hat(w) + b hat(w)^2`, written out with `hat(w)^2 = w w^T - |w|^2 I`."""
    x, y, z = w.unbind(-1)
    diagonal = 1 - b * square
    bx, by, bz = b * x, b * y, b * z
    ax, ay, az = a * x, a * y, a * z
    bxy, bxz, byz = bx * y, bx * z, by * z
    entries = (
        diagonal + bx * x, bxy - az, bxz + ay,
        bxy + az, diagonal + by * y, byz - ax,
        bxz - ay, byz + ax, diagonal + bz * z,
    )  # fmt: skip
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def _alternating_series(square: Tensor, first: int) -> Tensor:
    """Sum over k of `(-square)^k / (2k + first)!`, by Horner."""
    total = torch.zeros_like(square)
    for k in reversed(range(_TERMS)):
        total = 1 / math.factorial(2 * k + first) - square * total
    return total


def _split(square: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(is small, the square where small, the angle where not), each safe to differentiate where it is not used."""
    small = square < _SMALL
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    return small, torch.where(small, square, torch.zeros_like(square)), angle


def _sine_term(square: Tensor) -> Tensor:
    """sin(t) / t for t^2 = square."""
    small, x, angle = _split(square)
    return torch.where(small, _alternating_series(x, 1), torch.sin(angle) / angle)


def _cosine_term(square: Tensor) -> Tensor:
    """(1 - cos(t)) / t^2 for t^2 = square, through the half angle, which does not cancel."""
    small, x, angle = _split(square)
    return torch.where(small, _alternating_series(x, 2), 2 * (torch.sin(0.5 * angle) / angle) ** 2)


def _cubic_term(square: Tensor) -> Tensor:
    """(t - sin(t)) / t^3 for t^2 = square."""
    small, x, angle = _split(square)
    return torch.where(small, _alternating_series(x, 3), (angle - torch.sin(angle)) / angle**3)


def _inverse_term(square: Tensor) -> Tensor:
    """(1 - (t/2) cot(t/2)) / t^2 for t^2 = square: the factor of hat^2 in the inverse left Jacobian of SO(3)."""
    small, x, angle = _split(square)
    # Bernoulli numbers: |B_2k| / (2k)!, k = 1 ...
    coefficients = (1 / 12, 1 / 720, 1 / 30240, 1 / 1209600, 1 / 47900160, 691 / 1307674368000, 1 / 74724249600)
    series = torch.zeros_like(x)
    for coefficient in reversed(coefficients):
        series = coefficient + x * series
    half = 0.5 * angle
    return torch.where(small, series, (1 - half * torch.cos(half) / torch.sin(half)) / angle**2)
