"""What the package uses of scikit-learn's private modules; the one file that imports from them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._param_validation import StrOptions as _StrOptions
from sklearn.utils._param_validation import validate_parameter_constraints as check_parameters
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _get_feature_names as feature_names_of

from skibias._numbers import is_real, plain_numbers

__all__ = [
    "RANDOM_STATE",
    "Interval",
    "StrOptions",
    "check_feature_names",
    "check_feature_names_in",
    "check_n_features",
    "check_parameters",
    "check_sample_weight",
    "checked_random_state",
    "feature_names_of",
    "random_generator",
    "validate_params",
]


F = TypeVar("F", bound=Callable)


class Interval(_Interval):
    """Numbers in an interval, of which a boolean is none."""

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether a value is a number of the interval."""
        return is_real(val) and super().is_satisfied_by(plain_numbers(val))


class StrOptions(_StrOptions):
    """Strings out of a set, which messages list in alphabetical order."""

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


# scikit-learn's own "random_state" takes booleans.
RANDOM_STATE = [Interval(Integral, 0, 2**32 - 1, closed="both"), np.random.RandomState, None]


def checked_random_state(random_state: Any, owner: str) -> Any:
    """Return a parameter of this name, or raise ValueError."""
    check_parameters({"random_state": RANDOM_STATE}, {"random_state": random_state}, owner)
    return random_state


def random_generator(random_state: Any, owner: str) -> np.random.RandomState:
    """Return the generator that a parameter of this name stands for, or raise ValueError."""
    return check_random_state(checked_random_state(random_state, owner))


def validate_params(constraints: dict) -> Callable[[F], F]:
    """Check a function's parameters by scikit-learn's rules, and call it with Python's numbers."""

    def decorate(function: F) -> F:
        own = signature(function)

        @wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            bound = own.bind(*args, **kwargs)
            bound.apply_defaults()
            check_parameters(constraints, bound.arguments, function.__qualname__)
            for name, value in bound.arguments.items():
                bound.arguments[name] = plain_numbers(value)
            return function(*bound.args, **bound.kwargs)

        return checked  # type: ignore[return-value]

    return decorate
