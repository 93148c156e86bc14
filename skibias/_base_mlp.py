"""What the two estimators share: parameters and their checks, and the order of a fit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils.multiclass import check_classification_targets

from skibias._choose.candidates import Candidate
from skibias._choose.plan import INPUT_LEARNER, FitPlan
from skibias._choose.selection import choose_network
from skibias._columns import check_column_sizes, check_target_dates, numbers_only
from skibias._learner import ActivationLearner
from skibias._numbers import check_index, plain_numbers
from skibias._prepare.data_checks import check_groups, check_weights
from skibias._prepare.estimator_checks import (
    EstimatorWithParts,
    check_given_functions,
    check_network_parameters,
    plain_clone,
)
from skibias._prepare.problem import Problem, split_problem
from skibias._prepare.rows import WeightedRows
from skibias._prepare.scaling import SCALINGS, resolve_scaling
from skibias._prepare.splits import is_splitter
from skibias._prepare.table import ReadsTables, read_table, read_training_table
from skibias._prepare.targets import TableData, encoded_rows
from skibias._run.checkpoint import check_checkpoint, fit_folder
from skibias._run.clock import Clock, Cut, warn_of_cuts
from skibias._run.device import resolve_device
from skibias._run.seeds import draw_seed
from skibias._run.settings import plain_settings
from skibias._run.stages import FitRun
from skibias._run.twin import fit_on_twin
from skibias._sklearn_compat import RANDOM_STATE, Interval, StrOptions
from skibias._train.calibration import uncalibrated
from skibias._train.final import train_selected
from skibias._typing import OptimizerName, RandomState, Sharing
from skibias.engine.optim import OPTIMIZERS
from skibias.functions.fixed import ACTIVATION_NAMES
from skibias.functions.spline import SplineActivation
from skibias.functions.supports import ColumnFunction

LEARNING_WIDTH = 64  # of the networks that functions are learned in, at most


class BaseLearnedActivationMLP(ReadsTables, EstimatorWithParts):
    """Base of the two estimators; not to be used directly."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [tuple, list],
        "activation": [
            StrOptions({"auto", "learned", *ACTIVATION_NAMES}),
            SplineActivation,
            list,
            tuple,
        ],
        "prefactor": [Interval(Real, 0, None, closed="neither"), None],
        "input_activations": [
            StrOptions({"auto", "learned"}),
            None,
            list,
            tuple,
            BaseEstimator,
        ],
        "sharing": [StrOptions({"network", "layer"})],
        "learner": [ActivationLearner, None],
        "scaling": [StrOptions({"auto", *SCALINGS}), None],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "checkpoint": [str, os.PathLike, None],
        "device": [str, torch.device],
        "random_state": RANDOM_STATE,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (256, 256),
        *,
        activation: str | SplineActivation | Sequence[SplineActivation] = "auto",
        prefactor: float | None = None,
        input_activations: str | BaseEstimator | Sequence[ColumnFunction] | None = "auto",
        sharing: Sharing = "network",
        learner: ActivationLearner | None = None,
        scaling: str | None = "auto",
        categorical_features: Literal["from_dtype"] | ArrayLike | None = "from_dtype",
        optimizer: OptimizerName = "rmsprop",
        learning_rate: float = 0.001,
        label_smoothing: float = 0.1,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int = 100,
        early_stopping: bool = True,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 12,
        n_estimators: int = 4,
        callbacks: list[Any] | None = None,
        time_limit: float | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.prefactor = prefactor
        self.input_activations = input_activations
        self.sharing = sharing
        self.learner = learner
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.label_smoothing = label_smoothing
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_estimators = n_estimators
        self.callbacks = callbacks
        self.time_limit = time_limit
        self.checkpoint = checkpoint
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
        """Learn the functions, choose among the candidates and train the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers in any units, and categories; both may be missing (NaN, None or NA).
        y : array-like of shape (n_samples,)
            Class labels or values; values may be of shape (n_samples, n_outputs).
        sample_weight : array-like of shape (n_samples,), default=None
            A row of weight two counts like two rows, one of weight zero like none.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay together when rows are held out, and when the learner's
            ``validation`` splits them.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable, before any work; ValueError also if every
            candidate diverges. The estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``time_limit`` ended a stage early.
        """
        self._validate_params()
        owner = type(self).__name__
        clock = Clock.started_now(plain_numbers(self.time_limit))
        check_network_parameters(self)
        device = resolve_device(self.device, owner)
        check_checkpoint(self)
        if self.callbacks:
            from skibias._train.callback_checks import check_callbacks

            check_callbacks(self.callbacks, owner, bool(self.early_stopping))
        cuts = fit_on_twin(
            self,
            lambda twin, n_threads: twin._fit(
                X, y, sample_weight, groups, FitRun(device, n_threads, clock)
            ),
        )
        warn_of_cuts(owner, self.time_limit, cuts)
        return self

    def _fit(self, X, y, sample_weight, groups, run: FitRun) -> list[Cut]:
        """Fit in place; return what the time limit cut."""
        learner = self._learner()
        data = self._checked_data(X, y, sample_weight, groups)
        run = run._replace(folder=fit_folder(self, data, run.device, self.table_reader_.levels))
        problem = self._problem(data, learner, run)
        plan = FitPlan.of(
            self, learner, self._input_learner(learner), problem.n_rows, problem.n_columns
        )
        selection = choose_network(plan, problem, run)
        trained = train_selected(
            plan, problem, selection, run, callbacks=self.callbacks, verbose=self.verbose
        )
        self.candidates_ = selection.table
        self.meta_history_ = selection.history
        self.activation_ = self._activation(selection.candidate)
        self.networks_ = trained.networks
        self.history_ = trained.history
        self.n_iter_ = len(trained.history)
        self.best_validation_score_ = None
        self._one_dimensional_ = data.y.ndim == 1
        self._calibration_ = uncalibrated(self.label_smoothing, trained.n_rows)
        if self.early_stopping:
            self._evaluate(problem.held_out_rows())
        return selection.cuts + ([] if trained.cut is None else [trained.cut])

    def _learner(self) -> ActivationLearner:
        """Return the settings by which activations are learned."""
        learner = self.learner
        if learner is None:
            widths = tuple(min(width, LEARNING_WIDTH) for width in self.hidden_layer_sizes)
            learner = ActivationLearner(hidden_layer_sizes=widths)
        return plain_clone(learner).set_params(sharing=self.sharing, verbose=self.verbose)

    def _input_learner(self, learner: ActivationLearner) -> ActivationLearner:
        """Return the settings by which functions of columns are learned."""
        transformer = self.input_activations
        if not hasattr(transformer, "n_channels"):
            return plain_clone(learner).set_params(**INPUT_LEARNER)
        own = ActivationLearner() if transformer.learner is None else transformer.learner
        return plain_clone(own).set_params(verbose=self.verbose)

    def _checked_data(self, X, y, sample_weight, groups) -> TableData:
        """Return the table as arrays of numbers, with the rows' weights and groups."""
        owner = type(self).__name__
        is_classification = not is_regressor(self)
        check_target_dates(y, is_classification, owner)
        targets = nullcontext() if is_classification else numbers_only(y, owner, "y")
        with targets:
            self.table_reader_, columns, y = read_training_table(
                self,
                X,
                y,
                self.categorical_features,
                multi_output=not is_classification,
                y_numeric=not is_classification,
            )
        if is_classification:
            check_classification_targets(y)
        weights = self._weighted_classes(check_weights(sample_weight, columns, owner), y)
        self.table_reader_, columns = self.table_reader_.of_rows(columns, weights > 0)
        check_given_functions(self, X, self.table_reader_, columns.shape[1])
        return TableData(columns, y, weights, check_groups(groups, columns))

    def _weighted_classes(self, weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return weights (n,) of rows, times those of their classes if there are any."""
        return weights

    def _problem(self, data: TableData, learner: ActivationLearner, run: FitRun) -> Problem:
        """Encode the targets, hold out rows and fit the scaler."""
        is_classification = not is_regressor(self)
        rows, encoding = encoded_rows(
            data, is_classification, keep_order=is_splitter(learner.validation)
        )
        names = getattr(self, "feature_names_in_", None)
        check_column_sizes(rows.X, names, type(self).__name__)
        scaling = resolve_scaling(self.scaling, is_classification)
        seed = self._seed(run)
        return split_problem(
            rows, scaling, encoding, self.validation_fraction, seed, self.table_reader_
        )

    def _seed(self, run: FitRun) -> int:
        """Draw the seed of a fit; one that is not given is kept, for a fit that goes on."""
        if self.random_state is None:
            return run.stage("seed").result(lambda: draw_seed(None))
        return draw_seed(self.random_state)

    def _activation(self, candidate: Candidate) -> Any:
        """Return the activation of all hidden layers, or a list of one for each."""
        activations = list(candidate.activations)
        if self.sharing == "network":
            return activations[0]
        n_layers = max(1, len(self.hidden_layer_sizes))
        return activations * n_layers if len(activations) == 1 else activations

    def _evaluate(self, held_out: WeightedRows) -> None:
        """Set what is known from the held-out rows."""
        raise NotImplementedError

    @property
    def input_activations_(self) -> list[ColumnFunction] | None:
        """Functions of the input columns."""
        return self.networks_.input_functions()

    @property
    def weights_(self) -> np.ndarray:
        """Weights and biases of every network's layers."""
        return self.networks_.layer_weights

    def _outputs(self, X: ArrayLike) -> np.ndarray:
        """Return the networks' mean outputs (n, o)."""
        X = read_table(self, X)
        return self.networks_.outputs(X)

    @plain_settings()
    def hidden_representation(self, X: ArrayLike, layer: int = -1) -> np.ndarray:
        """Return what a hidden layer computes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        layer : int, default=-1
            Number of the hidden layer, from 0; negative numbers count from the last.

        Returns
        -------
        ndarray of shape (n_samples, n_units * n_estimators)
            The networks' units side by side.

        Raises
        ------
        ValueError
            If there is no such layer, or none at all.
        """
        X = read_table(self, X)
        n_layers = self.networks_.n_layers
        if n_layers == 0:
            raise ValueError(
                "The 'hidden_layer_sizes' parameter must name a layer for hidden_representation. "
                "Got () instead."
            )
        layer = check_index("layer", layer, -n_layers, n_layers - 1, "hidden_representation")
        return self.networks_.hidden(X, layer)
