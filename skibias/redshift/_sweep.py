"""What sweeps over factors share: their points, measuring every setting once, their table.

Notation: m measures, n networks of a setting, R of them in a stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from skibias._run.progress import progress_bar
from skibias._typing import Frame
from skibias.redshift._random_networks import NetworkSettings
from skibias.redshift._random_transformers import TransformerSettings
from skibias.redshift._validation import ActivationLike

# What the docstrings of functions that return tables end with.
TABLE_NOTES = {
    "raises_and_references": """Raises
------
ImportError
    If pandas is not installed.
ValueError
    If a parameter is unusable.

References
----------
Teney et al., "Neural Redshift: Random Networks are not Random Functions", CVPR 2024.""",
}
Settings = TypeVar("Settings", NetworkSettings, TransformerSettings)


def sweep_points(
    factors: Mapping[str, Sequence[Any]],
    activations: Sequence[ActivationLike],
    make: Callable[..., Settings],
    owner: str,
) -> list[tuple[str, Settings]]:
    """Return (factor, settings) for every level of every factor.

    Settings differ from those that ``make`` returns without arguments in this level and in the
    activation, which is a factor itself.
    """
    points = []
    for factor, levels in factors.items():
        if factor == "activation":
            own = [make(activation=level) for level in levels]
        else:
            own = [make(activation=a, **{factor: level}) for a in activations for level in levels]
        points += [(factor, settings) for settings in own]
    for _, settings in points:
        settings.check(owner)
    return points


def measure_each(
    settings: Iterable[Settings],
    n_networks: int,
    stack_size: Callable[[Settings], int],
    measure: Callable[[Settings, range], np.ndarray],
    name: str,
    verbose: int,
) -> dict[Settings, np.ndarray]:
    """Return the measures (n, *m) of the networks of every setting; equal ones are measured once.

    ``measure`` returns those (R, *m) of the networks with the numbers of a stack, and ``name``
    stands beside the progress bar.
    """
    found: dict[Settings, list[np.ndarray]] = {own: [] for own in settings}
    work = [
        (own, range(start, min(start + stack_size(own), n_networks)))
        for own in found
        for start in range(0, n_networks, stack_size(own))
    ]
    for own, numbers in progress_bar(work, len(work), name, verbose):
        found[own].append(measure(own, numbers))
    return {own: np.concatenate(parts) for own, parts in found.items()}


def sweep_table(
    pandas: Any,
    points: Sequence[tuple[str, Settings]],
    found: Mapping[Settings, np.ndarray],
    measures: Sequence[str],
) -> Frame:
    """Return the tidy table of what `measure_each` found: a row per point and network."""
    parts = []
    for factor, settings in points:
        n_networks = len(found[settings])
        activation = settings.activation
        label = activation if isinstance(activation, str) else repr(activation)
        level = label if factor == "activation" else getattr(settings, factor)
        key = {
            "factor": factor,
            # An object column, so that levels of all factors keep their types.
            "level": pandas.Series([level] * n_networks, dtype=object),
            "activation": label,
            "network": np.arange(n_networks),
        }
        columns = dict(zip(measures, found[settings].T, strict=True))
        parts.append(pandas.DataFrame(key | columns))
    return pandas.concat(parts, ignore_index=True)
