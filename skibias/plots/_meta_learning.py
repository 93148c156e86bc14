"""How functions changed while they were learned.

Notation: S restarts, t outer steps, s snapshots, p points, c channels.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from sklearn.exceptions import NotFittedError

from skibias._docstrings import shared_parts
from skibias._learner import ActivationLearner
from skibias._numbers import check_index, check_positive
from skibias.functions.supports import ColumnFunction
from skibias.plots._estimators import (
    check_estimator,
    column_names,
    curve_arguments,
    function_names,
)
from skibias.plots._figure import COLOR_MAP, PAPER_WIDTH, TWO_PANELS, finish, panels, pyplot
from skibias.plots._levels import MAX_LEVELS, level_name, more, name_rows, short_names

OWNER = "MetaLearningDisplay"
KINDS = ("activation", "inputs")
SMOOTHED_SHARE = 0.05  # of the outer steps, in the running mean of the loss


@shared_parts(**TWO_PANELS)
@dataclass(eq=False, repr=False)
class MetaLearningDisplay:
    """Loss and shape of a function over the outer steps in which it was learned.

    Make one with `from_estimator`. The constructor takes what is ready to draw, and keeps all its
    parameters as attributes.

    Parameters
    ----------
    losses : ndarray of shape (n_outer_steps, n_restarts)
        Validation losses of the outer loop.
    restart : int
        The restart whose function is shown.
    steps : ndarray of shape (n_snapshots,)
        Outer steps at which the function was kept.
    arguments : ndarray of shape (n_points,)
        Arguments of the function; of a category, its levels as objects.
    values : ndarray of shape (n_snapshots, n_points)
        Its values there. Of a category, the 12 levels are shown that lie furthest from the mean in
        the end, with the largest value first.
    name : str
        Title of the function.

    {attributes}
    """

    losses: np.ndarray
    restart: int
    steps: np.ndarray
    arguments: np.ndarray
    values: np.ndarray
    name: str

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: Literal["activation", "inputs"] = "activation",
        restart: int | None = None,
        number: int = 0,
        channel: int = 0,
        ax: Any = None,
    ) -> Self:
        """Draw how a fitted estimator, or a learner, came to its functions.

        Parameters
        ----------
        estimator : LearnedActivationMLPClassifier, LearnedActivationMLPRegressor or \
