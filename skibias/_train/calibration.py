"""From the logits of networks to probabilities that can be trusted.

Notation: logits and probabilities (n, k) of n rows and k classes; m ways to probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

# The logarithm of the temperature is thought to lie about so far from zero before rows are seen:
# few held-out rows that are all predicted well would ask for one of zero.
TEMPERATURE_SPREAD = 0.5
TEMPERATURE_LIMIT = 3.0  # of its logarithm
# What the shares of the mixture are thought to be before rows are seen, in numbers of rows.
PRIOR_SHARES = (0.45, 0.45, 0.1)
MIXTURE_STEPS = 200


class Calibration(NamedTuple):
    """How logits become probabilities.

    Networks that are trained with smoothed labels approach ``q = (1 - s) p + s / k`` where the
    classes have probabilities p. Three ways lead to p: solving for it, which is exact where q is;
    a temperature, which suits logits that are too large or too small everywhere; and equal
    probabilities, for labels that are wrong at random. What is returned is a mixture of the three,
    in which the order of the classes stays as it is.
    """

    smoothing: float = 0.0  # s
    lowest: float = 0.0  # what solving for p gives at least
    temperature: float = 1.0
    shares: tuple[float, ...] = (1.0, 0.0, 0.0)  # of the three ways

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes."""
        mixed = np.zeros(logits.shape)
        for share, way in zip(self.shares, self.ways(logits), strict=True):
            mixed += share * way
        return mixed / mixed.sum(axis=1, keepdims=True)

    def ways(self, logits: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the probabilities (n, k), or (k,) that all rows share, of every way."""
        yield self._solved(logits)
        yield softmax(logits / self.temperature, axis=1)
        yield np.full(logits.shape[1], 1 / logits.shape[1])

    def _solved(self, logits: np.ndarray) -> np.ndarray:
        """Return (q - s / k) / (1 - s)."""
        smoothed = softmax(logits, axis=1)
        solved = (smoothed - self.smoothing / logits.shape[1]) / (1 - self.smoothing)
        solved = np.maximum(solved, self.lowest)
        return solved / solved.sum(axis=1, keepdims=True)


def uncalibrated(smoothing: float, n_rows: int) -> Calibration:
    """Return what only undoes the smoothing of labels, of networks that were trained on n rows.

    No probability is then below one over the rows: so little cannot be told from them.
    """
    lowest = 1 / n_rows if smoothing else np.finfo(float).tiny
    return Calibration(smoothing, lowest)


def fit_calibration(
    logits: np.ndarray, classes: np.ndarray, weights: np.ndarray, prior: Calibration
) -> Calibration:
    """Return the calibration with the temperature and the shares that suit held-out rows best.

    The rows have logits (n, k), numbers of classes (n,) and weights (n,); ``prior`` is what
    `uncalibrated` returns.
    """
    rows = np.arange(len(classes))
    weights = weights / weights.mean()

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        surprise = 0.5 * (log_temperature / TEMPERATURE_SPREAD) ** 2
        return surprise - np.sum(weights * scaled[rows, classes])

    bounds = (-TEMPERATURE_LIMIT, TEMPERATURE_LIMIT)
    temperature = np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)
    tempered = prior._replace(temperature=float(temperature))
    ways = [np.broadcast_to(way, logits.shape) for way in tempered.ways(logits)]
    likelihoods = np.stack([way[rows, classes] for way in ways])
    return tempered._replace(shares=_mixture_shares(likelihoods, weights))


def _mixture_shares(likelihoods: np.ndarray, weights: np.ndarray) -> tuple[float, ...]:
    """Return the most probable shares of a mixture, given likelihoods (m, n), by EM."""
    prior = np.array(PRIOR_SHARES)
    shares = prior / prior.sum()
    for _ in range(MIXTURE_STEPS):
        parts = shares[:, None] * likelihoods
        parts /= np.maximum(parts.sum(axis=0), np.finfo(float).tiny)
        shares = prior + parts @ weights
        shares /= shares.sum()
    return tuple(shares.tolist())
