"""Randomness and data of an episode: named streams, splits, batches.

Notation
--------
n, d, o : rows, columns, outputs
R : networks of a stack
b : rows of a batch
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """Rows of a data set, or batches of rows with leading axes (*R, b, …)."""

    inputs: Tensor  # (n, d): scaled columns, or positions on the knots of input functions
    targets: Tensor  # (n,) class numbers, or (n, o) values
    weights: Tensor  # (n,)

    def to(self, device: torch.device | str) -> Rows:
        """The same rows on another device."""
        return Rows(*(part.to(device) for part in self))


Split = tuple[Tensor, Tensor]  # row numbers of the training and the validation part, int64
SplitSampler = Callable[[torch.Generator], Split]


def stream(seed: int, *keys: int | str) -> torch.Generator:
    """Return the CPU generator that belongs to (seed, *keys), the same wherever it is asked for.

    Keying by restart and episode, instead of drawing from one sequence, makes a restart's
    numbers independent of the other restarts that happen to run beside it.
    """
    name = repr((int(seed), *keys)).encode()
    number = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
    # manual_seed takes any 64-bit pattern, as a signed number.
    return torch.Generator().manual_seed(number - (1 << 63))


def random_split(
    n_rows: int, validation_fraction: float, groups: Tensor | None = None
) -> SplitSampler:
    """Return a sampler of fresh random splits, at least one row in either part.

    Rows with the same number in ``groups`` (n,), from 0 on, stay on one side.

    Raises ValueError if there are fewer than two rows, or groups.
    """
    n_units = n_rows if groups is None else int(groups.max()) + 1
    if n_units < 2:
        unit = "rows" if groups is None else "groups"
        raise ValueError(f"Learning needs at least two {unit} to split. Got {n_units} instead.")
    n_validation = min(max(round(n_rows * validation_fraction), 1), n_rows - 1)

    def sample(generator: torch.Generator) -> Split:
        order = torch.randperm(n_units, generator=generator)
        if groups is None:
            return order[n_validation:], order[:n_validation]
        return split_groups(groups, order, n_validation)

    return sample


def split_groups(groups: Tensor, order: Tensor, n_validation: int) -> Split:
    """Split rows by the numbers of their groups (n,): validation takes groups in this order.

    It takes as many as come closest to ``n_validation`` rows, at least one, and leaves one.
    """
    reached = groups.bincount(minlength=len(order))[order].cumsum(0)
    n_taken = 1 + int((reached[:-1] - n_validation).abs().argmin())
    is_taken = torch.zeros(len(order), dtype=torch.bool)
    is_taken[order[:n_taken]] = True
    is_validation = is_taken[groups]
    return (~is_validation).nonzero().flatten(), is_validation.nonzero().flatten()


def listed_splits(splits: Sequence[Split]) -> SplitSampler:
    """Return a sampler that draws one of the given splits each time."""

    def sample(generator: torch.Generator) -> Split:
        return splits[int(torch.randint(len(splits), (1,), generator=generator))]

    return sample


class Draw(NamedTuple):
    """The rows of a batch, and by how much more each counts for having been drawn rarely."""

    numbers: Tensor  # (b,)
    factors: Tensor | None = None  # (b,), on the rows' weights; None: one each


def chances(weights: Tensor) -> Tensor | None:
    """Return how often rows (n,) of these weights, mean 1, are to be drawn; None: all alike.

    A heavy row that is drawn like others makes steps that are rare and long. One that is drawn
    by its weight alone leaves light rows unseen. With half of each, no drawn row counts more than
    about two, and every row is drawn at least half as often as without weights ("defensive"
    importance sampling, Hesterberg 1995).
    """
    if bool((weights == weights[0]).all()):
        return None
    return (1 + weights.double().cpu()) / 2


def draw_rows(
    rows: Tensor, batch_size: int | None, generator: torch.Generator, chance: Tensor | None = None
) -> Draw:
    """Draw ``batch_size`` of the row numbers ``rows`` (m,); all of them if they are no more.

    ``chance`` (n,) is what `chances` returns for all rows.
    """
    if batch_size is None or len(rows) <= batch_size:
        return Draw(rows)
    if chance is None:
        return Draw(rows[torch.randint(len(rows), (batch_size,), generator=generator)])
    own = chance[rows]
    drawn = torch.multinomial(own, batch_size, replacement=True, generator=generator)
    return Draw(rows[drawn], own.mean() / own[drawn])


def draw_epoch(
    rows: Tensor, n_batches: int, generator: torch.Generator, chance: Tensor | None = None
) -> list[Draw]:
    """Return the batches of an epoch over the row numbers ``rows`` (m,), in a new random order.

    Without ``chance`` every row comes once. With it, a row comes about as often as it is to be
    drawn, rounded up or down by chance (systematic sampling); a single batch holds all rows.
    """
    shuffled = rows[torch.randperm(len(rows), generator=generator)]
    if chance is None or n_batches == 1:
        return [Draw(part) for part in shuffled.tensor_split(n_batches)]
    own = chance[shuffled]
    reached = own.cumsum(0)
    offset = torch.rand(1, generator=generator, dtype=torch.float64)
    n_rows = len(shuffled)
    positions = (torch.arange(n_rows) + offset) * (reached[-1] / n_rows)
    drawn = torch.searchsorted(reached, positions, right=True).clamp(max=n_rows - 1)
    drawn = drawn[torch.randperm(n_rows, generator=generator)]
    numbers = shuffled[drawn].tensor_split(n_batches)
    factors = (own.mean() / own[drawn]).tensor_split(n_batches)
    return [Draw(*batch) for batch in zip(numbers, factors, strict=True)]


def gather_batch(data: Rows, draws: Sequence[Draw]) -> Rows:
    """Return one batch per network, (R, b, …); shorter batches are filled with weight 0.

    The weights of a shorter batch are lengthened, so that means over b rows are those over its own.
    """
    longest = max(len(draw.numbers) for draw in draws)
    index = torch.zeros(len(draws), longest, dtype=torch.int64)
    factors = torch.zeros(len(draws), longest, dtype=torch.float64)
    for network, draw in enumerate(draws):
        n_rows = len(draw.numbers)
        index[network, :n_rows] = draw.numbers
        own = 1.0 if draw.factors is None else draw.factors
        factors[network, :n_rows] = own * (longest / n_rows)
    index = index.to(data.inputs.device)
    weights = data.weights[index] * factors.to(data.weights)
    return Rows(data.inputs[index], data.targets[index], weights)


def gather_shared(data: Rows, draws: Sequence[Draw]) -> Rows:
    """Return a batch (b, …) that all networks share, or one per network (R, b, …)."""
    if len(draws) > 1:
        return gather_batch(data, draws)
    numbers, factors = draws[0]
    index = numbers.to(data.inputs.device)
    inputs, targets, weights = (part[index] for part in data)
    if factors is not None:
        weights = weights * factors.to(weights)
    return Rows(inputs, targets, weights)
