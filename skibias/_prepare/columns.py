"""How the columns of a table become what a network reads.

An encoder is made once for a fit. Learning, comparing, training and predicting all use it.

Notation
--------
n, d : rows, columns; missing values are NaN, categories are codes
d' : inputs of the first layer
K, c : heights and channels of the functions of a column
E : networks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from skibias._prepare.scaling import make_scaler
from skibias._run.tensors import BLOCK_VALUES, as_tensor, fill_blocks
from skibias.engine.networks import Architecture, Functions
from skibias.engine.splines import ColumnSplines, evaluate_columns
from skibias.functions.category import CategoryActivation
from skibias.functions.supports import ColumnFunction, LevelSupport, Support

Categories = Sequence[LevelSupport | None]  # of each column; None: it holds numbers

MEAN_ROWS = 5_000  # at least, that the means of columns without gaps come from


class ColumnEncoder:
    """Base of the encoders: networks read columns that do not change while they are trained."""

    tables: np.ndarray | None = None  # (d, K, c), heights from which networks train their own

    @property
    def n_inputs(self) -> int:
        """Inputs of the first layer."""
        raise NotImplementedError

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return what networks read for rows X (n, d): the same for all, or one per network."""
        raise NotImplementedError

    def functions(self, network: int | None = None) -> list[ColumnFunction] | None:
        """Return one function per column, or None; of all networks, or of one of them."""
        return None

    def after_training(self, changes: np.ndarray) -> ColumnEncoder:
        """Return the encoder of networks that have changed the functions by (E, d, K, c)."""
        return self

    def architecture(
        self, hidden_layer_sizes: Sequence[int], n_outputs: int, spectral_normalization: bool
    ) -> Architecture:
        """Return the sizes of networks that read these columns."""
        shape = None if self.tables is None else self.tables.shape
        sizes = tuple(hidden_layer_sizes)
        return Architecture(self.n_inputs, sizes, n_outputs, spectral_normalization, shape)

    def engine_functions(self, device: torch.device | str = "cpu") -> Functions:
        """Return the functions that networks go on training, in the engine's form."""
        if self.tables is None:
            return Functions()
        return Functions(inputs=as_tensor(self.tables, torch.float32, device))


