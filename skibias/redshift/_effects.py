"""What a factor of a sweep does to complexity, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skibias._frames import import_pandas
from skibias._numbers import check_count, is_real
from skibias._sklearn_compat import random_generator
from skibias._typing import Frame, RandomState

KEY = ("factor", "level", "activation", "network")
COVERAGE = (2.5, 97.5)  # percentiles of a 95 % interval
NORMAL_QUANTILE = 1.96  # of a 95 % interval around a mean


def sweep_effects(sweep: Frame, *, n_resamples: int = 500, random_state: RandomState = 0) -> Frame:
    """Effect of every factor of a sweep on every measure, with 95 % intervals.

    For factors whose levels are numbers, the effect is Spearman's correlation between level and
    complexity over all networks. Its interval comes from the bootstrap over networks. For the
    others (activation, residual connections, normalisation, gates), the effect is the mean
    difference between networks of the same weights at a level and at the factor's first level, with
    its standard error.

    Parameters
    ----------
    sweep : pandas.DataFrame
        As `complexity_sweep` or `transformer_sweep` returns it.
    n_resamples : int, default=500
        How often the bootstrap draws the networks anew.
    random_state : int, RandomState instance or None, default=0
        Seeds the bootstrap.

    Returns
    -------
    pandas.DataFrame
        One row per factor, activation and measure, and per level where differences are taken.

        - factor, activation, level : the level is None for a correlation; for the factor
          "activation", the activation is that of the first level.
        - measure : name of the measure.
        - statistic : "spearman" or "difference", the latter in units of the measure.
        - estimate, error : the statistic and its standard error.
        - low, high : ends of the interval; an effect is there if 0 lies outside.

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If the sweep lacks a column, or a parameter is unusable.

    Examples
    --------
    >>> from skibias.redshift import complexity_sweep, sweep_effects
    >>> sweep = complexity_sweep({"depth": (1, 2, 4)}, activations=["tanh"], n_networks=10,
    ...                          random_state=0)
    >>> effects = sweep_effects(sweep)
    >>> bool((effects["low"] > 0).all())
    True
    """
    pandas = import_pandas("sweep_effects")
    n_resamples = check_count("n_resamples", n_resamples, 2, "sweep_effects")
    missing = [name for name in KEY if name not in sweep.columns]
    if missing:
        raise ValueError(
            f"The 'sweep' parameter of sweep_effects must have the columns {KEY}. "
            f"Got a table without {missing} instead."
        )
    measures = [name for name in sweep.columns if name not in KEY]
    random = random_generator(random_state, "sweep_effects")
    records = []
    for factor, group in _groups(sweep):
        levels = list(dict.fromkeys(group["level"]))
        by_level = [group[group["level"] == level] for level in levels]
        key = {"factor": factor, "activation": group["activation"].iloc[0]}
        for measure in measures:
            values = np.stack([own[measure].to_numpy() for own in by_level])
            if all(map(is_real, levels)):
                rows = [_correlation(levels, values, n_resamples, random)]
            else:
                rows = list(_differences(levels, values))
            records += [key | {"measure": measure} | row for row in rows]
    columns = ["factor", "activation", "level", "measure", "statistic"]
    columns += ["estimate", "error", "low", "high"]
    # Objects: None and the levels of all factors stay what they are.
    return pandas.DataFrame(records, columns=columns, dtype=object).astype(
        {name: float for name in columns[-4:]}
    )


def _groups(sweep: Frame) -> Iterator[tuple[str, Frame]]:
    """Yield each factor with its rows, those of every activation apart from the others."""
    for factor, part in sweep.groupby("factor", sort=False):
        if factor == "activation":
            yield factor, part
        else:
            for _, group in part.groupby("activation", sort=False):
                yield factor, group


def _correlation(
    levels: list[Any], values: np.ndarray, n_resamples: int, random: np.random.RandomState
) -> dict[str, Any]:
    """Return Spearman's correlation of levels and values (levels, networks)."""
    n_networks = values.shape[1]
    drawn = random.randint(n_networks, size=(n_resamples, n_networks))
    resampled = _spearman(levels, values[:, drawn].swapaxes(0, 1))
    low, high = np.percentile(resampled, COVERAGE)
    return {
        "level": None,
        "statistic": "spearman",
        "estimate": _spearman(levels, values[None])[0],
        "error": resampled.std(ddof=1),
        "low": low,
        "high": high,
    }


def _spearman(levels: list[Any], values: np.ndarray) -> np.ndarray:
    """Return Spearman's correlations (B,) of levels and values (B, levels, networks)."""
    x = np.repeat(rankdata(levels), values.shape[-1])
    ranks = rankdata(values.reshape(len(values), -1), axis=-1)
    x, ranks = x - x.mean(), ranks - ranks.mean(-1, keepdims=True)
    norms = np.sqrt((x @ x) * (ranks * ranks).sum(-1))
    # Values that are all equal have no correlation with anything.
    return np.divide(ranks @ x, norms, out=np.zeros(len(values)), where=norms > 0)


def _differences(levels: list[Any], values: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the mean difference of each level from the first, network by network."""
    for level, own in zip(levels[1:], values[1:], strict=True):
        difference = own - values[0]
        estimate = difference.mean()
        error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
        yield {
            "level": level,
            "statistic": "difference",
            "estimate": estimate,
            "error": error,
            "low": estimate - NORMAL_QUANTILE * error,
            "high": estimate + NORMAL_QUANTILE * error,
        }
