"""The seed of a fit."""

from __future__ import annotations

import secrets
from typing import Any

from sklearn.utils import check_random_state


def draw_seed(random_state: Any) -> int:
    """Return the one seed that all streams of a fit are keyed by.

    None gives a fresh one and, unlike ``check_random_state``, leaves NumPy's global generator
    where it was.
    """
    if random_state is None:
        return secrets.randbelow(2**31)
    return int(check_random_state(random_state).randint(2**31))
