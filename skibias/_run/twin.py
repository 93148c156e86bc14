"""A fit that leaves the estimator as it was if it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from skibias._numbers import plain_numbers
from skibias._run.settings import plain_settings

Result = TypeVar("Result")


def fit_on_twin(estimator: Any, fit: Callable[..., Result]) -> Result:
    """Do all work of a fit on a blank twin, then take over what it found.

    An error or Ctrl-C in ``fit(twin, n_threads)`` thus leaves the estimator as it was. Returns what
    ``fit`` returns.
    """
    given = estimator.get_params(deep=False)
    twin = type(estimator)(**{name: plain_numbers(value) for name, value in given.items()})
    with plain_settings() as n_threads:
        result = fit(twin, n_threads)
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
    vars(estimator).update(vars(twin) | given)
    return result