ActivationLearner
            Fitted; a learner after `learn`.
        kind : {"activation", "inputs"}, default="activation"
            What was learned: activations, or functions of input columns.
        restart : int or None, default=None
            Which restart of the learning is shown; None takes that with the lowest loss in the
            last steps.
        number : int, default=0
            Which function is shown: the number of the hidden layer, with ``sharing="layer"``, or of
            the input column; those of target means come after the columns.
        channel : int, default=0
            Which of the column's functions is shown, where it has several.
        ax : array-like of two matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        MetaLearningDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is an estimator of another kind.
        ValueError
            If nothing of this kind was learned, or there is no such restart, layer, column or
            channel.
        """
        history = _history(estimator, kind)
        losses = history["validation_loss"]
        restart = _best_restart(losses) if restart is None else restart
        restart = check_index("restart", restart, 0, losses.shape[1] - 1, OWNER)
        snapshots = [functions[restart] for functions in history["functions"]]
        number = check_index("number", number, 0, len(snapshots[0]) - 1, OWNER)
        own = [functions[number] for functions in snapshots]
        channel = check_index("channel", channel, 0, (own[0].n_channels or 1) - 1, OWNER)
        arguments = curve_arguments(own[0])
        values = [np.asarray(function(arguments)).reshape(len(arguments), -1) for function in own]
        return cls(
            losses=losses,
            restart=restart,
            steps=history["snapshot_step"],
            arguments=arguments,
            values=np.stack(values)[:, :, channel],
            name=_name(estimator, kind, number, channel, own[0]),
        ).plot(ax=ax)

    @shared_parts(**TWO_PANELS)
    def plot(self, ax: Any = None) -> Self:
        """Draw the losses of all restarts, and the shape of one over the outer steps.

        {drawing}
        """
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        self.axes_ = panels(ax, 2, OWNER)
        self.figure_ = self.axes_[0].figure
        self._draw_losses(self.axes_[0])
        scale = ScalarMappable(Normalize(0, max(1, self.steps[-1])), COLOR_MAP)
        arguments, values = self._prepare(self.axes_[1])
        style = self._style()
        for step, own in zip(self.steps, values, strict=True):
            points = (own, arguments) if self._is_category else (arguments, own)
            self.axes_[1].plot(*points, color=scale.to_rgba(step), **style)
        self.figure_.colorbar(scale, ax=self.axes_[1], label="outer step")
        self.axes_[1].set_title(self.name)
        for panel in self.axes_:
            finish(panel)
        return self

    @property
    def _is_category(self) -> bool:
        return self.arguments.dtype == object

    def _style(self) -> dict[str, Any]:
        """Return how values are drawn: those of levels as dots."""
        if self._is_category:
            return {"marker": "o", "linestyle": "none", "markersize": 3.5}
        return {"linewidth": 0.9}

    def _prepare(self, panel: Any) -> tuple[np.ndarray, np.ndarray]:
        """Name the axes; return arguments (p,), of levels the rows, and their values (s, p)."""
        if not self._is_category:
            panel.set(xlabel="argument", ylabel="value")
            return self.arguments, self.values
        panel.set_xlabel("value")
        last = self.values[-1]
        order = np.argsort(-np.abs(last - last.mean()), kind="stable")[:MAX_LEVELS]
        shown = order[np.argsort(-last[order], kind="stable")]
        names = short_names([level_name(level) for level in self.arguments[shown]])
        n_more = len(self.arguments) - len(shown)
        name_rows(panel, names + more(n_more), len(names))
        return np.arange(len(shown)), self.values[:, shown]

    def save_animation(
        self, path: str | os.PathLike[str], *, frames_per_second: float = 10
    ) -> None:
        """Write the changing shape as an animated GIF.

        Parameters
        ----------
        path : str or path-like
            The file to write.
        frames_per_second : float, default=10
            Snapshots shown per second.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``frames_per_second`` is not a positive number.
        """
        frames_per_second = check_positive("frames_per_second", frames_per_second, OWNER)
        plt = pyplot(OWNER)
        from matplotlib.animation import FuncAnimation, PillowWriter

        figure, panel = plt.subplots(figsize=(PAPER_WIDTH, 2.9), layout="constrained")
        arguments, values = self._prepare(panel)
        margin = 0.05 * (np.ptp(values) or 1.0)
        limits = values.min() - margin, values.max() + margin
        if self._is_category:
            (curve,) = panel.plot(values[0], arguments, **self._style())
            panel.set_xlim(*limits)
        else:
            (curve,) = panel.plot(arguments, values[0])
            panel.set_ylim(*limits)
        change = curve.set_xdata if self._is_category else curve.set_ydata
        finish(panel)

        def show(frame: int) -> None:
            change(values[frame])
            panel.set_title(f"{self.name}, outer step {self.steps[frame]}")

        animation = FuncAnimation(figure, show, frames=len(self.steps))
        writer = PillowWriter(fps=frames_per_second)  # type: ignore[arg-type]  # it takes fractions
        animation.save(os.fspath(path), writer=writer)
        plt.close(figure)

    def _draw_losses(self, panel: Any) -> None:
        """Draw running means, since the loss of one step depends on its few rows."""
        width = max(1, round(SMOOTHED_SHARE * len(self.losses)))
        kernel = np.full(width, 1 / width)
        steps = np.arange(width, len(self.losses) + 1)
        for restart, losses in enumerate(self.losses.T):
            is_shown = restart == self.restart
            panel.plot(
                steps,
                np.convolve(losses, kernel, mode="valid"),
                color="C0" if is_shown else "0.7",
                linewidth=1.5 if is_shown else 0.9,
                zorder=3 if is_shown else 2,
                label=f"restart {restart}",
            )
        title = "loss of the outer loop"
        panel.set(title=title, xlabel="outer step", ylabel=f"mean of {width} steps")
        if self.losses.shape[1] > 1:
            panel.legend(frameon=False, fontsize="small")


def _history(estimator: Any, kind: str) -> dict[str, Any]:
    """Return the record of learning functions of this kind."""
    if kind not in KINDS:
        raise ValueError(
            f"The 'kind' parameter of {OWNER} must be one of {KINDS}. Got {kind!r} instead."
        )
    if isinstance(estimator, ActivationLearner):
        if not hasattr(estimator, "history_"):
            raise NotFittedError("This ActivationLearner has not learned yet: call 'learn' first.")
        histories = {"activation": estimator.history_}
    else:
        check_estimator(estimator, OWNER, also=ActivationLearner)
        histories = estimator.meta_history_
    if kind not in histories or not len(histories[kind]["validation_loss"]):
        raise ValueError(
            f"The 'estimator' parameter of {OWNER} must have learned functions of "
            f"kind={kind!r}, in at least one outer step. "
            f"Got one that has learned {sorted(histories) or 'none'} instead."
        )
    return histories[kind]


def _best_restart(losses: np.ndarray) -> int:
    """Return the restart with the lowest mean loss in the last steps."""
    last = losses[-max(1, round(SMOOTHED_SHARE * len(losses))) :].mean(0)
    return int(np.argmin(np.where(np.isfinite(last), last, np.inf)))


def _name(estimator: Any, kind: str, number: int, channel: int, function: ColumnFunction) -> str:
    """Return the title of a function."""
    if kind == "activation":
        shared = getattr(estimator, "sharing", "network") == "network"
        return "hidden activation" if shared else f"hidden layer {number + 1}"
    name = function_names(estimator, column_names(estimator))[number]
    return name if (function.n_channels or 1) == 1 else f"{name}, channel {channel}"
