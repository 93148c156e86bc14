"""What counts as a number: numpy's as well as Python's, and never a boolean."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from skibias._errors import parameter_error


def is_real(value: Any) -> bool:
    """Whether a value is a real number; a boolean is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether a value is of an integer type; a boolean is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def plain_numbers(value: Any) -> Any:
    """Return numbers of numpy, also in tuples and lists, as Python's; others as they are.

    Python's do not overflow, and they are not rounded to few digits.
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Real):
        return int(value) if isinstance(value, Integral) else float(value)
    if type(value) in (tuple, list):
        return type(value)(map(plain_numbers, value))
    return value


def check_count(name: str, count: Any, least: int, owner: str) -> int:
    """Return a parameter that must be an integer of at least ``least``, or raise ValueError."""
    if not is_whole(count) or count < least:
        raise parameter_error(name, owner, f"be an integer of at least {least}", count)
    return int(count)


def check_index(name: str, index: Any, least: int, largest: int, owner: str) -> int:
    """Return a parameter that must be an integer in [least, largest], or raise ValueError."""
    if not is_whole(index) or not least <= index <= largest:
        raise parameter_error(name, owner, f"be an integer in [{least}, {largest}]", index)
    return int(index)


def check_positive(name: str, number: Any, owner: str) -> float:
    """Return a parameter that must be a positive, finite number, or raise ValueError."""
    if not is_real(number) or not 0 < number < np.inf:
        raise parameter_error(name, owner, "be a positive number", number)
    return float(number)
