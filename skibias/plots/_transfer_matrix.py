"""Scores of functions on tasks, as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skibias._columns import check_real
from skibias._docstrings import shared_parts
from skibias.plots._figure import COLOR_MAP, ONE_PANEL, panels

OWNER = "TransferMatrixDisplay"
MAX_NUMBERED = 12  # columns beyond which cells carry no number
CELL = 0.34  # inches


@shared_parts(**ONE_PANEL)
class TransferMatrixDisplay:
    """Scores of activations (columns) on tasks (rows).

    Parameters
    ----------
    scores : array-like or DataFrame of shape (n_tasks, n_activations)
        The larger, the better; nan is left blank.
    tasks : list of str or None, default=None
        Names of the rows; None takes the index of a DataFrame, or numbers.
    activations : list of str or None, default=None
        Names of the columns; None takes those of a DataFrame, or numbers.
    score_name : str, default="score"

    {attributes}

    Raises
    ------
    ValueError
        If scores have other than two dimensions, or names are not as many as rows and columns.

    Examples
    --------
    >>> from skibias.plots import TransferMatrixDisplay
    >>> display = TransferMatrixDisplay([[0.9, 0.4], [0.3, 0.8]], ["a", "b"], ["from a", "from b"])
    >>> display.scores.mean(axis=0)
    array([0.6, 0.6])
    """

    def __init__(
        self,
        scores: Any,
        tasks: Sequence[str] | None = None,
        activations: Sequence[str] | None = None,
        *,
        score_name: str = "score",
    ) -> None:
        check_real(scores, OWNER, "scores")
        self.scores = np.asarray(scores, dtype=np.float64)
        if self.scores.ndim != 2:
            raise ValueError(
                f"The 'scores' parameter of {OWNER} must have two dimensions. "
                f"Got {self.scores.ndim} instead."
            )
        is_frame = hasattr(scores, "index") and hasattr(scores, "columns")
        rows, columns = (scores.index, scores.columns) if is_frame else map(range, np.shape(scores))
        self.tasks = _names("tasks", tasks, rows)
        self.activations = _names("activations", activations, columns)
        self.score_name = score_name

    @classmethod
    def from_scores(
        cls,
        scores: Any,
        *,
        tasks: Sequence[str] | None = None,
        activations: Sequence[str] | None = None,
        score_name: str = "score",
        ax: Any = None,
    ) -> Self:
        """Make a display and draw it; parameters as of the class and of `plot`."""
        return cls(scores, tasks, activations, score_name=score_name).plot(ax=ax)

    @shared_parts(**ONE_PANEL)
    def plot(self, ax: Any = None) -> Self:
        """Draw the matrix; cells carry their numbers where there is room.

        {drawing}
        """
        n_rows, n_columns = self.scores.shape
        has_numbers = n_columns <= MAX_NUMBERED
        cell = CELL * (1.5 if has_numbers else 1)
        size = (cell * n_columns + 2.4, CELL * n_rows + 1.4)
        (self.ax_,) = panels(ax, 1, OWNER, size)
        self.figure_ = self.ax_.figure
        image = self.ax_.imshow(self.scores, cmap=COLOR_MAP, aspect="auto")
        self.figure_.colorbar(image, ax=self.ax_, label=self.score_name)
        self.ax_.set_xticks(range(n_columns), self.activations, rotation=45, ha="right")
        self.ax_.set_yticks(range(n_rows), self.tasks)
        self.ax_.set(xlabel="activation", ylabel="task")
        self.ax_.tick_params(labelsize="small")
        if has_numbers:
            self._write_numbers(image)
        return self

    def _write_numbers(self, image: Any) -> None:
        """Write every score in its cell, dark on bright colours."""
        for (row, column), score in np.ndenumerate(self.scores):
            if np.isfinite(score):
                color = "black" if image.norm(score) > 0.6 else "white"
                text = f"{score:.3g}"
                self.ax_.text(
                    column, row, text, ha="center", va="center", color=color, fontsize="small"
                )


def _names(parameter: str, names: Sequence[str] | None, default: Any) -> list[str]:
    """Return one name per row or column."""
    names = [str(name) for name in (default if names is None else names)]
    if len(names) != len(default):
        raise ValueError(
            f"The {parameter!r} parameter of {OWNER} must hold one name each ({len(default)}). "
            f"Got {len(names)} instead."
        )
    return names
