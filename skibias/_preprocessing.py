"""Rows and columns before the engine sees them: order, holding out, scaling, knots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skibias._spline_activation import SplineActivation
from skibias._tensors import BLOCK_VALUES, as_tensor, fill_blocks
from skibias.engine.episodes import split_groups, stream
from skibias.engine.splines import ColumnSplines, evaluate_columns

SCALINGS = ("quantile", "robust", "minmax", "standard")
# Rows that learning and choosing look at; the cost of both does not grow beyond them.
CHOOSING_ROWS, CHOOSING_HELD_OUT = 50_000, 10_000
SOFT_LIMIT = 3.0  # of robustly scaled columns
ROUNDING = 1e-12  # relative to a value: not more than errors of its last digits add up to
MAX_QUANTILES = 1000
# Rows are heavy that weigh so many times as much as their class in the mean, and of which fewer
# than so many make up what is held out.
HEAVY_IN_CLASS, FEW_HEAVY = 2.0, 30
CLOSEST_KNOTS = 1e-290  # slopes between knots further apart than this stay finite
_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)  # as in Fibonacci hashing


def resolve_scaling(scaling, is_classification):
    """Return the scaling that "auto" stands for."""
    if scaling != "auto":
        return scaling
    return "quantile" if is_classification else "robust"


def make_scaler(scaling, n_rows):
    """Return an unfitted scaler of columns.

    Parameters
    ----------
    scaling : {"quantile", "robust", "minmax", "standard"} or None
        "quantile": ranks spread evenly over [-1, 1]. "robust": median 0, interquartile range 1,
        and values far outside drawn in smoothly to (-3, 3), as in RealMLP (Holzmüller et al.
        2024); where the quartiles are equal, the median distance of the other values is 1.
        "minmax": linear to [-1, 1] (Teney et al. 2025, E.4). "standard": zero mean and unit
        variance. None: columns as they are.
    n_rows : int
        Rows it will be fitted to.
    """
    if scaling == "quantile":
        n_quantiles = min(MAX_QUANTILES, n_rows)
        ranks = QuantileTransformer(n_quantiles=n_quantiles, subsample=None)
        return make_pipeline(ranks, MinMaxScaler((-1, 1)))
    if scaling == "robust":
        return make_pipeline(_RobustScaler(), FunctionTransformer(_soft_clip))
    if scaling == "minmax":
        return MinMaxScaler((-1, 1))
    if scaling == "standard":
        return StandardScaler()
    return FunctionTransformer()


class _RobustScaler(RobustScaler):
    """Scales every column that varies, whatever its units and however often one value occurs.

    `RobustScaler` leaves a column in its own units where the quartiles are as good as equal: its
    other values may then be too small to be seen or, clipped softly, all alike.
    """

    def fit(self, X, y=None):
        super().fit(X)
        quartiles = np.quantile(X, (0.25, 0.75), axis=0)
        self.scale_ = np.array(list(map(_spread, X.T, self.center_, *quartiles)))
        return self


def _spread(x, median, low, high) -> float:
    """Return the quartiles' distance, or the median distance of the values beside the median."""
    rounding = ROUNDING * abs(median)  # what may be left of a constant that was computed
    if high - low > rounding:
        return high - low
    distances = np.abs(x - median)
    others = distances[distances > rounding]
    return np.median(others) if len(others) else 1.0


def _soft_clip(x):
    """Map the line to (-limit, limit), slope 1 at zero (Holzmüller et al. 2024)."""
    return x / np.hypot(1, x / SOFT_LIMIT)


class WeightedRows(NamedTuple):
    """Rows of positive weight."""

    X: np.ndarray  # (n, d)
    y: np.ndarray  # (n,) class numbers, or (n,) or (n, o) values
    weights: np.ndarray  # (n,), mean 1
    groups: np.ndarray | None = None  # (n,) numbers from 0 on; rows of one are not to be parted

    def take(self, index) -> WeightedRows:
        """The rows with these numbers."""
        groups = self.groups
        if groups is not None:  # numbered anew: some may have no row left
            groups = np.unique(groups[index], return_inverse=True)[1]
        return WeightedRows(self.X[index], self.y[index], self.weights[index], groups)

    def weigh_alike(self) -> bool:
        """Whether all rows have the same weight."""
        return bool((self.weights == self.weights[0]).all())

    def alone(self, index) -> WeightedRows:
        """The rows with these numbers, their weights relative to their own mean."""
        rows = self.take(index)
        return rows._replace(weights=rows.weights / rows.weights.mean())

    def append(self, X, y) -> WeightedRows:
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
    return rows.take(np.argsort(_row_hashes(columns), kind="stable"))


