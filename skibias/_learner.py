"""The settings object of meta-learning, and learning an activation with it directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_X_y

from skibias._choose.candidates import (
    SCALED,
    Ranking,
    all_diverged_message,
    candidate_table,
    diverged_candidates,
    learned_candidates,
)
from skibias._choose.comparison import Comparison, Fold, TrainingPlan, compare
from skibias._columns import check_no_missing, numbers_only
from skibias._errors import parameter_error
from skibias._learn.kinds import Activations, learn
from skibias._prepare.columns import ScaledColumns
from skibias._prepare.data_checks import check_groups, check_weights
from skibias._prepare.estimator_checks import plain_clone
from skibias._prepare.learner_checks import (
    ACTIVATION_STARTS,
    INPUT_STARTS,
    check_activation_learner,
    check_learner,
    with_listed_splits,
)
from skibias._prepare.problem import (
    CHOOSING_HELD_OUT,
    CHOOSING_ROWS,
    HELD_OUT_FRACTION,
    rows_to_learn_from,
)
from skibias._prepare.rows import WeightedRows, hold_out, subsample
from skibias._prepare.scaling import SCALINGS
from skibias._prepare.splits import LearningRows, is_fraction, is_splitter, learning_rows
from skibias._prepare.targets import TARGET_TYPES, TableData
from skibias._run.device import resolve_device
from skibias._run.seeds import draw_seed
from skibias._run.settings import plain_settings
from skibias._run.stages import FitRun
from skibias._sklearn_compat import RANDOM_STATE, Interval, StrOptions, feature_names_of
from skibias._typing import OptimizerName, RandomState, Sharing, TargetType
from skibias.engine.episodes import stream
from skibias.engine.losses import LOSSES
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.schedules import SCHEDULES


class ActivationLearner(BaseEstimator):
    """How functions are meta-learned: the settings of the bi-level optimisation.

    An inner loop trains networks with the function fixed; an outer loop moves the function
    along the gradient of their loss on rows that they were not trained on, through the last
    inner steps (Teney et al., CVPR 2025, Algorithm 1 and App. C). Pass it to an estimator as
    ``learner=``, or call `learn` for the function itself.

    Settings marked *per restart* may be a list: the first restart takes its first entry, and so on.

    Parameters
    ----------
    n_knots : int or "auto", default="auto"
        Knots of a function, *per restart*. "auto" is 50 for an activation and 65 for a function
        of an input column, or fewer if the column has fewer distinct values.
    domain : (float, float), default=(-5.0, 5.0)
        First and last knot of an activation, in units of pre-activations.
    init : {"auto", "zeros", "relu", "ramps", "identity"} or callable, default="auto"
        Function that learning starts from, *per restart*. For activations, "auto" is ReLU for
        every other restart and zeros for those between. For input functions it is a
        piecewise-linear encoding ("ramps"), or the identity if there is one channel.
    schedule : {"staggered", "episodic"}, default="staggered"
        "episodic" is Algorithm 1: fresh networks for every outer step, trained one step longer
        each time. "staggered" keeps networks of different ages alive, makes an outer step every
        ``unroll_steps`` inner steps and anneals the outer learning rate to zero.
    n_restarts : int, default=2
        How many times functions are learned, each time from other random numbers.
    n_networks : int or "auto", default="auto"
        Networks that are trained with the function of one restart. "auto" is 2 for the staggered
        schedule and 1 for the episodic one.
    unroll_steps : int, default=5
        How many of the last inner steps the meta-gradient flows through, *per restart*.
    horizon : int, default=500
        Inner steps in the life of a staggered network.
    n_outer_steps : int or "auto", default="auto"
        Gradient steps on the function; with 0 it stays as it starts. "auto" is a twentieth of the
        number of rows, at least 40 and at most 200: few rows are learned from quickly.
    outer_learning_rate : float or "auto", default="auto"
        Step size on the heights at the knots, *per restart*. "auto" is 0.2 for an activation
        and 0.01 for input functions.
    outer_step : {"auto", "clipped", "normalized"}, default="auto"
        "clipped" shortens gradients to length one if they are longer; "normalized" brings all of
        them to length one. The length is the root mean square over the functions. "auto" clips
        for an activation and normalises for input functions.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Hidden layers of the networks that the function is learned in. Wider networks can use it.
    loss : {"auto", "log_loss", "squared_error"}, default="auto"
        "auto" is the log loss for classes and the squared error for values. The squared error of
        classes is that of their one-hot code.
    optimizer : {"rmsprop", "adam", "momentum", "sgd"}, default="rmsprop"
        Optimiser of the inner loop.
    learning_rate : float, default=0.001
        Learning rate of the inner loop.
    batch_size : int or None, default=256
        Rows of an inner step, and of the loss of an outer step. None takes all rows.
    scaling : {"quantile", "robust", "minmax", "standard"} or None, default="quantile"
        Scaling of the columns in `learn`, as in the estimators; None takes them as they are.
    sharing : {"network", "layer"}, default="network"
        One function for all hidden layers, or one for each.
    spectral_normalization : bool, default=False
        Divide every weight matrix by its largest singular value.
    validation : float, splitter or tuple of arrays, default=0.3
        Rows of the outer loss. A fraction is drawn anew for every network. Of a cross-validation
        splitter, or of so many folds, one split is drawn for every network; splitters see the rows
        of positive weight. A pair ``(X, y)``, for example from another domain, holds the rows
        for all networks, and for all data sets if there are several.
    patience : int, default=20
        A restart of the episodic schedule ends after so many outer steps without improvement. 1 is
        Algorithm 1 to the letter.
    target_type : {"auto", "binary", "multiclass", "continuous"}, default="auto"
        What y is in `learn`; "auto" guesses as :class:`~sklearn.preprocessing.TargetEncoder`.
    random_state : int, RandomState instance or None, default=None
    device : str, default="auto"
        "cpu", "cuda", "cuda:0", …; "auto" is CUDA where there is one.
    verbose : int, default=0
        1 shows a progress bar on stderr.

    Attributes
    ----------
    candidates_ : dict of ndarray
        The restarts, retrained from scratch and compared on held-out rows; set by `learn`.
    history_ : dict
        ``validation_loss`` (outer steps, restarts), ``snapshot_step`` and ``functions``, the
        functions at these steps: ``functions[k][restart][number]``. At most 50 steps are kept,
        evenly spaced from the start to the last one, and fewer of many columns (about 4 MB).
        Set by `learn`. The loss is the outer loop's own target, not an estimate of performance.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skibias import ActivationLearner
    >>> learner = ActivationLearner(n_outer_steps=5, n_restarts=1, random_state=0)
    >>> learner.learn(*load_iris(return_X_y=True))
    SplineActivation(n_knots=50, domain=(-5, 5), extrapolation='constant')
    """

    _parameter_constraints: dict = {
        "n_knots": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"}), list, tuple],
        "domain": [tuple, list],
        "init": [
            StrOptions({*ACTIVATION_STARTS, *INPUT_STARTS}),
            callable,
            list,
            tuple,
        ],
        "schedule": [StrOptions(set(SCHEDULES))],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "n_networks": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "unroll_steps": [Interval(Integral, 1, None, closed="left"), list, tuple],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "n_outer_steps": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "outer_learning_rate": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
            list,
            tuple,
        ],
        "outer_step": [StrOptions({"auto", "clipped", "normalized"})],
        "hidden_layer_sizes": [tuple, list],
        "loss": [StrOptions({"auto", *LOSSES})],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "scaling": [StrOptions(set(SCALINGS)), None],
        "sharing": [StrOptions({"network", "layer"})],
        "spectral_normalization": ["boolean"],
        "validation": [
            Interval(Real, 0, 1, closed="neither"),
            "cv_object",
            tuple,
        ],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "target_type": [StrOptions(set(TARGET_TYPES))],
        "random_state": RANDOM_STATE,
        "device": [str, torch.device],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_knots: int | Literal["auto"] | Sequence[int] = "auto",
        domain: tuple[float, float] = (-5.0, 5.0),
        init: str | Callable[[np.ndarray], np.ndarray] | Sequence[Any] = "auto",
        schedule: Literal["staggered", "episodic"] = "staggered",
        n_restarts: int = 2,
        n_networks: int | Literal["auto"] = "auto",
        unroll_steps: int | Sequence[int] = 5,
        horizon: int = 500,
        n_outer_steps: int | Literal["auto"] = "auto",
        outer_learning_rate: float | Literal["auto"] | Sequence[float] = "auto",
        outer_step: Literal["auto", "clipped", "normalized"] = "auto",
        hidden_layer_sizes: Sequence[int] = (64, 64),
        loss: Literal["auto", "log_loss", "squared_error"] = "auto",
        optimizer: OptimizerName = "rmsprop",
        learning_rate: float = 0.001,
        batch_size: int | None = 256,
        scaling: str | None = "quantile",
        sharing: Sharing = "network",
        spectral_normalization: bool = False,
        validation: Any = 0.3,
        patience: int = 20,
        target_type: TargetType = "auto",
        random_state: RandomState = None,
        device: str | torch.device = "auto",
        verbose: int = 0,
    ) -> None:
        self.n_knots = n_knots
        self.domain = domain
        self.init = init
        self.schedule = schedule
        self.n_restarts = n_restarts
        self.n_networks = n_networks
        self.unroll_steps = unroll_steps
        self.horizon = horizon
        self.n_outer_steps = n_outer_steps
        self.outer_learning_rate = outer_learning_rate
        self.outer_step = outer_step
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.scaling = scaling
        self.sharing = sharing
        self.spectral_normalization = spectral_normalization
        self.validation = validation
        self.patience = patience
        self.target_type = target_type
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def learn(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Any:
        """Learn one activation function on one data set, or on several at once.

        The restarts are retrained from scratch with their function fixed, and the one with the
        lowest loss on held-out rows is returned: rows that its learning has not seen, or those of
        an explicit ``validation`` (of several data sets, the lowest mean of their losses).
        Networks of several data sets share the function, not the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or list of (X, y) pairs
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Not given with a list of pairs.
        sample_weight : array-like of shape (n_samples,), default=None
            Not given with a list of pairs.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never parted, by ``validation`` or where restarts are compared.
            Not given with a list of pairs.

        Returns
        -------
        SplineActivation, or list of them with ``sharing="layer"``

        Raises
        ------
        ValueError
            If a parameter or the data are unusable, or if every restart diverges.
        TypeError
            If y is missing.
        """
        learner = with_listed_splits(self)
        check_learner(learner)
        check_activation_learner(learner)
        learner = plain_clone(learner)
        run = FitRun(resolve_device(self.device, "ActivationLearner"))
        tasks = _tasks(X, y, sample_weight, groups)
        seed = draw_seed(self.random_state)
        with plain_settings():
            prepared = _prepare_tasks(learner, tasks, seed)
            data = [task.learning for task in prepared]
            stage = run.stage("activation")
            learned = learn(Activations(), learner, data, seed, run.device, stage)
            candidates = learned_candidates(learned)
            losses = [task.losses(learner, candidates, seed, run) for task in prepared]
        mean = np.mean(losses, axis=0)
        if not np.isfinite(mean).any():
            raise ValueError(all_diverged_message("ActivationLearner"))
        ranking = Ranking(int(np.argmin(mean)), mean, np.full(len(mean), np.nan))
        self.candidates_ = candidate_table(candidates, ranking, diverged_candidates(learned))
        self.history_ = learned.history
        best = candidates[ranking.chosen].activations
        return list(best) if self.sharing == "layer" else best[0]


class _Task(NamedTuple):
    """A data set to learn from, and how restarts are compared on it."""

    learning: LearningRows
    rows: WeightedRows  # of the comparison
    folds: list[Fold]

    def losses(self, learner, candidates, seed, run: FitRun) -> np.ndarray:
        """Train networks with the function of every restart; return their losses."""
        plan = TrainingPlan.of_learner(learner, len(self.rows.X))
        encoders = {SCALED: self.learning.scaled}
        encoding = self.learning.encoding
        comparison = Comparison.on(
            self.rows, encoding, encoders, self.folds, plan, seed, run.device
        )
        return compare(candidates, comparison, run.stage("comparison")).values


def _tasks(X, y, sample_weight, groups):
    """Return (X, y, sample_weight, groups) of each data set."""
    if y is not None:
        return [(X, y, sample_weight, groups)]
    for name, given in (("sample_weight", sample_weight), ("groups", groups)):
        if given is not None:
            raise ValueError(
                f"The {name!r} parameter of learn must be None without y: a list of (X, y) pairs "
                f"has none. Got {type(given).__name__} instead."
            )
    are_listed = isinstance(X, (list, tuple))
    if are_listed and not X:
        rule = "hold at least one (X, y) pair where y is not given"
        raise parameter_error("X", "learn", rule, X)
    if not are_listed or not all(isinstance(task, (list, tuple)) and len(task) == 2 for task in X):
        raise TypeError(
            "The 'X' parameter of learn must be an array with y beside it, or a list of (X, y) "
            f"pairs. Got {type(X).__name__} without y instead."
        )
    return [(*task, None, None) for task in X]


def _prepare_tasks(learner, tasks, seed) -> list[_Task]:
    """Prepare every data set; of several, an error tells which one is wrong."""
    prepared = []
    for number, task in enumerate(tasks):
        try:
            prepared.append(_prepare_task(learner, *task, seed))
        except ValueError as error:
            if len(tasks) == 1:
                raise
            message = f"Pair {number} of the 'X' parameter of learn cannot be used. {error}"
            raise ValueError(message) from error
    return prepared


def _prepare_task(learner, X, y, sample_weight, groups, seed) -> _Task:
    """Check, scale and split a data set."""
    names = feature_names_of(X)
    check_no_missing(y, "ActivationLearner", "y")
    with numbers_only(X, "ActivationLearner"):
        X, y = check_X_y(X, y, dtype=np.float64, multi_output=True, y_numeric=False)
    weights = check_weights(sample_weight, X, "ActivationLearner")
    data = TableData(X, y, weights, check_groups(groups, X))
    rows, encoding = rows_to_learn_from(learner, data, names, "ActivationLearner", learner.loss)
    scaled = ScaledColumns.fit(learner.scaling, rows.X)
    if not is_splitter(learner.validation):
        limit = CHOOSING_ROWS + CHOOSING_HELD_OUT
        rows = rows.take(subsample(np.arange(len(rows.X)), limit, seed, "learning rows"))
    if is_fraction(learner.validation):
        rows, train, held_out = hold_out(
            rows, HELD_OUT_FRACTION, seed, stratify=encoding.classes is not None
        )
        learning = learning_rows(learner.validation, rows.take(train), encoding, scaled)
        return _Task(learning, rows, [(train, held_out)])
    learning = learning_rows(learner.validation, rows, encoding, scaled)
    train, validation = (part.numpy() for part in learning.split(stream(seed, "contest")))
    return _Task(learning, learning.rows, [(train, validation)])
