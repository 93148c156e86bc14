"""The check of whole numbers that measures and displays share."""

from __future__ import annotations

from numbers import Integral


def check_count(name, count, least, owner) -> None:
    """Raise ValueError unless a parameter is an integer of at least ``least``; a bool is none."""
    if isinstance(count, bool) or not isinstance(count, Integral) or count < least:
        raise ValueError(
            f"The {name!r} parameter of {owner} must be an integer of at least {least}. "
            f"Got {count!r} instead."
        )
