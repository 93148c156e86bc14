"""Functions as they were in the course of learning, kept in little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from skibias.functions.supports import ColumnFunction, Support

Snapshot = list[list[ColumnFunction]]  # per restart: per layer, or per column


class FunctionHistory(Sequence[Snapshot]):
    """A sequence of snapshots, each a list of functions per restart, made when they are read.

    It compares, iterates and slices like a list. Kept are the supports, which do not change, and
    the heights of all snapshots as one float32 array.

    Notation: T snapshots, S restarts, F functions of a restart (one per layer, or per column),
    K heights, c channels.

    Parameters
    ----------
    supports : list of list of Support
        Of every restart and function, of at most K heights each.
    heights : ndarray of shape (T, S, F, K) or (T, S, F, K, c)
        Those beyond a function's last height are not used.
    """

    def __init__(self, supports: Sequence[Sequence[Support]], heights: np.ndarray) -> None:
        self._supports = [list(own) for own in supports]
        self._heights = np.ascontiguousarray(heights, dtype=np.float32)

    @property
    def supports(self) -> list[Support]:
        """Where the heights of the first restart's functions stand."""
        return self._supports[0]

    def __len__(self) -> int:
        return len(self._heights)

    @overload
    def __getitem__(self, number: int) -> Snapshot: ...

    @overload
    def __getitem__(self, number: slice) -> FunctionHistory: ...

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return FunctionHistory(self._supports, self._heights[number])
        return self._snapshot(self._heights[range(len(self))[number]])

    def __iter__(self) -> Iterator[Snapshot]:
        return map(self._snapshot, self._heights)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (FunctionHistory, list)):
            return NotImplemented
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(one == same for one, same in pairs)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        n_snapshots, n_restarts, n_functions = self._heights.shape[:3]
        return f"<{n_snapshots} snapshots of {n_restarts} x {n_functions} functions>"

    def _snapshot(self, heights: np.ndarray) -> Snapshot:
        """Return the functions of heights (S, F, K) or (S, F, K, c)."""
        return [
            [
                support.function(values)
                for support, values in zip(own_supports, own_heights, strict=True)
            ]
            for own_supports, own_heights in zip(self._supports, heights, strict=True)
        ]
