"""Docstrings of several functions that share a part, which is written once."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

F = TypeVar("F", bound=Callable)


def shared_parts(**parts: str) -> Callable[[F], F]:
    """Put each part in the place of its name in braces, ``{name}``, in a docstring."""

    def decorate(function: F) -> F:
        text = cleandoc(function.__doc__ or "")  # there is none under `python -OO`
        for name, part in parts.items():
            text = text.replace(f"{{{name}}}", part)
        function.__doc__ = text
        return function

    return decorate
