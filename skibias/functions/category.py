"""The learned function of a column of categories: one value per level."""

from __future__ import annotations

import json
from collections.abc import Sequence
from reprlib import repr as short
from typing import Any

import numpy as np
import torch

from skibias._immutable import Immutable
from skibias._levels import is_missing, kind_of_labels, level_codes, plain_label
from skibias.functions.arrays import frozen_array, row_of_channels
from skibias.functions.modules import CategoryModule

Label = str | bool | float  # an int counts as a float


class CategoryActivation(Immutable):
    """The learned function of a categorical column: one value per level.

    Instances do not change, compare by value, and can be pickled.

    Parameters
    ----------
    levels : sequence of shape (n_levels,)
        Distinct labels: all of them strings, all numbers or all booleans.
    values : array-like of shape (n_levels,) or (n_levels, n_channels)
        Value of each level; several channels make a function with several outputs.
    missing : float or array-like of shape (n_channels,), default=None
        Value for a missing label (None, NaN or NA). None takes that of an unknown one.
    unknown : float or array-like of shape (n_channels,), default=None
        Value for a label that is none of the levels. None takes the mean of the values.

    Raises
    ------
    ValueError, TypeError
        If levels repeat, are missing or of several kinds, the shapes disagree or a number is
        not finite.

    Examples
    --------
    >>> from skibias import CategoryActivation
    >>> colour = CategoryActivation(["blue", "red"], [1.0, 3.0], missing=0.0)
    >>> colour(["red", "green", None])
    array([3., 2., 0.])
    >>> CategoryActivation.from_json(colour.to_json()) == colour
    True
    """

    levels: tuple[Label, ...]
    values: np.ndarray
    missing: np.ndarray
    unknown: np.ndarray

    def __init__(
        self, levels: Sequence[Any], values: Any, missing: Any = None, unknown: Any = None
    ) -> None:
        owner = "CategoryActivation"
        labels = _checked_levels(levels)
        values = frozen_array(values, "values", owner)
        if values.ndim not in (1, 2) or len(values) != len(labels):
            raise ValueError(
                f"The 'values' parameter of {owner} must have one row per level ({len(labels)}). "
                f"Got shape {values.shape} instead."
            )
        shape = values.shape[1:]
        unknown = values.mean(axis=0) if unknown is None else unknown
        unknown = row_of_channels(unknown, shape, "unknown", owner)
        missing = unknown if missing is None else missing
        vars(self).update(
            levels=labels,
            values=values,
            missing=row_of_channels(missing, shape, "missing", owner),
            unknown=unknown,
        )

    @classmethod
    def from_json(cls, text: str) -> CategoryActivation:
        """Return the function that `to_json` wrote; numbers survive to the last bit.

        Parameters
        ----------
        text : str
            A JSON object with the four parameters of the class.

        Returns
        -------
        CategoryActivation

        Raises
        ------
        ValueError, TypeError, KeyError
            If the text is not JSON, or a parameter is unusable or missing.
        """
        record = json.loads(text)
        return cls(*(record[name] for name in ("levels", "values", "missing", "unknown")))

    def to_json(self) -> str:
        """Return the function as a JSON object of its parameters.

        Returns
        -------
        str
        """
        arrays = {name: getattr(self, name).tolist() for name in ("values", "missing", "unknown")}
        return json.dumps({"levels": list(self.levels), **arrays})

    @property
    def n_channels(self) -> int | None:
        """Number of outputs; None for a plain function of shape (n_levels,)."""
        return self.values.shape[1] if self.values.ndim == 2 else None

    def codes(self, labels: Any) -> np.ndarray:
        """Return the numbers of labels: of level k it is k.

        Parameters
        ----------
        labels : array-like of any shape

        Returns
        -------
        ndarray of int64, shape of labels
            ``n_levels`` stands for an unknown label, ``n_levels + 1`` for a missing one.
        """
        labels = np.asarray(labels, dtype=object)
        return level_codes(labels.reshape(-1), self.levels).reshape(labels.shape)

    def __call__(self, labels: Any) -> np.ndarray:
        """Return the values of labels, elementwise.

        Parameters
        ----------
        labels : array-like of any shape

        Returns
        -------
        ndarray of float64
            Shape of labels, with a last axis of ``n_channels`` added where there are several.
        """
        return self.table()[self.codes(labels)]

    def table(self) -> np.ndarray:
        """Return the values by code: those of the levels, of unknown labels and of missing ones.

        Returns
        -------
        ndarray of shape (n_levels + 2,) or (n_levels + 2, n_channels)
        """
        return np.concatenate([self.values, self.unknown[None], self.missing[None]])

    def on_levels(self, levels: Sequence[Any]) -> CategoryActivation:
        """Return the same function with values for other levels.

        Parameters
        ----------
        levels : sequence
            Those that this function does not have get the value of unknown ones.

        Returns
        -------
        CategoryActivation
        """
        return CategoryActivation(levels, self(list(levels)), self.missing, self.unknown)

    def take_channels(self, channels: slice) -> CategoryActivation:
        """Return the function of some of the channels, of which there are several.

        Parameters
        ----------
        channels : slice

        Returns
        -------
        CategoryActivation
        """
        return CategoryActivation(
            self.levels,
            self.values[:, channels],
            self.missing[channels],
            self.unknown[channels],
        )

    def as_module(self, dtype: torch.dtype = torch.float32) -> CategoryModule:
        """Return the function as an ``nn.Module`` of codes; its values are the parameter.

        Parameters
        ----------
        dtype : torch.dtype, default=torch.float32

        Returns
        -------
        CategoryModule
        """
        return CategoryModule(self, dtype)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up what was pickled or copied; NumPy forgets that the arrays are read-only."""
        vars(self).update(state)
        for array in (self.values, self.missing, self.unknown):
            array.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CategoryActivation):
            return NotImplemented
        return self.levels == other.levels and np.array_equal(self.table(), other.table())

    def __hash__(self) -> int:
        return hash((self.levels, (self.table() + 0.0).tobytes()))

    def __repr__(self) -> str:
        channels = "" if self.n_channels is None else f", n_channels={self.n_channels}"
        levels = short(list(self.levels))
        return f"CategoryActivation({len(self.levels)} levels: {levels}{channels})"


def _checked_levels(levels: Any) -> tuple[Label, ...]:
    """Return labels as Python's strings, numbers or booleans."""
    rule = "The 'levels' parameter of CategoryActivation must"
    if isinstance(levels, str) or not hasattr(levels, "__len__") or len(levels) == 0:
        raise ValueError(f"{rule} be a sequence of at least one label. Got {levels!r} instead.")
    labels = tuple(map(plain_label, levels))
    if any(map(is_missing, labels)):
        raise ValueError(f"{rule} not hold missing labels. Got {short(list(labels))} instead.")
    if kind_of_labels(labels) is None:
        raise ValueError(
            f"{rule} hold strings, numbers or booleans, one of these kinds. "
            f"Got {short(list(labels))} instead."
        )
    if len(set(labels)) < len(labels):
        raise ValueError(f"{rule} not repeat a label. Got {short(list(labels))} instead.")
    return labels
