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


def random_split(n_rows: int, validation_fraction: float) -> SplitSampler:
    """Return a sampler of fresh random splits, at least one row in either part.

    Raises
    ------
    ValueError
        If there are fewer than two rows.
    """
    if n_rows < 2:
        raise ValueError(f"Learning needs at least two rows to split. Got {n_rows} instead.")
    n_validation = min(max(round(n_rows * validation_fraction), 1), n_rows - 1)

    def sample(generator: torch.Generator) -> Split:
        order = torch.randperm(n_rows, generator=generator)
        return order[n_validation:], order[:n_validation]

    return sample


def listed_splits(splits: Sequence[Split]) -> SplitSampler:
    """Return a sampler that draws one of the given splits each time."""

    def sample(generator: torch.Generator) -> Split:
        return splits[int(torch.randint(len(splits), (1,), generator=generator))]

    return sample


def draw_rows(rows: Tensor, batch_size: int | None, generator: torch.Generator) -> Tensor:
    """Draw ``batch_size`` of the row numbers ``rows`` (m,); all of them if they are no more."""
    if batch_size is None or len(rows) <= batch_size:
        return rows
    return rows[torch.randint(len(rows), (batch_size,), generator=generator)]


def gather_batch(data: Rows, row_numbers: Sequence[Tensor]) -> Rows:
    """Return one batch per network, (R, b, …); shorter batches are filled with weight 0."""
    longest = max(len(numbers) for numbers in row_numbers)
    index = torch.zeros(len(row_numbers), longest, dtype=torch.int64)
    present = torch.zeros(len(row_numbers), longest, dtype=data.weights.dtype)
    for network, numbers in enumerate(row_numbers):
        index[network, : len(numbers)] = numbers
        present[network, : len(numbers)] = 1
    index = index.to(data.inputs.device)
    weights = data.weights[index] * present.to(data.weights)
    return Rows(data.inputs[index], data.targets[index], weights)