@dataclass(frozen=True)
class ScaledColumns(ColumnEncoder):
    """Columns that are only scaled.

    Of a number that is missing, the input is the mean, and a further input says that it is
    missing where training rows have gaps. A category has one input per level, 0 or 1.
    """

    scaler: Any  # fitted to the columns of numbers
    numbers: np.ndarray  # numbers of these columns
    means: np.ndarray  # of their scaled values
    gaps: np.ndarray  # positions in ``numbers`` of those with gaps in training rows
    categories: tuple[tuple[int, LevelSupport], ...] = ()  # numbers and levels of the others

    @classmethod
    def fit(cls, scaling: str | None, X: np.ndarray, categories: Categories | None = None) -> Self:
        """Fit the scaler to rows X (n, d)."""
        own = [None] * X.shape[1] if categories is None else categories
        levels = tuple((k, support) for k, support in enumerate(own) if support is not None)
        numbers = np.array([k for k, support in enumerate(own) if support is None], dtype=int)
        values = X if len(numbers) == X.shape[1] else X[:, numbers]
        gaps = np.isnan(values)
        scaler = make_scaler(scaling, len(X))
        if values.shape[1]:
            scaler.fit(values)
        means = np.zeros(len(numbers))
        if values.size:
            # Without gaps, means are needed only for gaps that come later: some rows suffice.
            some = values if gaps.any() else values[:: max(1, len(values) // MEAN_ROWS)]
            means = np.nanmean(scaler.transform(some), axis=0)
        return cls(scaler, numbers, means, np.flatnonzero(gaps.any(axis=0)), levels)

    @property
    def n_inputs(self) -> int:
        n_levels = sum(support.n_heights for _, support in self.categories)
        return len(self.numbers) + len(self.gaps) + n_levels

    def encode(self, X: np.ndarray) -> np.ndarray:
        if len(self.numbers) == X.shape[1]:
            parts = self._scaled(X)
        else:
            parts = self._scaled(X[:, self.numbers]) if len(self.numbers) else []
            parts += [_one_hot(support, X[:, k]) for k, support in self.categories]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _scaled(self, values: np.ndarray) -> list[np.ndarray]:
        """Return the scaled numbers, and which of them are missing."""
        gaps = np.isnan(values)
        scaled = self.scaler.transform(values)
        if gaps.any():
            scaled = np.where(gaps, self.means, scaled)
        return [scaled, gaps[:, self.gaps]] if len(self.gaps) else [scaled]


def _one_hot(support: LevelSupport, codes: np.ndarray) -> np.ndarray:
    """Return (n, K) zeros and ones; a label that is unknown has the shares of the levels."""
    table = np.eye(support.n_heights)
    rows = table[support.positions(codes).astype(int)]
    rows[codes == len(support.labels), : support.n_groups] = support.shares
    return rows


class _AppliedFunctions(ColumnEncoder):
    """Base of the encoders that apply functions which stay as they are."""

    def _apply(self, X: np.ndarray, functions: Sequence[ColumnFunction]) -> np.ndarray:
        """Return the channels side by side; the engine's form is made at the first call."""
        own: list[ColumnGroup] | None = vars(self).get("groups")
        if own is None:
            own = column_groups(functions)
            vars(self)["groups"] = own  # frozen dataclasses let no attribute be set otherwise
        return apply_groups(X, own)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the engine's form, which can be made again, out of pickles."""
        return {name: value for name, value in vars(self).items() if name != "groups"}


@dataclass(frozen=True)
class FixedFunctions(_AppliedFunctions):
    """The channels of one function per column, which stay as they are."""

    fixed: list[ColumnFunction]

    @property
    def n_inputs(self) -> int:
        return sum(function.n_channels or 1 for function in self.fixed)

    def encode(self, X: np.ndarray) -> np.ndarray:
        return self._apply(X, self.fixed)

    def functions(self, network: int | None = None) -> list[ColumnFunction]:
        return self.fixed


@dataclass(frozen=True)
class TrainedFunctions(ColumnEncoder):
    """Positions of values among the heights of functions that every network goes on training."""

    supports: Sequence[Support]  # of each column
    tables: np.ndarray

    @classmethod
    def starting_from(
        cls, functions: Sequence[ColumnFunction], supports: Sequence[Support]
    ) -> Self:
        """Take functions (one per column, with as many channels each) as the start."""
        heights = [own.heights(function) for own, function in zip(supports, functions, strict=True)]
        width = max(2, *map(len, heights))  # the engine looks up cells
        tables = np.zeros((len(heights), width, heights[0].shape[1]))
        for table, own in zip(tables, heights, strict=True):
            table[: len(own)] = own
        return cls(supports, tables)

    @property
    def n_inputs(self) -> int:
        return self.tables.shape[0] * self.tables.shape[2]

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return (n, d) positions: 3.25 lies between heights 3 and 4, at a quarter of the way."""
        columns = [own.positions(column) for column, own in zip(X.T, self.supports, strict=True)]
        return np.stack(columns, axis=1)

    def functions(self, network: int | None = None) -> list[ColumnFunction]:
        return self._functions_of(self.tables)

    def after_training(self, changes: np.ndarray) -> ColumnEncoder:
        channels = np.concatenate(list(self.tables + changes), axis=2)  # (d, K, E * c)
        return FunctionsByNetwork(self._functions_of(channels), len(changes))

    def _functions_of(self, tables: np.ndarray) -> list[ColumnFunction]:
        return [own.function(table) for own, table in zip(self.supports, tables, strict=True)]


@dataclass(frozen=True)
class FunctionsByNetwork(_AppliedFunctions):
    """Functions of columns that differ from network to network and stay as they are."""

    together: list[ColumnFunction]  # of E * c channels, those of the first network first
    n_networks: int

    @property
    def n_channels(self) -> int:
        """Channels of one network's function."""
        return (self.together[0].n_channels or 1) // self.n_networks

    @property
    def n_inputs(self) -> int:
        return len(self.together) * self.n_channels

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return (E, n, d')."""
        columns = self._apply(X, self.together)
        by_network = columns.reshape(*X.shape, self.n_networks, -1).transpose(2, 0, 1, 3)
        return by_network.reshape(*by_network.shape[:2], -1)

    def functions(self, network: int | None = None) -> list[ColumnFunction]:
        if network is None:
            return self.together
        own = slice(network * self.n_channels, (network + 1) * self.n_channels)
        return [function.take_channels(own) for function in self.together]


ColumnGroup = tuple[ColumnSplines, Any, Any]  # functions, their columns, their channels


def apply_functions(
    X: np.ndarray, functions: Sequence[ColumnFunction], n_threads: int = 1
) -> np.ndarray:
    """Apply one function per column and return their channels side by side, (n, channels).

    Columns of X that no function is left for do not count.
    """
    return apply_groups(X, column_groups(functions), n_threads)


def apply_groups(X: np.ndarray, groups: Sequence[ColumnGroup], n_threads: int = 1) -> np.ndarray:
    """Return what `apply_functions` returns for functions in the engine's form."""
    n_outputs = sum(len(splines.knots) * splines.heights.shape[1] for splines, _, _ in groups)
    values = np.empty((len(X), n_outputs))

    def fill(rows: slice) -> None:
        for splines, columns, channels in groups:
            part = evaluate_columns(splines, as_tensor(X[rows, columns]))
            values[rows, channels] = part.flatten(1).numpy()

    fill_blocks(fill, len(X), max(1, BLOCK_VALUES // values.shape[1]), n_threads)
    return values


def column_groups(functions: Sequence[ColumnFunction]) -> list[ColumnGroup]:
    """Return functions in the engine's form, those with as many channels each together."""
    n_channels = np.array([function.n_channels or 1 for function in functions])
    return [
        _column_group(functions, n_channels, np.flatnonzero(n_channels == count))
        for count in np.unique(n_channels)
    ]


def _column_group(
    functions: Sequence[ColumnFunction], n_channels: np.ndarray, columns: np.ndarray
) -> ColumnGroup:
    """Return the functions of columns with as many channels each, those columns, their channels.

    Where these are all, they are slices, which copy nothing.
    """
    splines = column_splines([functions[column] for column in columns])
    if len(columns) == len(functions):
        return splines, slice(len(columns)), slice(None)
    first = np.cumsum(n_channels)[columns] - n_channels[columns]
    channels = first[:, None] + np.arange(n_channels[columns[0]])
    return splines, columns, channels.reshape(-1)


def column_splines(functions: Sequence[ColumnFunction]) -> ColumnSplines:
    """Return functions with as many channels each in the engine's form, float64.

    That of a category is a spline of the codes.
    """
    parts = [_knots_and_heights(function) for function in functions]
    counts = np.array([len(own) for own, _ in parts])
    knots = np.full((len(counts), counts.max()), np.inf)
    knots[np.arange(counts.max()) < counts[:, None]] = np.concatenate([own for own, _ in parts])
    heights = np.concatenate([own.reshape(len(own), -1) for _, own in parts])
    is_linear = np.array([getattr(own, "extrapolation", "") == "linear" for own in functions])
    no_value = np.full(heights.shape[1], np.nan)
    missing = np.concatenate(
        [no_value if own.missing is None else own.missing.reshape(-1) for own in functions]
    ).reshape(len(functions), -1)
    arrays = (
        knots,
        counts - 2,
        np.cumsum(counts) - counts,
        heights,
        np.where(is_linear, -np.inf, 0.0),
        np.where(is_linear, np.inf, 1.0),
        missing,
    )
    return ColumnSplines(*map(as_tensor, arrays))


def _knots_and_heights(function: ColumnFunction) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(function, CategoryActivation):
        heights = function.table()[:-1]  # the last one is that of missing labels
        return np.arange(len(heights), dtype=np.float64), heights
    return function.knots, function.values
