"""What a parameter that should be a sequence holds."""

from __future__ import annotations

from typing import Any


def members(values: Any) -> list:
    """Return the members of a sequence; none of a string and of what cannot be iterated over."""
    if isinstance(values, (str, bytes)):
        return []
    try:
        return list(values)
    except (TypeError, AttributeError):  # AttributeError is that of a forest that is not fitted
        return []