def _row_hashes(columns) -> np.ndarray:
    """Return a 64-bit hash (n,) of every row of the columns, each (n,)."""
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        # Adding zero makes one number of the two zeros.
        hashes ^= (np.asarray(column, dtype=np.float64) + 0.0).view(np.uint64)
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


def hold_out(rows: WeightedRows, fraction, seed, stratify) -> HeldOut:
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


def _are_heavy(rows: WeightedRows, fraction, stratify):
    """Whether rows outweigh most of their class, and few of them what is to be held out."""
    classes = rows.y if stratify else np.zeros(len(rows.X), dtype=int)
    counts = np.maximum(np.bincount(classes), 1)
    means = np.bincount(classes, rows.weights) / counts
    outweigh_class = rows.weights > HEAVY_IN_CLASS * means[classes]
    return outweigh_class & (rows.weights > fraction * rows.weights.sum() / FEW_HEAVY)


def held_out_rows(rows: WeightedRows, fraction, seed, stratify):
    """Draw the rows to hold out: ``fraction`` of them, at least one, and at least one stays.

    Every class (if ``stratify``) gives its share, rounded up or down by chance, and so do heavy
    and light rows. The only row of a class stays. Where rows have groups, whole groups are held
    out instead.

    Parameters
    ----------
    rows : WeightedRows
        y holds class numbers if ``stratify``.
    fraction : float
    seed : int
    stratify : bool

    Returns
    -------
    (training rows, held-out rows), both sorted
    """
    generator = stream(seed, "held out")
    n_rows = len(rows.X)
    n_held_out = min(max(round(fraction * n_rows), 1), n_rows - 1)
    if rows.groups is not None:
        groups = as_tensor(rows.groups)
        order = torch.randperm(int(groups.max()) + 1, generator=generator)
        return tuple(part.numpy() for part in split_groups(groups, order, n_held_out))
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


def _side_by_side(classes, weights, generator):
    """Return a random order in which rows of a class, and in it of like weight, are side by side.

    Rows at equal distances then hold equal shares of every class and of heavy and light rows.
    """
    order = torch.randperm(len(classes), generator=generator).numpy()
    turn = torch.randperm(int(classes.max()) + 1, generator=generator).numpy()
    halvings = np.round(np.log2(weights))
    return order[np.lexsort([halvings[order], turn[classes[order]]])]


def _without_last_of_class(held_out, classes):
    """Return the held-out rows less one of every class that would have no other row."""
    counts, held_counts = np.bincount(classes), np.bincount(classes[held_out])
    counts = counts[: len(held_counts)]
    gone = np.flatnonzero((counts == held_counts) & (counts > 0))
    _, first = np.unique(classes[held_out], return_index=True)
    return np.delete(held_out, first[np.isin(classes[held_out][first], gone)])


def quantile_knots(X, n_knots):
    """Return increasing knots for each column: its distinct quantiles, at most ``n_knots``.

    A constant column gets a second knot above its value. Of quantiles that lie so close that a
    slope between them would overflow, the first one is taken.
    """
    levels = np.linspace(0, 1, n_knots)
    distinct = [np.unique(np.quantile(column, levels)) for column in X.T]
    knots = [own[np.diff(own, prepend=-np.inf) > CLOSEST_KNOTS] for own in distinct]
    return [k if len(k) > 1 else np.array([k[0], k[0] + max(1.0, abs(k[0]))]) for k in knots]


def knot_positions(X, knots: Sequence[np.ndarray]):
    """Return (n, d) positions on each column's knots: 3.25 lies between knots 3 and 4."""
    columns = [
        np.interp(column, own, np.arange(len(own))) for column, own in zip(X.T, knots, strict=True)
    ]
    return np.stack(columns, axis=1)


def identity_values(knots: Sequence[np.ndarray], width, scaling):
    """Return (d, width, 1) heights that scale a column to [-1, 1] (Teney et al. 2025, section 3.3).

    ``scaling`` "minmax" is linear; "quantile" spreads the knots, which are quantiles, evenly.
    """
    values = np.ones((len(knots), width, 1))
    for own_values, own in zip(values, knots, strict=True):
        scale = own - own[0] if scaling == "minmax" else np.arange(len(own))
        own_values[: len(own), 0] = 2 * scale / scale[-1] - 1
    return values


