"""The learned function as an object: knots, values, and what users do with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skibias._columns import numbers_only
from skibias._immutable import Immutable
from skibias._numbers import check_count, check_positive, is_real
from skibias._run.tensors import as_tensor, on_array
from skibias.engine import splines
from skibias.functions.arrays import frozen_array, row_of_channels
from skibias.functions.modules import SplineModule, is_uniform


class SplineActivation(Immutable):
    """A linear spline: learned activation function, or learned function of one input column.

    Between two knots the function is interpolated linearly. Instances do not change, compare by
    value, and can be pickled.

    Parameters
    ----------
    knots : array-like of shape (n_knots,)
        Strictly increasing arguments, at least two.
    values : array-like of shape (n_knots,) or (n_knots, n_channels)
        Heights at the knots; several channels make a function with several outputs.
    extrapolation : {"constant", "linear"}, default="constant"
        Outside the knots: the value at the outermost knot, or its segment continued.
    missing : float or array-like of shape (n_channels,), default=None
        Value for a missing number (NaN). None gives NaN.

    Raises
    ------
    ValueError
        If the knots do not increase, the shapes disagree or a number is not finite.

    Notes
    -----
    Equally spaced knots are evaluated by arithmetic, others by binary search. Equation: App. C of
    Teney et al., "Do We Always Need the Simplicity Bias?", CVPR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from skibias import SplineActivation
    >>> bump = SplineActivation([0, 1, 2], [0, 1, 0])
    >>> bump(np.array([-1.0, 0.5, 1.5, 9.0]))
    array([0. , 0.5, 0.5, 0. ])
    >>> SplineActivation.from_json(bump.to_json()) == bump
    True
    """

    knots: np.ndarray
    values: np.ndarray
    extrapolation: str
    missing: np.ndarray | None

    def __init__(
        self, knots: Any, values: Any, extrapolation: str = "constant", missing: Any = None
    ) -> None:
        vars(self).update(
            knots=frozen_array(knots, "knots", "SplineActivation"),
            values=frozen_array(values, "values", "SplineActivation"),
            extrapolation=extrapolation,
        )
        if self.knots.ndim != 1 or len(self.knots) < 2 or not np.all(np.diff(self.knots) > 0):
            raise ValueError(
                "The 'knots' parameter of SplineActivation must be a strictly increasing sequence "
                f"of at least two numbers. Got {knots!r} instead."
            )
        if self.values.ndim not in (1, 2) or len(self.values) != len(self.knots):
            raise ValueError(
                "The 'values' parameter of SplineActivation must have one row per knot "
                f"({len(self.knots)}). Got shape {self.values.shape} instead."
            )
        if extrapolation not in splines.EXTRAPOLATIONS:
            raise ValueError(
                "The 'extrapolation' parameter of SplineActivation must be one of "
                f"{splines.EXTRAPOLATIONS}. Got {extrapolation!r} instead."
            )
        own = self.values.shape[1:]
        vars(self)["missing"] = row_of_channels(missing, own, "missing", "SplineActivation")

    @classmethod
    def relu(cls) -> SplineActivation:
        """Return ReLU, exactly."""
        return cls([-1, 0, 1], [0, 0, 1], extrapolation="linear")

    @classmethod
    def hat(cls) -> SplineActivation:
        """Return the piecewise-linear B-spline bump over [0, 2] with height 1, exactly."""
        return cls([0, 1, 2], [0, 1, 0])

    @classmethod
    def from_function(
        cls,
        function: Callable[[np.ndarray], np.ndarray],
        domain: tuple[float, float] = (-5.0, 5.0),
        n_knots: int = 50,
        extrapolation: str = "constant",
    ) -> SplineActivation:
        """Return the spline through ``function`` at equally spaced knots.

        Parameters
        ----------
        function : callable
            Maps an array of shape (n_knots,) to an array of the same length.
        domain : (float, float), default=(-5, 5)
            First and last knot.
        n_knots : int, default=50
        extrapolation : {"constant", "linear"}, default="constant"

        Returns
        -------
        SplineActivation

        Raises
        ------
        ValueError
            If the domain does not increase, there are fewer than two knots, or ``function`` does
            not return a finite number for each.
        """
        owner = "SplineActivation.from_function"
        if not callable(function):
            raise TypeError(
                f"The 'function' parameter of {owner} must be callable. Got {function!r} instead."
            )
        n_knots = check_count("n_knots", n_knots, 2, owner)
        knots = np.linspace(*_checked_domain(domain), n_knots)
        values = function(knots)
        if len(np.shape(values)) == 0 or len(values) != n_knots:
            raise ValueError(
                f"The 'function' parameter of {owner} must return one value, or row of values, "
                f"for each of the {n_knots} knots. Got shape {np.shape(values)} instead."
            )
        return cls(knots, values, extrapolation)

    @classmethod
    def from_json(cls, text: str) -> SplineActivation:
        """Return the function that `to_json` wrote; numbers survive to the last bit.

        Parameters
        ----------
        text : str
            A JSON object with the parameters of the class; ``missing`` may be left out.

        Returns
        -------
        SplineActivation

        Raises
        ------
        ValueError, TypeError, KeyError
            If the text is not JSON, or a parameter is unusable or missing.
        """
        record = json.loads(text)
        return cls(
            record["knots"], record["values"], record["extrapolation"], record.get("missing")
        )

    def to_json(self) -> str:
        """Return the function as a JSON object of its parameters.

        Returns
        -------
        str
        """
        record = {
            "knots": self.knots.tolist(),
            "values": self.values.tolist(),
            "extrapolation": self.extrapolation,
        }
        if self.missing is not None:
            record["missing"] = self.missing.tolist()
        return json.dumps(record)

    @property
    def n_channels(self) -> int | None:
        """Number of outputs; None for a plain function of shape (n_knots,)."""
        return self.values.shape[1] if self.values.ndim == 2 else None

    @property
    def is_uniform(self) -> bool:
        """Whether the knots are equally spaced."""
        return is_uniform(self.knots)

    def __call__(self, x: Any) -> Any:
        """Return the function's values at x, elementwise.

        Parameters
        ----------
        x : array-like or Tensor of any shape

        Returns
        -------
        ndarray of float64, or Tensor in the dtype and on the device of x
            Shape of x, with a last axis of ``n_channels`` added where there are several.
            A tensor is differentiable in x; one of integers gives torch's default dtype.
        """
        if isinstance(x, Tensor):
            return self._evaluate(x if x.is_floating_point() else x.to(torch.get_default_dtype()))
        with numbers_only(x, "SplineActivation", "x"):
            return on_array(self._evaluate, x, n_channels=self.n_channels)

    def _evaluate(self, x: Tensor) -> Tensor:
        """Go a fraction of the way between two knots: finite where a slope would not be."""
        knots = as_tensor(self.knots, x.dtype, x.device)
        values = as_tensor(self.values.T, x.dtype, x.device)
        # Knots can fall together in the dtype of x.
        widths = knots.diff().clamp(min=torch.finfo(x.dtype).tiny)
        left = splines.knots_cell(x, knots).reshape(-1).sub_(1).clamp_(0, len(knots) - 2)
        start, width, low, rise = (
            part.index_select(-1, left).unflatten(-1, x.shape or (1,))
            for part in (knots[:-1], widths, values[..., :-1], values.diff())
        )
        fraction = (x - start) / width
        if self.extrapolation == "constant":
            fraction = fraction.clamp(0, 1)
        result = torch.addcmul(low, fraction, rise)
        result = result.movedim(0, -1) if self.values.ndim == 2 else result
        if self.missing is not None:
            gaps = x.isnan().reshape(*(x.shape or (1,)), *[1] * self.missing.ndim)
            result = torch.where(gaps, as_tensor(self.missing, x.dtype, x.device), result)
        return result if x.shape else result.reshape(result.shape[1:])

    def scale_argument(self, prefactor: float) -> SplineActivation:
        """Return x -> self(prefactor * x).

        Parameters
        ----------
        prefactor : float
            Positive.

        Returns
        -------
        SplineActivation
            The same heights at the knots divided by the prefactor.

        Raises
        ------
        ValueError
            If the prefactor is not a positive, finite number.
        """
        prefactor = check_positive("prefactor", prefactor, "SplineActivation.scale_argument")
        return SplineActivation(
            self.knots / prefactor, self.values, self.extrapolation, self.missing
        )

    def take_channels(self, channels: slice) -> SplineActivation:
        """Return the function of some of the channels, of which there are several.

        Parameters
        ----------
        channels : slice

        Returns
        -------
        SplineActivation
        """
        missing = None if self.missing is None else self.missing[channels]
        return SplineActivation(self.knots, self.values[:, channels], self.extrapolation, missing)

    def as_module(self, dtype: torch.dtype = torch.float32) -> SplineModule:
        """Return the function as an ``nn.Module`` whose parameter is the values at the knots.

        Parameters
        ----------
        dtype : torch.dtype, default=torch.float32
            Of the knots and the values.

        Returns
        -------
        SplineModule

        Raises
        ------
        ValueError
            If the function has several channels.
        """
        return SplineModule(self, dtype)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up what was pickled or copied; NumPy forgets that the arrays are read-only."""
        vars(self).update({"missing": None, **state})
        for array in (self.knots, self.values, self.missing):
            if array is not None:
                array.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SplineActivation):
            return NotImplemented
        return (
            np.array_equal(self.knots, other.knots)
            and np.array_equal(self.values, other.values)
            and self.extrapolation == other.extrapolation
            and _are_equal(self.missing, other.missing)
        )

    def __hash__(self) -> int:
        # Adding zero makes one number of the two zeros, which are equal.
        knots, values = (self.knots + 0.0).tobytes(), (self.values + 0.0).tobytes()
        missing = None if self.missing is None else (self.missing + 0.0).tobytes()
        return hash((knots, values, self.extrapolation, missing))

    def __repr__(self) -> str:
        channels = "" if self.n_channels is None else f", n_channels={self.n_channels}"
        return (
            f"SplineActivation(n_knots={len(self.knots)}, "
            f"domain=({self.knots[0]:.4g}, {self.knots[-1]:.4g}){channels}, "
            f"extrapolation={self.extrapolation!r})"
        )


def _are_equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _checked_domain(domain: Any) -> tuple[float, float]:
    """Return the first and the last knot, or raise ValueError."""
    ends = tuple(domain) if isinstance(domain, (tuple, list, np.ndarray)) else ()
    if len(ends) != 2 or not all(map(is_real, ends)) or not -np.inf < ends[0] < ends[1] < np.inf:
        raise ValueError(
            "The 'domain' parameter of SplineActivation.from_function must be two finite numbers, "
            f"the first one smaller. Got {domain!r} instead."
        )
    return float(ends[0]), float(ends[1])
