"""Bars that show how far a loop is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from skibias._run.parallel import raise_if_cancelled

Item = TypeVar("Item")


def progress_bar(
    steps: Iterable[Item], total: int, name: str, verbose: int, done: int = 0
) -> Iterator[Item]:
    """Yield the steps, with a bar on stderr if ``verbose``; end in a cancelled thread."""
    if verbose:  # a disabled bar, too, would start a thread that watches it
        steps = tqdm(steps, total=total, initial=done, desc=name, file=sys.stderr)
    for step in steps:
        raise_if_cancelled()
        yield step
