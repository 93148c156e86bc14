"""Complexity of functions from their values on points.

Notation: m points along a path.
"""

from __future__ import annotations

import torch
from torch import Tensor


def path_variation(values: Tensor) -> Tensor:
    """Return sum_i |f_{i+1} - f_i| (*R,) of values (*R, m), straight line subtracted (P, App. F).

    Subtracting the line between the first and last value subtracts its constant increment from
    every increment.
    """
    increments = values.diff(dim=-1)
    line = (values[..., -1:] - values[..., :1]) / increments.shape[-1]
    return torch.sum((increments - line).abs(), dim=-1)
