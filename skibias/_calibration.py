"""From the logits of networks to probabilities that can be trusted.

Notation: logits and probabilities (n, k) of n rows and k classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

# The logarithm of the temperature is thought to lie about so far from zero before rows are seen:
# few held-out rows that are all predicted well would ask for one of zero.
TEMPERATURE_SPREAD = 0.5
TEMPERATURE_LIMIT = 3.0  # of its logarithm


class Calibration(NamedTuple):
    """How logits become probabilities.

    Networks that are trained with smoothed labels approach ``q = (1 - s) p + s / k`` where the
    classes have probabilities p. Two ways lead back: solving for p, which is exact where q is; and
    a temperature T, which suits logits that are too large or too small everywhere. In the mean of
    both, the faults of one are halved, and the order of the classes stays as it is.
    """

    smoothing: float = 0.0  # s
    lowest: float = 0.0  # what solving for p gives at least; one over the training rows
    equal_share: float = 0.0  # then mixed with equal probabilities
    temperature: float | None = None  # None: no rows to find it on, so only p is solved for

    def probabilities(self, logits) -> np.ndarray:
        """Return the probabilities of the classes."""
        solved = self._solved(logits)
        if self.temperature is None:
            return solved
        return (solved + softmax(logits / self.temperature, axis=1)) / 2

    def _solved(self, logits) -> np.ndarray:
        """Return (q - s / k) / (1 - s), mixed with equal probabilities."""
        n_classes = logits.shape[1]
        smoothed = softmax(logits, axis=1)
        unsmoothed = (smoothed - self.smoothing / n_classes) / (1 - self.smoothing)
        unsmoothed = np.maximum(unsmoothed, self.lowest)
        unsmoothed /= unsmoothed.sum(axis=1, keepdims=True)
        return (1 - self.equal_share) * unsmoothed + self.equal_share / n_classes


def uncalibrated(smoothing, n_rows) -> Calibration:
    """Return what only undoes the smoothing of labels, of networks that were trained on n rows."""
    lowest = 1 / n_rows if smoothing else np.finfo(float).tiny
    return Calibration(smoothing, lowest)


def fit_calibration(logits, classes, weights, prior: Calibration) -> Calibration:
    """Return the calibration with the share and the temperature that suit held-out rows best.

    Parameters
    ----------
    logits : ndarray of shape (n, k)
    classes : ndarray of shape (n,)
        Numbers of the classes.
    weights : ndarray of shape (n,)
    prior : Calibration
        What `uncalibrated` returns.
    """
    rows = np.arange(len(classes))
    weights = weights / weights.mean()

    def loss_of_share(share):
        solved = prior._replace(equal_share=share).probabilities(logits)
        return -np.sum(weights * np.log(solved[rows, classes]))

    def loss_of_temperature(log_temperature):
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        surprise = 0.5 * (log_temperature / TEMPERATURE_SPREAD) ** 2
        return surprise - np.sum(weights * scaled[rows, classes])

    # Both losses have one minimum; that of the share may lie at zero, which the search never meets.
    share = minimize_scalar(loss_of_share, bounds=(0, 1), options={"xatol": 1e-6}).x
    share = min(share, 0.0, key=loss_of_share)
    bounds = (-TEMPERATURE_LIMIT, TEMPERATURE_LIMIT)
    temperature = np.exp(minimize_scalar(loss_of_temperature, bounds=bounds).x)
    return prior._replace(equal_share=float(share), temperature=float(temperature))
