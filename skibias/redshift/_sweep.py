"""The points of a sweep over factors, and its table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skibias._typing import Frame
from skibias.redshift._validation import activation_label


def sweep_points(factors, activations, baseline, check: Callable[[dict], None]) -> list:
    """Return (factor, level, settings) for every level of every factor.

    Settings differ from the baseline in the level and in the activation, which is a factor itself.
    ``check`` raises where they are unusable.
    """
    points = []
    for factor, levels in factors.items():
        for activation in levels if factor == "activation" else activations:
            for level in (activation,) if factor == "activation" else levels:
                settings = {"activation": activation, **baseline, factor: level}
                check(settings)
                points.append((factor, level, settings))
    return points


def key_of(settings) -> tuple:
    """Return what settings are found by; the baseline is a point of most factors."""
    return tuple(settings.items())


def sweep_table(pandas, points, measured) -> Frame:
    """Return the tidy table: a row per factor, level, activation and network.

    Parameters
    ----------
    pandas : module
    points : list
        Of `sweep_points`.
    measured : dict
        By `key_of`, a dict of measures (n_networks,) by name.
    """
    parts = []
    for factor, level, settings in points:
        columns = measured[key_of(settings)]
        n_networks = len(next(iter(columns.values())))
        shown = activation_label(level) if factor == "activation" else level
        key = {
            "factor": factor,
            # An object column, so that levels of all factors keep their types.
            "level": pandas.Series([shown] * n_networks, dtype=object),
            "activation": activation_label(settings["activation"]),
            "network": np.arange(n_networks),
        }
        parts.append(pandas.DataFrame(key | columns))
    return pandas.concat(parts, ignore_index=True)
