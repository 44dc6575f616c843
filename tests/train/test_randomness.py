"""The generators of a training: what ranks share and what they do not, and that they come back."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from efields.train.randomness import Randomness


def batches(random: Randomness) -> list[int]:
    return random.batches.integers(0, 1 << 40, 8).tolist()


def numbers(generator: torch.Generator) -> list[float]:
    return torch.rand(8, generator=generator).tolist()


def test_alone_the_stream_is_that_of_the_seed() -> None:
    random = Randomness.seeded(5)
    assert batches(random) == np.random.default_rng(5).integers(0, 1 << 40, 8).tolist()
    one = torch.Generator().manual_seed(5)
    # Both kinds of draws take from one stream in turn.
    assert numbers(random.own) + numbers(random.shared) == torch.rand(8, generator=one).tolist() + numbers(one)


def test_ranks_draw_apart_and_look_at_the_field_alike() -> None:
    for seed, ranks in ((0, 2), (5, 4)):
        each = [Randomness.seeded(seed, rank, ranks) for rank in range(ranks)]
        assert all(random.own is not random.shared for random in each)
        shared = [numbers(random.shared) for random in each]
        assert all(draws == shared[0] for draws in shared)
        for draws in ([batches(random) for random in each], [numbers(random.own) for random in each]):
            assert all(one != other for one, other in itertools.combinations(draws, 2))
            assert shared[0] not in draws


def test_ranks_of_neighbouring_seeds_draw_apart() -> None:
    own = [numbers(Randomness.seeded(seed, rank, 2).own) for seed in range(3) for rank in range(2)]
    drawn = [batches(Randomness.seeded(seed, rank, 2)) for seed in range(3) for rank in range(2)]
    for draws in (own, drawn):
        assert all(one != other for one, other in itertools.combinations(draws, 2))


def test_the_same_rank_draws_the_same_again() -> None:
    for rank, ranks in ((0, 1), (1, 3)):
        one, other = (Randomness.seeded(2, rank, ranks) for _ in range(2))
        assert batches(one) == batches(other)
        assert numbers(one.own) == numbers(other.own) and numbers(one.shared) == numbers(other.shared)


def test_states_come_back() -> None:
    for rank, ranks in ((0, 1), (1, 2)):
        random, fresh = Randomness.seeded(3, rank, ranks), Randomness.seeded(4, rank, ranks)
        batches(random)
        numbers(random.own)
        numbers(random.shared)
        fresh.restore(random.content())
        assert batches(fresh) == batches(random)
        assert (numbers(fresh.own), numbers(fresh.shared)) == (numbers(random.own), numbers(random.shared))


def test_version_1_had_one_state_for_both() -> None:
    random, fresh = Randomness.seeded(3), Randomness.seeded(4)
    numbers(random.own)
    fresh.restore({name: value for name, value in random.content().items() if name != "shared_generator"})
    assert (numbers(fresh.own), numbers(fresh.shared)) == (numbers(random.own), numbers(random.shared))
