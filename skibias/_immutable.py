"""Objects whose attributes cannot be replaced, so that they can be keys of dicts."""

from __future__ import annotations

from typing import Any, NoReturn


class Immutable:
    """Base of such objects; ``__init__`` sets their attributes in ``vars(self)``."""

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        self._refuse_change(name)

    def __delattr__(self, name: str) -> NoReturn:
        self._refuse_change(name)

    def _refuse_change(self, name: str) -> NoReturn:
        kind = type(self).__name__
        raise AttributeError(
            f"The {name!r} attribute of a {kind} cannot be changed. Make a new {kind} instead."
        )
