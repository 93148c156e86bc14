"""Rows of a table: their weights and groups, their order, which of them are held out.

Notation: n rows, d columns, o values of a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from skibias._run.tensors import as_tensor
from skibias.engine.episodes import Rows, split_groups, stream

# Rows are heavy that weigh so many times as much as their class in the mean, and of which fewer
# than so many make up what is held out.
HEAVY_IN_CLASS, FEW_HEAVY = 2.0, 30
_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)  # as in Fibonacci hashing


class WeightedRows(NamedTuple):
    """Rows of positive weight."""

    X: np.ndarray  # (n, d)
    y: np.ndarray  # (n,) class numbers, or (n,) or (n, o) values
    weights: np.ndarray  # (n,), mean 1
    groups: np.ndarray | None = None  # (n,) numbers from 0 on; rows of one are not to be parted

    def take(self, index: np.ndarray) -> WeightedRows:
        """The rows with these numbers."""
        groups = self.groups
        if groups is not None:  # numbered anew: some may have no row left
            groups = np.unique(groups[index], return_inverse=True)[1]
        return WeightedRows(self.X[index], self.y[index], self.weights[index], groups)

    def weigh_alike(self) -> bool:
        """Whether all rows have the same weight."""
        return bool((self.weights == self.weights[0]).all())

    def alone(self, index: np.ndarray) -> WeightedRows:
        """The rows with these numbers, their weights relative to their own mean."""
        rows = self.take(index)
        return rows._replace(weights=rows.weights / rows.weights.mean())

    def append(self, X: np.ndarray, y: np.ndarray) -> WeightedRows:
        """These rows and others of weight one, without groups."""
        return WeightedRows(
            np.concatenate([self.X, X]),
            np.concatenate([self.y, y]),
            np.concatenate([self.weights, np.ones(len(X))]),
        )


def in_canonical_order(rows: WeightedRows) -> WeightedRows:
    """Return the rows in an order that does not depend on the one they came in.

    The same table thus gives the same fit in any order. Rows are ordered by a hash, which is
    faster than sorting them and copies no data.
    """
    columns = [*rows.X.T, *rows.y.reshape(len(rows.y), -1).T, rows.weights]
    if rows.groups is not None:
        columns.append(rows.groups)
    return rows.take(np.argsort(row_hashes(columns), kind="stable"))


def row_hashes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return a 64-bit hash (n,) of every row of the columns, each (n,)."""
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        # Adding zero makes one number of the two zeros; NaN may have any of several codes.
        values = np.asarray(column, dtype=np.float64) + 0.0
        gaps = np.isnan(values)
        if gaps.any():
            values[gaps] = np.nan
        hashes ^= values.view(np.uint64)
        hashes *= _GOLDEN_RATIO
        hashes ^= hashes >> np.uint64(32)
    return hashes


def subsample(numbers: np.ndarray, limit: int, seed: int, name: str) -> np.ndarray:
    """Return the row numbers, or a sorted random choice of ``limit`` of them if they are more."""
    if len(numbers) <= limit:
        return numbers
    chosen = torch.randperm(len(numbers), generator=stream(seed, name))[:limit]
    return np.sort(numbers[chosen.numpy()])


class HeldOut(NamedTuple):
    """Rows, and which of them train and judge networks."""

    rows: WeightedRows
    train: np.ndarray  # row numbers, sorted
    held_out: np.ndarray


def hold_out(rows: WeightedRows, fraction: float, seed: int, stratify: bool) -> HeldOut:
    """Hold out rows as `held_out_rows`, and of very heavy ones a share of the weight.

    Few rows that weigh more than all others would judge networks alone, or train them alone. As
    many copies of weight one would do, they stand on both sides. Rows that are heavy because their
    class is rare are not meant: beside others of their class they are light.
    """
    heavy = np.flatnonzero(_are_heavy(rows, fraction, stratify))
    if len(heavy) == 0 or rows.groups is not None:
        return HeldOut(rows, *held_out_rows(rows, fraction, seed, stratify))
    n_rows = len(rows.X)
    light = np.setdiff1d(np.arange(n_rows), heavy)
    train = held_out = light
    if len(light) > 1:
        train, held_out = (
            light[part] for part in held_out_rows(rows.take(light), fraction, seed, stratify)
        )
    rows = rows.take(np.r_[np.arange(n_rows), heavy])
    copies = np.arange(n_rows, len(rows.X))
    rows.weights[heavy] *= 1 - fraction
    rows.weights[copies] *= fraction
    rows = rows._replace(weights=rows.weights / rows.weights.mean())
    return HeldOut(rows, np.union1d(train, heavy), np.r_[held_out, copies])


