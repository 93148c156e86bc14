"""Losses of rows, and their weighted means: one number per network.

Notation: outputs (*R, n, o), targets (*R, n) or (*R, n, o), weights (*R, n); means (*R,).

Weights are relative to those of all rows, whose mean is one. A mean is over the number of rows, not
over their own weight: a batch that happens to hold a heavy row then has a greater loss, and in the
mean over batches every row counts what it weighs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

TIE_WEIGHT = 1e-4  # a nat counts as much as one row in ten thousand


def log_loss_rows(outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy (*R, n) of softmax(outputs) with class numbers ``targets`` (int64).

    ``smoothing`` is the share of a label that is spread evenly over all classes.
    """
    index = targets.expand(outputs.shape[:-1])[..., None]
    wanted = outputs.gather(-1, index).squeeze(-1)
    if smoothing:
        wanted = torch.lerp(wanted, outputs.mean(-1), smoothing)
    return outputs.logsumexp(-1) - wanted


def squared_error_rows(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error (*R, n), averaged over outputs."""
    return (outputs - targets).square().mean(-1)


def log_loss(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of `log_loss_rows`."""
    return weighted_mean(log_loss_rows(outputs, targets), weights)


def training_loss(name: str, smoothing: float) -> Loss:
    """Return the loss that networks are trained with; labels are smoothed, values are not."""
    if name != "log_loss" or smoothing == 0:
        return LOSSES[name]

    def smoothed_log_loss(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        return weighted_mean(log_loss_rows(outputs, targets, smoothing), weights)

    return smoothed_log_loss


def squared_error(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of `squared_error_rows`."""
    return weighted_mean(squared_error_rows(outputs, targets), weights)


def weighted_mean(row_losses: Tensor, weights: Tensor) -> Tensor:
    """Mean over rows (*R, n), each times its weight."""
    return (row_losses * weights).mean(-1)


def error_rate(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted share of wrong classes; networks that are equal in it are ranked by `log_loss`.

    Training can go on to lower the errors long after over-confidence has begun to raise the loss.
    """
    wrong = (outputs.argmax(-1) != targets).to(weights)
    return weighted_mean(wrong, weights) + TIE_WEIGHT * log_loss(outputs, targets, weights)


LOSSES: dict[str, Loss] = {"log_loss": log_loss, "squared_error": squared_error}
# What decides when a network of such a loss is best.
STOPPING_LOSSES: dict[str, Loss] = {"log_loss": error_rate, "squared_error": squared_error}
