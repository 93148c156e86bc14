"""Targets as the engine wants them, and outputs as users want them."""

from __future__ import annotations

from reprlib import repr as short
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from skibias._numbers import is_real
from skibias._prepare.rows import WeightedRows, in_canonical_order

# Share of the range of values that they are scaled by at least: less is that of heavy rows beside
# which the others weigh nothing, and whose own values would then be too large for the networks.
LEAST_SPREAD = 1e-6
LEAST_FREQUENCY = 0.01  # of a class, in rows
WEIGHT_STEPS = 1 << 24  # of a weight's mantissa; the engine has no finer ones
ROUNDING = 2  # units in the last place that values which ought to be equal may differ by
TARGET_TYPES = ("auto", "binary", "multiclass", "continuous")


class TableData(NamedTuple):
    """A table as it came in, checked."""

    X: np.ndarray  # (n, d)
    y: np.ndarray  # (n,) labels, or (n,) or (n, o) values
    weights: np.ndarray  # (n,), at least 0
    groups: np.ndarray | None = None  # (n,) numbers from 0 on


class ClassEncoding(NamedTuple):
    """How labels become class numbers."""

    loss: str
    classes: np.ndarray  # (k,)
    frequencies: np.ndarray  # (k,), by weight

    @property
    def n_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.classes)

    def numbers(self, y: np.ndarray) -> np.ndarray:
        """Return the class number of every label.

        Raises ValueError if a label is none of the classes.
        """
        known = np.isin(y, self.classes)
        if not known.all():
            raise ValueError(
                f"The classes of y must be among {self.classes.tolist()}. "
                f"Got {np.unique(y[~known]).tolist()} instead."
            )
        return np.searchsorted(self.classes, y)

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """Return the engine's targets: class numbers, or one-hot rows."""
        return numbers if self.loss == "log_loss" else np.eye(len(self.classes))[numbers]

    def start(self, smoothing: float) -> np.ndarray:
        """Return what outputs (o,) begin with: the logits of smoothed class frequencies, or zeros.

        The networks then need not learn first how rare a class is.
        """
        if self.loss != "log_loss":
            return np.zeros(self.n_outputs)
        logits = np.log((1 - smoothing) * self.frequencies + smoothing / len(self.classes))
        return logits - logits.mean()

    def decode(self, targets: np.ndarray) -> np.ndarray:
        """Return the labels of class numbers."""
        return self.classes[targets]


class ValueEncoding(NamedTuple):
    """How values are standardised; what it shares with `ClassEncoding` means the same."""

    mean: np.ndarray  # (o,)
    scale: np.ndarray  # (o,), 0 for a constant
    loss: str = "squared_error"
    classes: None = None

    @property
    def n_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.mean)

    def numbers(self, y: np.ndarray) -> np.ndarray:
        """Return values as they are."""
        return y

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """Return standardised values (n, o)."""
        scale = np.where(self.scale > 0, self.scale, 1.0)
        return (numbers.reshape(len(numbers), -1) - self.mean) / scale

    def start(self, smoothing: float) -> np.ndarray:
        """Return zeros (o,)."""
        return np.zeros(self.n_outputs)

    def decode(self, targets: np.ndarray) -> np.ndarray:
        """Return values (n, o) of standardised ones."""
        return targets * self.scale + self.mean


TargetEncoding = ClassEncoding | ValueEncoding


def guess_target_type(y: Any, target_type: str) -> str:
    """Return "continuous" or "multiclass" (two classes included), as TargetEncoder would guess."""
    if target_type == "auto":
        with np.errstate(invalid="ignore"):  # it tries whether values are integers
            guessed = type_of_target(y, input_name="y")
        known = ("binary", "multiclass", "continuous", "continuous-multioutput")
        if guessed not in known:
            raise ValueError(
                f"Unknown label type: the 'y' parameter must be a {', '.join(known)} target. "
                f"Got a {guessed} target instead."
            )
        target_type = guessed
    return "continuous" if target_type.startswith("continuous") else "multiclass"


