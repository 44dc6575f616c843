"""Sequential flow networks: their memory, the loss that trains them, and the checkpoint that comes along."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from efields.backends import choose_backend
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.motion import networks
from efields.motion.networks import Config, DenseFlow, load_flow_network, network_flow, save_flow_network
from efields.motion.networks.bins import event_counts
from efields.motion.networks.cells import spike
from efields.motion.networks.sharpness import BinnedEvents, carried, sequence_sharpness
from efields.motion.networks.training import (
    Cut,
    SequenceFeed,
    TrainingConfig,
    local_share,
    piece_loss,
    train_flow_network,
)
from efields.simulation.moving_images import MovingImage, draw_moving_image
from efields.simulation.sensor_model import EventCamera

KINDS = ("conv_gru", "conv_lstm", "lif")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def heldout(seed: int, side: int = 64, seconds: float = 0.3) -> tuple[MovingImage, EventStream]:
    scene = draw_moving_image(np.random.default_rng(seed), (side, side), fastest_px_s=200.0)
    return scene, scene.events(EventCamera(c_pos=0.25, c_neg=0.25, seed=seed), seconds, frames_hz=500.0)


def counts(bins: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.poisson(torch.full((bins, 1, 2, height, width), 0.4), generator=generator)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (21, 35), (8, 50)])
def test_flow_has_the_size_of_the_image_whatever_it_is(kind, height, width):
    network = Config(kind=kind, channels=(4, 6, 8)).build()
    flow, _ = network(counts(1, height, width)[0])
    assert flow.shape == (1, 2, height, width) and torch.isfinite(flow).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_in_pieces_gives_what_it_gives_at_once(kind):
    network = Config(kind=kind, channels=(4, 6, 8)).build().eval()
    sequence, state, at_once = counts(6, 24, 24), None, []
    for bin_counts in sequence:
        flow, state = network(bin_counts, state)
        at_once.append(flow)
    state, pieces = None, []
    for piece in (sequence[:2], sequence[2:]):
        state = None if state is None else tuple(tuple(part.detach().clone() for part in level) for level in state)
        for bin_counts in piece:
            flow, state = network(bin_counts, state)
            pieces.append(flow)
    torch.testing.assert_close(torch.stack(pieces), torch.stack(at_once), rtol=0, atol=0)
    fresh, _ = network(sequence[5])
    assert (fresh - at_once[5]).abs().max() > 1e-6, "the state has no influence"


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_weight_and_are_finite(kind):
    network = Config(kind=kind, channels=(4, 6, 8)).build()
    state, total = None, torch.zeros(())
    for bin_counts in 5 * counts(4, 24, 24):
        flow, state = network(bin_counts, state)
        total = total + flow.square().sum()
    total.backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().max() > 0, name


def test_spikes_are_zeros_and_ones_and_have_the_fast_sigmoids_gradient():
    above = torch.tensor([-0.3, -0.01, 0.0, 0.02, 1.0], requires_grad=True)
    spikes = spike(above)
    assert spikes.tolist() == [0, 0, 0, 1, 1]
    spikes.sum().backward()
    torch.testing.assert_close(above.grad, 1 / (1 + 10 * above.detach().abs()) ** 2)


def test_same_seed_same_network_and_the_process_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = Config(seed=2).build(), Config(seed=2).build()
    assert torch.equal(torch.rand(3), expected)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert sum(weight.numel() for weight in first.parameters()) < 400_000


def test_counts_hold_every_event_once_and_empty_bins_are_zeros():
    events = EventStream.from_arrays([1, 1, 2, 0], [0, 0, 1, 1], [100, 105, 120, 149], [1, 1, 0, 1], 3, 2)
    maps = [*event_counts(events, 10)]
    assert [float(m.sum()) for m in maps] == [2, 0, 1, 0, 1]
    assert maps[0][0, 0, 1] == 2 and maps[2][1, 1, 2] == 1 and maps[4][0, 1, 0] == 1


def moving_points(speed: tuple[float, float], bins: int = 4, points: int = 40, each: int = 12):
    """Points that move at one speed (pixels a bin), each seen at random times; binned and sorted."""
    rng = np.random.default_rng(0)
    start = np.repeat(rng.uniform(8, 24, (points, 2)), each, axis=0)
    time = rng.uniform(0, bins, len(start))
    order = np.argsort(time)
    time, place = time[order], (start + time[:, None] * np.array(speed))[order]
    return BinnedEvents(
        place=torch.from_numpy(place).float(),
        time=torch.from_numpy(time).float(),
        on=torch.from_numpy(rng.random(len(time)) < 0.5),
        sequence=torch.zeros(len(time), dtype=torch.int64),
        first=tuple(int(k) for k in np.searchsorted(time, np.arange(bins + 1))),
    ), torch.from_numpy(start[order]).float()


def test_true_flow_carries_events_of_a_point_to_one_place_at_every_boundary():
    events, start = moving_points((1.5, -0.75))
    flow = torch.tensor([1.5, -0.75]).reshape(1, 1, 2, 1, 1).expand(4, 1, 2, 16, 16)
    for boundary, place in enumerate(carried(events, flow)):
        torch.testing.assert_close(place, start + boundary * torch.tensor([1.5, -0.75]), rtol=0, atol=2e-5)


def test_sharpness_is_zero_without_flow_best_at_the_true_one_and_pulls_towards_it():
    events, _ = moving_points((1.5, -0.75))
    backend = choose_backend("auto")

    def loss(share: torch.Tensor) -> torch.Tensor:
        flow = (share * torch.tensor([1.5, -0.75])).reshape(1, 1, 2, 1, 1).expand(4, 1, 2, 16, 16)
        return sequence_sharpness(events, flow, (32, 32), backend)

    values = [float(loss(torch.tensor(share))) for share in (0.0, 0.5, 1.0, 1.5)]
    assert values[0] == pytest.approx(0.0, abs=1e-5)
    assert values[2] < values[1] - 0.1 and values[2] < values[3] - 0.1 and values[1] < -0.1
    share = torch.tensor(0.6, requires_grad=True)
    loss(share).backward()
    assert share.grad is not None and share.grad < 0


def test_sequences_in_a_batch_do_not_see_each_other():
    events, _ = moving_points((1.5, -0.75))
    backend, flow = choose_backend("auto"), torch.full((4, 1, 2, 16, 16), 0.5)
    order = torch.argsort(events.time.floor().repeat(2), stable=True)
    twice = BinnedEvents(
        *(torch.cat([part, part])[order] for part in (events.place, events.time, events.on)),
        sequence=torch.cat([events.sequence, events.sequence + 1])[order],
        first=tuple(2 * index for index in events.first),
    )
    flows = torch.cat([flow, -8 * flow], dim=1)
    both = sequence_sharpness(twice, flows, (32, 32), backend)
    alone = [sequence_sharpness(events, f[:, None], (32, 32), backend) for f in flows.unbind(1)]
    torch.testing.assert_close(both, torch.stack(alone).mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cut", [Cut(), Cut(16, 3, flip_x=True), Cut(5, 32, flip_y=True, swap=True)])
def test_cut_and_turned_sequences_stay_in_the_square_with_every_event(cut):
    _, events = heldout(0)
    feed = SequenceFeed([events], TrainingConfig(batch=1, bins=5, side=32), 10_000)
    feed.next()
    feed._chosen, feed._piece = [(events, cut)], 0
    maps, binned, _ = feed.next()
    assert maps.sum() == len(binned.time) > 0
    assert (binned.time.diff()[[k - 1 for k in binned.first[1:-1]]] > -1).all()
    plain = torch.zeros(2, 64, 64)
    first = events.between(int(events.t_us[0]), int(events.t_us[0]) + 10_000)
    np.add.at(plain.numpy(), ((~first.polarity).astype(int), first.y, first.x), 1)
    plain = plain[:, cut.top : cut.top + 32, cut.left : cut.left + 32]
    plain = plain.flip(2) if cut.flip_x else plain
    plain = plain.flip(1) if cut.flip_y else plain
    assert torch.equal(maps[0, 0], plain.transpose(1, 2) if cut.swap else plain)


@pytest.mark.parametrize("kind", KINDS)
def test_training_steps_lower_the_loss(kind):
    _, events = heldout(0, seconds=0.1)
    config = TrainingConfig(batch=2, bins=5, side=32, smoothness=0.1)
    counts, binned, _ = SequenceFeed([events], config, 10_000).next()
    network, losses = Config(kind=kind, channels=(6, 8)).build(), []
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(20):
        loss, _ = piece_loss(network, counts, binned, None, config, choose_backend("auto"))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-5:]) < losses[0] - 0.02


def test_events_are_carried_by_one_flow_at_first_and_by_their_own_at_last():
    config = TrainingConfig(steps=100, shared_until=0.4)
    assert [local_share(step, config) for step in (1, 40, 60, 80, 100)] == [0, 0, 0.5, 1, 1]
    assert local_share(1, TrainingConfig(shared_until=0.0)) == 1


def test_training_repeats_and_carries_the_state_from_step_to_step():
    _, events = heldout(0, seconds=0.1)
    config = TrainingConfig(steps=2, batch=2, bins=4, side=32)
    runs = [train_flow_network(Config(channels=(4, 6)).build(), [events], config) for _ in range(2)]
    np.testing.assert_allclose(*runs, rtol=0, atol=1e-6)
    feed = SequenceFeed([events], config, 10_000)
    assert [feed.next()[2] for _ in range(4)] == [True, False, True, False]


def test_recordings_that_are_too_small_or_too_short_are_refused():
    small, short = (EventStream.from_arrays([1, 2], [1, 2], [0, 50_000], [1, 0], side, side) for side in (16, 32))
    network = Config(channels=(4,)).build()
    with pytest.raises(InputError, match="smaller than 32 pixels"):
        train_flow_network(network, [small], TrainingConfig(steps=1))
    with pytest.raises(InputError, match="shorter"):
        train_flow_network(network, [short], TrainingConfig(steps=1))


def test_a_saved_network_comes_back(tmp_path: Path):
    network = Config(kind="conv_lstm", channels=(4, 6), seed=1).build()
    save_flow_network(tmp_path / "net.npz", network)
    loaded = load_flow_network(tmp_path / "net.npz")
    assert loaded.config == network.config
    for a, b in zip(loaded.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)
        assert not a.requires_grad
    (tmp_path / "bad.npz").write_bytes((tmp_path / "net.npz").read_bytes()[:300])
    for name in (tmp_path / "bad.npz", "conv_grü"):
        with pytest.raises(InputError):
            load_flow_network(name)


def test_the_shipped_network_is_small_and_says_where_it_comes_from():
    path = Path(networks.__file__).parent / "conv_gru.npz"
    assert path.stat().st_size < 1.5e6
    made = json.loads(path.with_suffix(".json").read_text())
    network = load_flow_network("conv_gru")
    assert made["network"]["kind"] == "conv_gru" and {"command", "training", "data", "date", "seconds_training"} <= set(
        made
    )
    assert made["parameters"] == sum(weight.numel() for weight in network.parameters()) < 400_000
    assert {**dataclasses.asdict(network.config), "channels": [*network.config.channels]} == made["network"]


def shipped_on_heldout_scenes(first: int, count: int) -> np.ndarray:
    """Error, error of zero flow (px in 20 ms) and cosine between both flows at pixels with events, a row a scene."""
    network, rows_of_scores = load_flow_network("conv_gru"), []
    for seed in range(first, first + count):
        scene, events = heldout(seed)
        rows, columns = np.unique(np.stack([events.y, events.x]), axis=1)
        pixel = np.stack([columns, rows], axis=1).astype(np.float64)
        truth, valid = scene.displacement(0.2, 0.22)
        keep = valid[rows, columns]
        true = truth[rows, columns][keep]
        found = network_flow(events, network).displacement(200_000, 220_000, pixel[keep])
        error, zero = (np.linalg.norm(flow, axis=1).mean() for flow in (found - true, true))
        cosine = (found * true).sum() / (np.linalg.norm(found) * np.linalg.norm(true))
        rows_of_scores.append((error, zero, cosine))
    return np.array(rows_of_scores)


def test_the_shipped_network_beats_zero_flow_on_scenes_it_has_not_seen():
    error, zero, cosine = shipped_on_heldout_scenes(8_000, 16).T
    assert cosine.mean() > 0.4
    assert error.mean() < 0.8 * zero.mean()


def test_dense_flow_is_asked_at_any_time_and_place():
    maps = np.zeros((3, 4, 5, 2), dtype=np.float32)
    maps[..., 0] = np.array([100.0, 200.0, 400.0])[:, None, None]
    maps[..., 1] = np.arange(5)
    flow = DenseFlow(maps, start_us=1_000, bin_us=10_000, width=10, height=8)
    found = flow.at(np.array([0, 6_000, 11_000, 90_000]), np.full((4, 2), 4.5))
    np.testing.assert_allclose(found, [[100, 2], [100, 2], [150, 2], [400, 2]])
    np.testing.assert_allclose(
        flow.at(6_000, np.array([[1.5, 0], [-9, 0], [99, 0], [np.nan, 0]]))[:, 1], [0.5, 0, 4, 0]
    )
    assert flow.displacement(6_000, 26_000, np.array([[4.5, 4.0]]))[0, 0] == pytest.approx(4.5, abs=1e-6)
    there = flow.displacement(0, 30_000, np.array([[2.0, 2.0]]))
    back = flow.displacement(30_000, 0, np.array([[2.0, 2.0]]) + there)
    np.testing.assert_allclose(there, -back, atol=1e-3)


def test_flow_of_a_recording_with_a_hole_and_of_one_event_is_finite():
    network = Config(channels=(4, 6)).build()
    for times in ([5_000], [0, 1, 250_000]):
        events = EventStream.from_arrays([3] * len(times), [2] * len(times), times, [1] * len(times), 9, 7)
        flow = network_flow(events, network)
        assert len(flow.maps) == (times[-1] - times[0]) // 10_000 + 1 and np.isfinite(flow.maps).all()
    with pytest.raises(InputError, match="no events"):
        network_flow(events[:0], network)


def test_true_flow_of_moving_images_follows_the_picture():
    scene, _ = heldout(11, seconds=0.01)
    t0, t1 = 0.1, 0.13
    moved, valid = scene.displacement(t0, t1)
    before, after = scene.intensity(t0), scene.intensity(t1)
    rows, columns = np.nonzero(valid)
    ends = np.stack([columns, rows], axis=1) + moved[rows, columns]
    from scipy.ndimage import map_coordinates

    there = map_coordinates(after, ends.T[::-1], order=1, mode="nearest")
    still = after[rows, columns]
    error, zero = (np.abs(np.log(x / before[rows, columns])).mean() for x in (there, still))
    assert error < 0.3 * zero
    halves = [scene.displacement(t0, 0.115)[0][20, 20], scene.displacement(t0, t1)[0][20, 20]]
    assert np.linalg.norm(halves[0]) < np.linalg.norm(halves[1])