def ramp_values(knots: Sequence[np.ndarray], width, n_channels):
    """Return (d, width, n_channels) heights of a piecewise-linear encoding (Gorishniy et al. 2022).

    Channel k rises from -1 to 1 over the k-th of ``n_channels`` runs of knots, and is flat
    elsewhere.
    """
    values = np.ones((len(knots), width, n_channels))
    for own_values, own in zip(values, knots, strict=True):
        progress = np.arange(len(own))[:, None] / (len(own) - 1) * n_channels
        own_values[: len(own)] = 2 * np.clip(progress - np.arange(n_channels), 0, 1) - 1
    return values


class NetworkColumns(NamedTuple):
    """What networks read: columns, or positions on the knots of functions they train."""

    values: np.ndarray  # (n, d')
    tables: np.ndarray | None = None  # (d', K, c), the functions' heights before training

    @property
    def n_inputs(self) -> int:
        """Inputs of the first layer."""
        n_channels = 1 if self.tables is None else self.tables.shape[2]
        return self.values.shape[1] * n_channels


def trained_columns(X, activations: Sequence[SplineActivation]) -> NetworkColumns:
    """Return X (n, d) as positions on the functions' knots, with their heights."""
    knots = [activation.knots for activation in activations]
    heights = [activation.values.reshape(len(activation.knots), -1) for activation in activations]
    tables = np.zeros((len(knots), max(map(len, knots)), heights[0].shape[1]))
    for table, own in zip(tables, heights, strict=True):
        table[: len(own)] = own
    return NetworkColumns(knot_positions(X, knots), tables)


def trained_activations(activations: Sequence[SplineActivation], tables):
    """Return the functions with the heights of E networks (E, d, K, c), as E * c channels.

    The channels of the first network come first.
    """
    channels = np.concatenate(list(tables), axis=2)  # (d, K, E * c)
    return [
        SplineActivation(activation.knots, own[: len(activation.knots)])
        for activation, own in zip(activations, channels, strict=True)
    ]


def spline_columns(X, activations: Sequence[SplineActivation], n_threads=1):
    """Apply one function per column and return their channels side by side, (n, channels)."""
    n_channels = np.array([activation.n_channels or 1 for activation in activations])
    values = np.empty((len(X), n_channels.sum()))
    groups = [
        _column_group(activations, n_channels, np.flatnonzero(n_channels == count))
        for count in np.unique(n_channels)
    ]

    def fill(rows: slice) -> None:
        for splines, columns, channels in groups:
            part = evaluate_columns(splines, as_tensor(X[rows, columns]))
            values[rows, channels] = part.flatten(1).numpy()

    fill_blocks(fill, len(X), max(1, BLOCK_VALUES // values.shape[1]), n_threads)
    return values


def _column_group(activations, n_channels, columns):
    """Return the functions of columns with as many channels each, those columns, their channels.

    Where these are all, they are slices, which copy nothing.
    """
    splines = column_splines([activations[column] for column in columns])
    if len(columns) == len(activations):
        return splines, slice(None), slice(None)
    first = np.cumsum(n_channels)[columns] - n_channels[columns]
    channels = first[:, None] + np.arange(n_channels[columns[0]])
    return splines, columns, channels.reshape(-1)


def column_splines(activations: Sequence[SplineActivation]) -> ColumnSplines:
    """Return functions with as many channels each in the engine's form, float64."""
    counts = np.array([len(activation.knots) for activation in activations])
    knots = np.full((len(counts), counts.max()), np.inf)
    knots[np.arange(counts.max()) < counts[:, None]] = np.concatenate(
        [activation.knots for activation in activations]
    )
    heights = np.concatenate([own.values.reshape(len(own.knots), -1) for own in activations])
    is_linear = np.array([activation.extrapolation == "linear" for activation in activations])
    arrays = (
        knots,
        counts - 2,
        np.cumsum(counts) - counts,
        heights,
        np.where(is_linear, -np.inf, 0.0),
        np.where(is_linear, np.inf, 1.0),
    )
    return ColumnSplines(*map(as_tensor, arrays))
