"""How the columns of a table become what a network reads.

An encoder is made once for a fit. Learning, comparing, training and predicting all use it.

Notation
--------
n, d : rows, columns
d' : inputs of the first layer
K, c : knots and channels of the functions of a column
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
from skibias.functions.spline import SplineActivation


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

    def functions(self, network: int | None = None) -> list[SplineActivation] | None:
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
    """Columns that are only scaled."""

    scaler: Any  # fitted
    n_columns: int

    @classmethod
    def fit(cls, scaling: str | None, X: np.ndarray) -> Self:
        """Fit the scaler to rows X (n, d)."""
        return cls(make_scaler(scaling, len(X)).fit(X), X.shape[1])

    @property
    def n_inputs(self) -> int:
        return self.n_columns

    def encode(self, X: np.ndarray) -> np.ndarray:
        return self.scaler.transform(X)


@dataclass(frozen=True)
class FixedFunctions(ColumnEncoder):
    """The channels of one function per column, which stay as they are."""

    fixed: list[SplineActivation]

    @property
    def n_inputs(self) -> int:
        return sum(function.n_channels or 1 for function in self.fixed)

    def encode(self, X: np.ndarray) -> np.ndarray:
        return spline_columns(X, self.fixed)

    def functions(self, network: int | None = None) -> list[SplineActivation]:
        return self.fixed


@dataclass(frozen=True)
class TrainedFunctions(ColumnEncoder):
    """Positions of values on the knots of functions that every network goes on training."""

    knots: list[np.ndarray]  # of each column, at most K
    tables: np.ndarray

    @classmethod
    def starting_from(cls, functions: Sequence[SplineActivation]) -> Self:
        """Take functions (one per column, with as many channels each) as the start."""
        knots = [function.knots for function in functions]
        heights = [function.values.reshape(len(function.knots), -1) for function in functions]
        tables = np.zeros((len(knots), max(map(len, knots)), heights[0].shape[1]))
        for table, own in zip(tables, heights, strict=True):
            table[: len(own)] = own
        return cls(knots, tables)

    @property
    def n_inputs(self) -> int:
        return self.tables.shape[0] * self.tables.shape[2]

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return (n, d) positions: 3.25 lies between knots 3 and 4, at a quarter of the way."""
        columns = [
            np.interp(column, own, np.arange(len(own)))
            for column, own in zip(X.T, self.knots, strict=True)
        ]
        return np.stack(columns, axis=1)

    def functions(self, network: int | None = None) -> list[SplineActivation]:
        return self._functions_of(self.tables)

    def after_training(self, changes: np.ndarray) -> ColumnEncoder:
        channels = np.concatenate(list(self.tables + changes), axis=2)  # (d, K, E * c)
        return FunctionsByNetwork(self._functions_of(channels), len(changes))

    def _functions_of(self, tables: np.ndarray) -> list[SplineActivation]:
        return [
            SplineActivation(knots, own[: len(knots)])
            for knots, own in zip(self.knots, tables, strict=True)
        ]


@dataclass(frozen=True)
class FunctionsByNetwork(ColumnEncoder):
    """Functions of columns that differ from network to network and stay as they are."""

    together: list[SplineActivation]  # of E * c channels, those of the first network first
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
        columns = spline_columns(X, self.together)
        by_network = columns.reshape(*X.shape, self.n_networks, -1).transpose(2, 0, 1, 3)
        return by_network.reshape(*by_network.shape[:2], -1)

    def functions(self, network: int | None = None) -> list[SplineActivation]:
        if network is None:
            return self.together
        own = slice(network * self.n_channels, (network + 1) * self.n_channels)
        return [
            SplineActivation(function.knots, function.values[:, own]) for function in self.together
        ]


def spline_columns(
    X: np.ndarray, activations: Sequence[SplineActivation], n_threads: int = 1
) -> np.ndarray:
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


def _column_group(
    activations: Sequence[SplineActivation], n_channels: np.ndarray, columns: np.ndarray
) -> tuple[ColumnSplines, Any, Any]:
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
