"""Levels of a category and their values, as rows of a panel.

Notation: L levels, c channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skibias._levels import level_codes

MAX_LEVELS = 12  # rows of levels in a panel
MAX_LETTERS = 21  # of a level's name
TAILS = (14, 11, 7, 3, 17)  # how many of them may come from its end
ROW_HEIGHT = 0.155  # inches
FEWEST_ROWS = 5  # for which a panel has place
BAR_COLOR = "0.9"
BAR_SHARE = 0.6  # of a panel's width, for the most frequent level


class LevelRow(NamedTuple):
    """One row of a panel: a level, several that are alike, or labels that are no level."""

    name: str
    position: float
    frequency: float = 0.0
    is_level: bool = True


class LevelRows(NamedTuple):
    """What a panel shows of a category."""

    rows: list[LevelRow]  # levels from the largest position to the smallest, then the others
    base: float  # position of an unseen label
    label: str  # what the positions are
    n_more: int  # levels that are not shown

    @property
    def names(self) -> list[str]:
        """Names of the rows, and a last line that counts what is not shown."""
        return short_names([row.name for row in self.rows]) + more(self.n_more)


def more(n_more: int) -> list[str]:
    """Return the line that counts what is not shown, if there is anything."""
    return [f"… and {n_more} more"] if n_more else []


def level_rows(
    levels: Sequence[Any],
    values: np.ndarray,
    missing: np.ndarray,
    unknown: np.ndarray,
    labels: np.ndarray | None = None,
) -> LevelRows:
    """Return the rows of a category with values (L, c).

    Levels that have all values in common share a row where not all of them can be shown. The most
    frequent ones among ``labels`` (n,) are shown or, without these, those furthest from an unseen
    label.

    Parameters
    ----------
    missing, unknown : ndarray of shape (c,)
        Values of missing labels and of unseen ones.
    """
    along = _Direction.of(values, unknown)
    codes = level_codes(np.empty(0) if labels is None else labels, levels)
    counts: np.ndarray = np.bincount(codes, minlength=len(levels) + 2)
    entries = _entries(levels, values, along.of_values(values), counts)
    if labels is None:
        importance = [abs(row.position - along.base) for row, _ in entries]
    else:
        importance = [row.frequency for row, _ in entries]
    order = np.argsort(-np.array(importance), kind="stable")
    shown = [entries[k][0] for k in order[:MAX_LEVELS]]
    n_more = sum(entries[k][1] for k in order[MAX_LEVELS:])
    rows = sorted(shown, key=lambda row: -row.position)
    n_unknown, n_missing = counts[len(levels) :]
    if np.array_equal(missing, unknown):
        n_both = float(n_unknown + n_missing)
        rows.append(LevelRow("missing or unseen", along.base, n_both, is_level=False))
    else:
        position = float(along.of_values(missing[None])[0])
        rows.append(LevelRow("missing", position, float(n_missing), is_level=False))
        rows.append(LevelRow("unseen", along.base, float(n_unknown), is_level=False))
    return LevelRows(rows, along.base, along.label, n_more)


class _Direction(NamedTuple):
    """The axis of a panel: the value or, of several channels, where they differ most."""

    direction: np.ndarray  # (c,)
    origin: np.ndarray  # (c,)
    base: float
    label: str

    @classmethod
    def of(cls, values: np.ndarray, unknown: np.ndarray) -> _Direction:
        n_channels = values.shape[1]
        if n_channels == 1:
            return cls(np.ones(1), np.zeros(1), float(unknown[0]), "value")
        differences = np.unique(values - unknown, axis=0)
        _, sizes, directions = np.linalg.svd(differences, full_matrices=False)
        share = sizes[0] ** 2 / (sizes**2).sum() if sizes[0] > 0 else 1.0
        sign = 1.0 if directions[0].sum() >= 0 else -1.0
        label = f"main direction ({share:.0%})"
        return cls(sign * directions[0], unknown, 0.0, label)

    def of_values(self, values: np.ndarray) -> np.ndarray:
        """Return the positions (L,) of values (L, c)."""
        return (values - self.origin) @ self.direction


def _entries(
    levels: Sequence[Any], values: np.ndarray, positions: np.ndarray, counts: np.ndarray
) -> list[tuple[LevelRow, int]]:
    """Return a row for every level, or for those that are alike, and how many they are."""
    groups: list[list[int]] = [[number] for number in range(len(levels))]
    if len(levels) > MAX_LEVELS:
        _, group = np.unique(values, axis=0, return_inverse=True)
        own = group.reshape(-1)
        groups = [np.flatnonzero(own == number).tolist() for number in range(own.max() + 1)]
    return [
        (
            LevelRow(
                level_name(levels[own[0]]) if len(own) == 1 else f"{len(own)} levels alike",
                float(positions[own[0]]),
                float(counts[own].sum()),
            ),
            len(own),
        )
        for own in groups
    ]


def level_name(level: Any) -> str:
    """Return the name of a level."""
    return f"{level:g}" if isinstance(level, float) else " ".join(str(level).split())


def short_names(names: Sequence[str]) -> list[str]:
    """Return names without the middle of long ones, by which they can still be told apart."""
    short: list[str] = []
    for tail in TAILS:
        head = MAX_LETTERS - 1 - tail
        short = [
            name if len(name) <= MAX_LETTERS else f"{name[:head].rstrip()}…{name[-tail:].lstrip()}"
            for name in names
        ]
        if len(set(short)) == len(names):
            break
    return short


def panel_height(n_levels: int) -> float:
    """Return the height in inches of a panel with so many levels."""
    return 0.75 + ROW_HEIGHT * (max(min(n_levels, MAX_LEVELS) + 3, FEWEST_ROWS))


def name_rows(panel: Any, names: Sequence[str], n_plain: int) -> None:
    """Write names at rows from the top; those after the first ``n_plain`` stand back."""
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(max(len(names), FEWEST_ROWS) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    for text in panel.get_yticklabels()[n_plain:]:
        text.set(color="0.4", style="italic")


def draw_levels(panel: Any, drawn: LevelRows) -> None:
    """Draw a dot for every row, with a line from where an unseen label is."""
    for number, row in enumerate(drawn.rows):
        panel.plot([drawn.base, row.position], [number, number], color="C0", linewidth=1)
        face = "C0" if row.is_level else "white"
        panel.plot(row.position, number, "o", color="C0", markersize=4, markerfacecolor=face)
    panel.axvline(drawn.base, color="0.6", linewidth=0.8, zorder=1)
    panel.set_xlabel(drawn.label, fontsize="small")
    name_rows(panel, drawn.names, sum(row.is_level for row in drawn.rows))


def draw_counts(panel: Any, drawn: LevelRows) -> None:
    """Draw bars behind the rows for how often they occur, on a scale of their own."""
    behind = panel.twiny()
    behind.barh(range(len(drawn.rows)), [row.frequency for row in drawn.rows], 0.8, color=BAR_COLOR)
    behind.set_xlim(0, max(1.0, max(row.frequency for row in drawn.rows)) / BAR_SHARE)
    behind.set_axis_off()
    panel.set_zorder(behind.get_zorder() + 1)
    panel.patch.set_visible(False)
