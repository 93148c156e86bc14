"""Learned functions of input columns as a scikit-learn transformer."""

from __future__ import annotations

from numbers import Integral
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skibias._choose.candidates import all_diverged_message, fixed_candidate, learned_inputs
from skibias._choose.comparison import Comparison, TrainingPlan, compare
from skibias._columns import check_no_missing
from skibias._learn.kinds import InputFunctions, LearnedFunctions, learn
from skibias._learner import ActivationLearner
from skibias._prepare.columns import FixedFunctions, apply_functions
from skibias._prepare.data_checks import check_groups, check_weights
from skibias._prepare.estimator_checks import (
    EstimatorWithParts,
    check_transformer_parameters,
    plain_clone,
)
from skibias._prepare.problem import HELD_OUT_FRACTION, Problem, rows_to_learn_from, split_problem
from skibias._prepare.table import ReadsTables, read_table, read_training_table
from skibias._prepare.targets import TARGET_TYPES, TableData
from skibias._run.device import resolve_device
from skibias._run.seeds import draw_seed
from skibias._run.settings import plain_settings
from skibias._run.stages import FitRun
from skibias._run.twin import fit_on_twin
from skibias._sklearn_compat import RANDOM_STATE, Interval, StrOptions, check_feature_names_in
from skibias._typing import RandomState, TargetType
from skibias.functions.supports import ColumnFunction


