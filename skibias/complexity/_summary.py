"""From one number per path or row to one number."""

from __future__ import annotations

import math

from torch import Tensor

from skibias._typing import Complexity


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Return the mean of independent values (n,) and its standard error, nan for one value."""
    n_values = len(values)
    error = float(values.std()) / math.sqrt(n_values) if n_values > 1 else math.nan
    return float(values.mean()), error


def summarize(values: Tensor, return_standard_error: bool) -> Complexity:
    """Return the mean of values (n,), or the pair of it and its standard error."""
    mean, error = mean_and_error(values)
    return (mean, error) if return_standard_error else mean
