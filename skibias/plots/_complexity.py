"""Score against complexity of many models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skibias._columns import check_real
from skibias._docstrings import shared_parts
from skibias._typing import Frame
from skibias.complexity import complexity_report
from skibias.plots._figure import ONE_PANEL, PAPER_WIDTH, finish, panels, pyplot

OWNER = "ComplexityDisplay"
MEASURE_NAMES = {
    "tv": "TV complexity",
    "fourier": "Fourier complexity, cycles per path",
    "polynomial": "mean order of Chebyshev polynomials",
    "lz": "Lempel-Ziv phrases per path",
    "geometric": "geometric complexity",
}
MARKERS = "osD^vP*X<>"  # beside colours


@shared_parts(**ONE_PANEL)
class ComplexityDisplay:
    """Scores of models against the complexity of their functions (Teney et al., CVPR 2025, Fig. 6).

    Make one with `from_estimators` or `from_report`. The constructor takes what is ready to draw,
    and keeps all its parameters as attributes.

    Parameters
    ----------
    complexity : array-like of shape (n_models,)
    score : array-like of shape (n_models,)
    names : list of str
        Models; points with the same name share colour and marker.
    measure : str
        Which complexity: the label of its axis.
    score_name : str, default="score"
    complexity_error, score_error : array-like of shape (n_models,) or None, default=None
        Standard errors.

    {attributes}
    """

    def __init__(
        self,
        complexity: ArrayLike,
        score: ArrayLike,
        names: Sequence[str],
        measure: str,
        *,
        score_name: str = "score",
        complexity_error: ArrayLike | None = None,
        score_error: ArrayLike | None = None,
    ) -> None:
        check_real(complexity, OWNER, "complexity")
        check_real(score, OWNER, "score")
        self.complexity = np.asarray(complexity, dtype=np.float64)
        self.score = np.asarray(score, dtype=np.float64)
        self.names = [str(name) for name in names]
        self.measure = measure
        self.score_name = score_name
        self.complexity_error = complexity_error
        self.score_error = score_error

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any] | Sequence[tuple[str, Any]],
        X: ArrayLike,
        y: ArrayLike,
        *,
        measure: str = "tv",
        ax: Any = None,
        **parameters: Any,
    ) -> Self:
        """Measure fitted estimators and draw them.

        Parameters
        ----------
        estimators : dict or list of (str, estimator)
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Rows between which complexity is measured, and on which estimators are scored: not
            those they were fitted to.
        y : array-like of shape (n_samples,)
        measure : str, default="tv"
            One of the measures of `skibias.complexity.complexity_report`.
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **parameters
            Further ones of `complexity_report`.

        Returns
        -------
        ComplexityDisplay

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed.
        ValueError
            If there is no such measure, or a further parameter is unusable.
        """
        pyplot(OWNER)  # before any work
        report = complexity_report(estimators, X, y, measures=(measure,), **parameters)
        return cls.from_report(report, measure=measure, ax=ax)

    @classmethod
    def from_report(
        cls, report: Frame, *, measure: str = "tv", score: str = "score", ax: Any = None
    ) -> Self:
        """Draw two columns of a table.

        Parameters
        ----------
        report : pandas.DataFrame
            As `complexity_report` makes it; the index names the models.
        measure : str, default="tv"
            Column of the complexity; its standard error is taken from ``<measure>_se``, if there.
        score : str, default="score"
            Column of the score.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        ComplexityDisplay

        Raises
        ------
        ValueError
            If the table lacks a column.
        """
        for column in (measure, score):
            if column not in report:
                raise ValueError(
                    f"The 'report' parameter of {OWNER} must have a column {column!r}. "
                    f"Got {list(report.columns)} instead."
                )
        return cls(
            report[measure],
            report[score],
            list(report.index),
            MEASURE_NAMES.get(measure, measure),
            score_name=score,
            complexity_error=report.get(f"{measure}_se"),
            score_error=report.get(f"{score}_se"),
        ).plot(ax=ax)

    @shared_parts(**ONE_PANEL)
    def plot(self, ax: Any = None) -> Self:
        """Draw one point per model.

        {drawing}
        """
        (self.ax_,) = panels(ax, 1, OWNER, (1.5 * PAPER_WIDTH, 3.2))
        self.figure_ = self.ax_.figure
        names = np.array(self.names)
        for number, name in enumerate(dict.fromkeys(self.names)):
            own = names == name
            self.ax_.errorbar(
                self.complexity[own],
                self.score[own],
                xerr=_part(self.complexity_error, own),
                yerr=_part(self.score_error, own),
                fmt=MARKERS[number % len(MARKERS)],
                color=f"C{number % 10}",
                markersize=5,
                linewidth=1,
                label=name,
            )
        self.ax_.set(xlabel=self.measure, ylabel=self.score_name)
        self.ax_.legend(
            frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
        finish(self.ax_)
        return self


def _part(errors: ArrayLike | None, own: np.ndarray) -> np.ndarray | None:
    """Return the errors of some points."""
    return None if errors is None else np.asarray(errors, dtype=np.float64)[own]
