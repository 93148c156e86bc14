"""Learned functions as modules of torch, whose values are parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from skibias.engine import splines

if TYPE_CHECKING:
    from skibias.functions.category import CategoryActivation
    from skibias.functions.spline import SplineActivation

# Knots whose spacing varies by less than this, relatively, are looked up by arithmetic.
UNIFORM_TOLERANCE = 1e-6


class SplineModule(nn.Module):
    """A spline activation for any torch model; elementwise.

    The heights are the parameter ``values``. Where they need no gradient (``requires_grad_(False)``
    or under ``torch.no_grad``), a fast path is taken, which supports one backward pass in x.

    Parameters
    ----------
    activation : SplineActivation
        With a single channel.
    dtype : torch.dtype, default=torch.float32
    """

    knots: Tensor
    missing: Tensor | None

    def __init__(self, activation: SplineActivation, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        if activation.n_channels is not None:
            raise ValueError(
                "The 'activation' parameter of SplineModule must have shape (n_knots,) values. "
                f"Got {activation!r} instead."
            )
        self.values = nn.Parameter(torch.tensor(activation.values, dtype=dtype))
        self.register_buffer("knots", torch.tensor(activation.knots, dtype=dtype))
        self.extrapolation = activation.extrapolation
        missing = activation.missing
        own = None if missing is None else nn.Parameter(torch.tensor(missing, dtype=dtype))
        self.register_parameter("missing", own)
        # First knot and step of equally spaced knots.
        self._spacing = _uniform_spacing(activation.knots) if activation.is_uniform else None

    def _load_from_state_dict(self, *arguments: Any) -> None:
        """Load the parameters, and find out how the knots that came with them are spaced."""
        super()._load_from_state_dict(*arguments)
        knots = self.knots.double().cpu().numpy()
        # Knots were rounded, by up to half an epsilon each, where equal spacing cannot be told.
        rounding = 2 * torch.finfo(self.knots.dtype).eps * np.abs(knots).max()
        self._spacing = _uniform_spacing(knots) if is_uniform(knots, rounding) else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the function's values at x, any shape."""
        if self.missing is None:
            return self._at_numbers(x)
        gaps = x.isnan()
        # Zeros in the gaps, so that no NaN reaches a gradient.
        return torch.where(gaps, self.missing, self._at_numbers(x.masked_fill(gaps, 0.0)))

    def _at_numbers(self, x: Tensor) -> Tensor:
        table = splines.knots_table(self.values, self.knots, self.extrapolation)
        if self._spacing is None:
            cell = splines.knots_cell(x, self.knots)
        else:
            cell = splines.shared_uniform_cell(x, *self._spacing, len(self.knots))
        if torch.is_grad_enabled() and self.values.requires_grad:
            return splines.evaluate(table, x, cell)
        return splines.evaluate_frozen(table, x, cell)

    def extra_repr(self) -> str:
        return f"n_knots={len(self.knots)}, extrapolation={self.extrapolation!r}"


class CategoryModule(nn.Module):
    """The function of a categorical column for any torch model, by code.

    The codes are those of `CategoryActivation.codes`. The values are the parameter ``values``.

    Parameters
    ----------
    activation : CategoryActivation
    dtype : torch.dtype, default=torch.float32
    """

    def __init__(self, activation: CategoryActivation, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(activation.table(), dtype=dtype))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the values of integer codes, any shape; channels are the last axis."""
        return self.values[codes]

    def extra_repr(self) -> str:
        return f"n_levels={len(self.values) - 2}"


def is_uniform(knots: np.ndarray, rounding: float = 0.0) -> bool:
    """Whether increasing knots are equally spaced, up to the rounding of the spacing."""
    spacing = np.diff(knots)
    is_even = np.ptp(spacing) <= UNIFORM_TOLERANCE * spacing.mean() + rounding
    return bool(is_even and spacing.min() > 0)


def _uniform_spacing(knots: np.ndarray) -> tuple[float, float]:
    """Return the first one of equally spaced knots, and their step."""
    first, last = knots[[0, -1]].tolist()
    return first, (last - first) / (len(knots) - 1)