class IAFTransformer(TransformerMixin, ReadsTables, EstimatorWithParts):
    """Learned input activation functions: one function, of one or more channels, per column.

    The functions are meta-learned in front of a small ReLU network (Teney et al., CVPR 2025,
    section 3.3), from a piecewise-linear encoding or the identity, with knots at the quantiles.
    Their values are in scaled units, about [-1, 1], so that a network or a linear model can
    follow directly. With one channel and nothing learned, the transformer is
    ``MinMaxScaler((-1, 1))`` on the data it was fitted to; outside their range functions are
    constant.

    Parameters
    ----------
    learner : ActivationLearner or None, default=None
        How the functions are learned; None is ``ActivationLearner()``. Its ``random_state``,
        ``device``, ``verbose`` and ``target_type`` are overruled by those given here.
    target_type : {"auto", "binary", "multiclass", "continuous"}, default="auto"
        What y is; "auto" guesses as :class:`~sklearn.preprocessing.TargetEncoder` does.
    n_channels : int, default=8
        Outputs per column. One starts from the identity, several from the ramps of a
        piecewise-linear encoding.
    scaling : {"minmax", "quantile"}, default="minmax"
        How the identity start maps a column to [-1, 1]: linearly, or by ranks. Ramps follow
        the quantiles either way.
    categorical_features : {"from_dtype"}, array-like or None, default="from_dtype"
        Columns that hold categories, as a mask, by number or by name. "from_dtype" takes those
        whose type says so: in frames of pandas, polars and others ``category``, ``Enum``, strings,
        objects that are strings, and booleans; in arrays of objects, strings and booleans. None
        takes all columns for numbers.
    device : str, default="auto"
        "cpu", "cuda", "cuda:0", …; "auto" is CUDA where there is one.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        1 shows a progress bar on stderr.

    Attributes
    ----------
    activations_ : list of SplineActivation and CategoryActivation
        One per column, with knots in the units of X, or the levels of a category. The function of
        a constant column is not learned.
    categories_ : list
        Labels of each column in order, or None where it holds numbers.
    meta_history_ : dict
        ``validation_loss`` (outer steps, restarts), ``snapshot_step`` and ``functions``, as in
        `ActivationLearner`.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X had column names that are all strings.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skibias import ActivationLearner, IAFTransformer
    >>> X, y = load_iris(return_X_y=True)
    >>> learner = ActivationLearner(n_outer_steps=5, n_restarts=1)
    >>> IAFTransformer(learner, n_channels=2, random_state=0).fit_transform(X, y).shape
    (150, 8)
    """

    _parameter_constraints: dict = {
        "learner": [ActivationLearner, None],
        "target_type": [StrOptions(set(TARGET_TYPES))],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "scaling": [StrOptions({"minmax", "quantile"})],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "device": [str, torch.device],
        "random_state": RANDOM_STATE,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        learner: ActivationLearner | None = None,
        *,
        target_type: TargetType = "auto",
        n_channels: int = 8,
        scaling: Literal["minmax", "quantile"] = "minmax",
        categorical_features: Literal["from_dtype"] | ArrayLike | None = "from_dtype",
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.learner = learner
        self.target_type = target_type
        self.n_channels = n_channels
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn the functions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers in any units, and categories; both may be missing (NaN, None or NA).
        y : array-like of shape (n_samples,)
            What a network behind the functions is to predict.
        sample_weight : array-like of shape (n_samples,), default=None
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never parted: where rows are held out, and by the learner's
            ``validation``.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable, before any work; ValueError also if every
            restart diverges. The transformer is then as it was before.
        """
        check_transformer_parameters(self)
        run = FitRun(resolve_device(self.device, "IAFTransformer"))
        fit_on_twin(self, lambda twin, _: twin._fit(X, y, sample_weight, groups, run))
        return self

    def _fit(self, X, y, sample_weight, groups, run: FitRun) -> None:
        learner = ActivationLearner() if self.learner is None else plain_clone(self.learner)
        learner.set_params(verbose=self.verbose, target_type=self.target_type)
        problem = self._problem(learner, X, y, sample_weight, groups)
        kind = InputFunctions(
            problem.rows.X, self.n_channels, self.scaling, categories=problem.categories
        )
        problem = problem.for_choosing(learner.validation)
        data, stage = problem.learning_rows(learner), run.stage("inputs")
        learned = learn(kind, learner, [data], problem.seed, run.device, stage)
        self.meta_history_ = learned.history
        self.activations_ = _best_functions(learned, problem, learner, run)

    def _problem(self, learner, X, y, sample_weight, groups) -> Problem:
        """Check the data and prepare them."""
        check_no_missing(y, "IAFTransformer", "y")
        self.table_reader_, X, y = read_training_table(
            self, X, y, self.categorical_features, multi_output=True
        )
        weights = check_weights(sample_weight, X, "IAFTransformer")
        self.table_reader_, X = self.table_reader_.of_rows(X, weights > 0)
        data = TableData(X, y, weights, check_groups(groups, X))
        names = getattr(self, "feature_names_in_", None)
        rows, encoding = rows_to_learn_from(learner, data, names, "IAFTransformer")
        seed = draw_seed(self.random_state)
        problem = split_problem(
            rows,
            None,
            encoding,
            HELD_OUT_FRACTION,
            seed,
            self.table_reader_,
            with_target_means=False,
        )
        # One restart leaves nothing to choose on held-out rows.
        return problem.without_held_out() if learner.n_restarts == 1 else problem

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Apply every column's function.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features * n_channels), float64
            The channels of the first column, then those of the second, …
        """
        with plain_settings() as n_threads:
            return apply_functions(read_table(self, X), self.activations_, n_threads)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            None takes ``feature_names_in_``, or x0, x1, ….

        Returns
        -------
        ndarray of str
            The column's name, followed by "_" and the number of the channel if there are several.
        """
        check_is_fitted(self, "n_features_in_")
        names = check_feature_names_in(self, input_features)
        n_channels = self.activations_[0].n_channels
        if n_channels is None:
            return names
        return np.array([f"{name}_{k}" for name in names for k in range(n_channels)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _best_functions(
    learned: LearnedFunctions, problem: Problem, learner: ActivationLearner, run: FitRun
) -> list[ColumnFunction]:
    """Return the functions behind which a fresh ReLU network does best on held-out rows."""
    if not learned.usable:
        raise ValueError(all_diverged_message("IAFTransformer"))
    if len(learned.usable) == 1:
        return learned.functions[learned.usable[0]]
    relu = fixed_candidate("relu")
    candidates = [relu._replace(inputs=learned_inputs(restart)) for restart in learned.usable]
    comparison = Comparison.on(
        problem.rows,
        problem.encoding,
        {learned_inputs(own): FixedFunctions(learned.functions[own]) for own in learned.usable},
        [(problem.train, problem.held_out)],
        TrainingPlan.of_learner(learner, len(problem.train)),
        problem.seed,
        run.device,
    )
    losses = compare(candidates, comparison, run.stage("comparison")).values
    if not np.isfinite(losses).any():
        raise ValueError(all_diverged_message("IAFTransformer"))
    return learned.functions[learned.usable[int(np.argmin(losses))]]