def encoded_rows(
    data: TableData, is_classification: bool, *, loss: str = "auto", keep_order: bool = False
) -> tuple[WeightedRows, TargetEncoding]:
    """Return rows of positive weight, targets as numbers, and the encoding of the targets.

    ``keep_order`` is for splitters, which may split by it.

    Raises ValueError if fewer than two rows are left, classes have several columns, or values are
    no numbers; TypeError if y is sparse.
    """
    X, y, weights, groups = data
    if issparse(y):
        raise TypeError(f"The 'y' parameter must be a dense array. Got {type(y).__name__} instead.")
    kept = weights > 0
    if is_classification:
        y = column_or_1d(y, warn=True)
        encoding: TargetEncoding = class_encoding(
            y, weights, loss
        )  # a class without weight stays one
    else:
        y = _as_numbers(y)
        encoding = value_encoding(y[kept], _relative(weights[kept]), loss)
    rows = WeightedRows(X, encoding.numbers(y), _relative(weights), groups)
    if not kept.all():  # otherwise a copy for nothing
        rows = rows.take(kept)
        rows = rows._replace(weights=_relative(rows.weights))
    if len(rows.X) < 2:
        raise ValueError(
            "The 'X' parameter must hold at least two rows of positive weight. "
            f"Got {len(rows.X)} instead."
        )
    return rows if keep_order else in_canonical_order(rows), encoding


def _relative(weights: np.ndarray) -> np.ndarray:
    """Return weights of mean one, the same for any multiple of them.

    They are divided by the greatest first, so that their sum cannot overflow, and rounded, since
    a multiple differs in its last digits.
    """
    mantissas, exponents = np.frexp(weights / weights.max())
    weights = np.ldexp(np.round(mantissas * WEIGHT_STEPS) / WEIGHT_STEPS, exponents)
    return weights / weights.mean()


def _as_numbers(y: np.ndarray) -> np.ndarray:
    """Return the values of y as float64."""
    try:
        with np.errstate(over="ignore"):
            values = y.astype(np.float64)
    except OverflowError:  # that of an integer of Python
        _refuse_too_large(y)
        raise
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The 'y' parameter must hold numbers for a continuous target. Got others: {error}."
        ) from error
    if not np.isfinite(values).all():  # None in an array of objects
        _refuse_too_large(y)
        raise ValueError(
            "The 'y' parameter must hold finite numbers for a continuous target. "
            "Got missing or infinite values instead."
        )
    return values


def _refuse_too_large(y: np.ndarray) -> None:
    """Raise ValueError where a finite number, such as one of long double, is none of float64."""
    largest = float(np.finfo(np.float64).max)
    for value in y.ravel():
        if is_real(value) and largest < abs(value) < np.inf:
            raise ValueError(
                "The 'y' parameter must hold values below 1.8e308, the largest number of float64. "
                f"Got {short(value)} instead: divide y by a constant."
            )


def class_encoding(y: np.ndarray, weights: np.ndarray, loss: str = "auto") -> ClassEncoding:
    """Return the encoding of class labels.

    Its frequencies are weighted. That of a class without weight is small, not zero.

    Raises ValueError if there is one class only.
    """
    classes, numbers = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            "The 'y' parameter must hold at least two classes. "
            f"Got one class instead: {classes.tolist()}."
        )
    kept = weights > 0
    shares = np.bincount(numbers[kept], _relative(weights[kept]), minlength=len(classes))
    shares = np.maximum(shares / shares.sum(), LEAST_FREQUENCY / kept.sum())
    loss = "log_loss" if loss == "auto" else loss
    return ClassEncoding(loss, classes, shares / shares.sum())


def _check_range(columns: np.ndarray) -> None:
    """Raise ValueError where differences of values (n, o) overflow."""
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(np.ptp(columns, axis=0)).all()
    if not is_finite:
        raise ValueError(
            "The 'y' parameter must hold values whose range is below 1.8e308, the largest number. "
            f"Got {columns.min():g} to {columns.max():g} instead: divide y by a constant."
        )


def value_encoding(y: np.ndarray, weights: np.ndarray, loss: str = "auto") -> ValueEncoding:
    """Return the encoding that standardises values (n,) or (n, o), with weights.

    Raises ValueError if the loss is one for classes, or the range of values is no number.
    """
    if loss == "log_loss":
        raise ValueError(
            "The 'loss' parameter must be 'auto' or 'squared_error' for a continuous target. "
            "Got 'log_loss' instead."
        )
    columns = y.reshape(len(y), -1)
    _check_range(columns)
    # In units of a power of two, which changes no digit: squares of large values overflow.
    exponents = np.frexp(np.abs(columns).max(axis=0))[1]
    scaled = np.ldexp(columns, -exponents)
    mean = np.average(scaled, axis=0, weights=weights)
    scale = np.sqrt(np.average((scaled - mean) ** 2, axis=0, weights=weights))
    # A constant, up to rounding, is predicted as it is.
    extent = np.ptp(scaled, axis=0)
    constant = extent <= ROUNDING * np.spacing(np.abs(scaled).max(axis=0))
    scale = np.maximum(scale, LEAST_SPREAD * extent)
    mean = np.where(constant, columns[0], np.ldexp(mean, exponents))
    scale = np.where(constant, 0.0, np.ldexp(scale, exponents))
    return ValueEncoding(mean, scale)
