"""Weighted mean losses, one number per network.

Notation: outputs (*R, n, o), targets (*R, n) or (*R, n, o), weights (*R, n); result (*R,).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def log_loss(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy of softmax(outputs) with class numbers ``targets`` (int64)."""
    index = targets.expand(outputs.shape[:-1])[..., None]
    own = outputs.gather(-1, index).squeeze(-1)
    return weighted_mean(outputs.logsumexp(-1) - own, weights)


def squared_error(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Squared error, averaged over outputs and rows."""
    return weighted_mean((outputs - targets).square().mean(-1), weights)


def weighted_mean(row_losses: Tensor, weights: Tensor) -> Tensor:
    """Mean over rows (*R, n), weighted; weights of a batch need not sum to one."""
    return (row_losses * weights).sum(-1) / weights.sum(-1)


LOSSES: dict[str, Loss] = {"log_loss": log_loss, "squared_error": squared_error}