def _are_heavy(rows: WeightedRows, fraction: float, stratify: bool) -> np.ndarray:
    """Whether rows outweigh most of their class, and few of them what is to be held out."""
    classes = rows.y if stratify else np.zeros(len(rows.X), dtype=int)
    counts = np.maximum(np.bincount(classes), 1)
    means = np.bincount(classes, rows.weights) / counts
    outweigh_class = rows.weights > HEAVY_IN_CLASS * means[classes]
    return outweigh_class & (rows.weights > fraction * rows.weights.sum() / FEW_HEAVY)


def held_out_rows(
    rows: WeightedRows, fraction: float, seed: int, stratify: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the rows to hold out: ``fraction`` of them, at least one, and at least one stays.

    Every class (if ``stratify``) gives its share, rounded up or down by chance, and so do heavy
    and light rows. The only row of a class stays. Where rows have groups, whole groups are held
    out instead. Returns the numbers of training and of held-out rows, both sorted.
    """
    generator = stream(seed, "held out")
    n_rows = len(rows.X)
    n_held_out = min(max(round(fraction * n_rows), 1), n_rows - 1)
    if rows.groups is not None:
        groups = as_tensor(rows.groups)
        shuffled = torch.randperm(int(groups.max()) + 1, generator=generator)
        parts = split_groups(groups, shuffled, n_held_out)
        return parts[0].numpy(), parts[1].numpy()
    classes = rows.y if stratify else np.zeros(n_rows, dtype=int)
    order = _side_by_side(classes, rows.weights, generator)
    may_leave = np.bincount(classes)[classes[order]] > 1
    few = not may_leave.any()
    order = order if few else order[may_leave]
    n_held_out = min(n_held_out, len(order))
    start = float(torch.rand(1, generator=generator, dtype=torch.float64))
    held_out = order[((np.arange(n_held_out) + start) * len(order) / n_held_out).astype(int)]
    if not few:
        held_out = _without_last_of_class(held_out, classes)
    return np.setdiff1d(np.arange(n_rows), held_out), np.sort(held_out)


def _side_by_side(
    classes: np.ndarray, weights: np.ndarray, generator: torch.Generator
) -> np.ndarray:
    """Return a random order in which rows of a class, and in it of like weight, are side by side.

    Rows at equal distances then hold equal shares of every class and of heavy and light rows.
    """
    order = torch.randperm(len(classes), generator=generator).numpy()
    turn = torch.randperm(int(classes.max()) + 1, generator=generator).numpy()
    halvings = np.round(np.log2(weights))
    return order[np.lexsort([halvings[order], turn[classes[order]]])]


def _without_last_of_class(held_out: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the held-out rows less one of every class that would have no other row."""
    counts, held_counts = np.bincount(classes), np.bincount(classes[held_out])
    counts = counts[: len(held_counts)]
    gone = np.flatnonzero((counts == held_counts) & (counts > 0))
    _, first = np.unique(classes[held_out], return_index=True)
    return np.delete(held_out, first[np.isin(classes[held_out][first], gone)])


def engine_rows(values: Any, targets: Any, weights: Any, device: torch.device | str) -> Rows:
    """Return rows as the engine's float32 tensors.

    ``values`` (n, d') are what networks read, ``targets`` class numbers (n,) or values (n, o).
    """
    targets = as_tensor(targets)
    if targets.is_floating_point():
        targets = targets.float()
    inputs, weights = (as_tensor(part, torch.float32) for part in (values, weights))
    return Rows(inputs, targets, weights).to(device)


def take_rows(rows: Rows, numbers: np.ndarray) -> Rows:
    """Return the engine's rows with these numbers."""
    index = as_tensor(numbers, device=rows.inputs.device)
    return Rows(*(part[index] for part in rows))
