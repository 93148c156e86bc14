"""The sentence in which most errors of a parameter are told."""

from __future__ import annotations

from typing import Any


def parameter_error(name: str, owner: str, rule: str, given: Any) -> ValueError:
    """Return the error that says which parameter of what ``must`` keep a rule, and what came."""
    return ValueError(f"The {name!r} parameter of {owner} must {rule}. Got {given!r} instead.")
