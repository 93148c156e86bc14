"""The two estimators: multi-layer perceptrons with learned activation functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from copy import copy
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_regressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skibias._calibration import fit_calibration, uncalibrated
from skibias._candidates import all_diverged_message, input_tables, network_architecture
from skibias._checkpoint import check_checkpoint, open_checkpoint
from skibias._columns import check_column_sizes, check_target_dates, numbers_only
from skibias._fixed_activation import ACTIVATION_NAMES, network_activation
from skibias._learner import ActivationLearner
from skibias._learning import engine_rows, is_splitter
from skibias._numbers import check_index, plain_numbers
from skibias._preprocessing import (
    SCALINGS,
    resolve_scaling,
    spline_columns,
    trained_activations,
    trained_columns,
)
from skibias._runtime import (
    draw_seed,
    fit_on_twin,
    plain_settings,
    resolve_device,
    worker_threads,
)
from skibias._selection import (
    Problem,
    choose_network,
    network_columns,
    network_learner,
    resolve_batch_size,
    split_problem,
)
from skibias._sklearn_compat import RANDOM_STATE, Interval, StrOptions
from skibias._spline_activation import SplineActivation
from skibias._targets import TableData, encoded_rows
from skibias._tensors import as_tensor
from skibias._time_limit import TRAINING_ENDS, Clock, Cut, warn_of_cuts
from skibias._typing import OptimizerName, RandomState, Sharing
from skibias._validation import (
    NamesMissingParts,
    check_given_functions,
    check_groups,
    check_network_parameters,
    check_weights,
)
from skibias.engine.episodes import stream
from skibias.engine.networks import (
    INPUT_RATE,
    Functions,
    Model,
    add_to_outputs,
    draw_weights,
    representations,
)
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.training import PREDICTED_VALUES, predict

_PARAMETERS = """hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of each hidden layer; () is a linear model. A layer's input is added to its output
        where their widths agree.
    activation : str, SplineActivation or list of SplineActivation, default="auto"
        "auto": ReLU, tanh(a x) for a in (1, 2, 4, 8) and every learned function are trained
        alike, and the best on held-out rows is taken. "learned": learned functions only.
        "relu", "gelu", "tanh", "sin", "hat": this function, exactly. A `SplineActivation`, or
        with ``sharing="layer"`` a list of them, one per hidden layer: these.
    prefactor : float or None, default=None
        Factor on the argument of the activation; the learning rate is divided by it. None is 1
        for a single activation and (1, 2, 4, 8) for the tanh of "auto", which a number replaces.
    input_activations : {"auto", "learned"}, None, IAFTransformer or list, default="auto"
        Learned functions of the input columns. "learned": up to 16 functions of every column are
        meta-learned, and every network then goes on training a copy of them with its weights.
        "auto": tried with and without under ``activation="auto"`` if there are at most 512
        columns, otherwise none. An unfitted
        `IAFTransformer` is learned anew with its settings and stays as it is while networks are
        trained; ``FrozenEstimator(fitted_transformer)`` or a list of `SplineActivation`, one per
        column, is taken as it is.
    sharing : {"network", "layer"}, default="network"
        One learned activation for all hidden layers, or one for each.
    learner : ActivationLearner or None, default=None
        How functions are learned; None is ``ActivationLearner()`` on networks at most 64 wide.
        The estimator's ``random_state``, ``device``, ``sharing`` and ``verbose`` overrule it; its
        ``spectral_normalization`` holds for the final network as well. Its
        ``n_knots``, ``init``, ``outer_learning_rate``, ``outer_step`` and ``n_restarts`` are
        those of activations; for input functions, pass an `IAFTransformer` to set them.
    scaling : {"auto", "quantile", "robust", "minmax", "standard"} or None, default="auto"
        Scaling of columns without learned functions. "quantile": ranks spread evenly over
        [-1, 1]; "robust": interquartile range to 1, outliers drawn in; "minmax": linear to
        [-1, 1]; "standard": zero mean and unit variance; None: none. "auto" is "quantile" for
        classes and "robust" for values, which often depend on how far out a value lies.
    optimizer : {"rmsprop", "adam", "momentum", "sgd"}, default="rmsprop"
    learning_rate : float, default=0.001
    label_smoothing : float, default=0.1
        Share of every label that is spread evenly over all classes while networks are trained;
        none in regression.
    batch_size : int or "auto", default="auto"
        "auto" is a tenth of the training rows, at least 32 and at most 256; from 102,400 rows
        on, a 400th of them, at most 4096.
    max_iter : int, default=100
        Epochs of the final training, at most.
    early_stopping : bool, default=True
        Stop on held-out rows and restore the best epoch; otherwise train on all rows for
        ``max_iter`` epochs. Weights are judged and kept as their mean over the last 50 steps.
    validation_fraction : float, default=0.15
        Rows held out to choose among candidates and to stop early; learning does not see them,
        but for what scaling takes: the columns, the mean and spread of values, and the
        frequencies of classes.
    n_iter_no_change : int, default=12
        Epochs after which training stops if the held-out rows were not predicted better: fewer
        errors (a lower log loss if weights differ), or a lower squared error, of all networks
        together.
    n_estimators : int, default=4
        Networks trained in one stack; their outputs are averaged.
    callbacks : list of skorch callbacks or None, default=None
        Hooks of the final training, used as they are, not copied: callbacks, classes of them, or
        pairs (name, callback). All weights are one parameter of theirs, "weights". `EpochScoring`
        scores all networks together on the held-out rows. Those that score batches
        (`BatchScoring`) or need parameters of single layers (`Freezer`, `Unfreezer`),
        `LoadInitState` and `InputShapeSetter` are refused.
    time_limit : float or None, default=None
        Seconds after which `fit` is to come to an end, about; what it has found by then is kept,
        and a `ConvergenceWarning` says what was cut. Learning ends by a quarter of the limit, the
        choice by 60 %, training has the rest. Some work is always done: every candidate is judged
        once, and the networks are trained on a batch. Results then depend on the machine's speed.
    checkpoint : str, path-like or None, default=None
        Folder from which a fit that was interrupted goes on, to the same result as if it had not
        been. Fits to other data or with other parameters (but for ``verbose`` and ``callbacks``)
        have files of their own in it, which a finished fit leaves behind: delete the folder
        when done. Files are pickles, so use a folder that you trust. Callbacks see only the
        epochs after the interruption, and none of a fit that had come to its end.
    device : str, default="auto"
        "cpu", "cuda", "cuda:0", …; "auto" is CUDA where there is one. Prediction runs on the CPU.
    random_state : int, RandomState instance or None, default=None
        Same number, same result, whatever the number of threads; on a GPU but for last digits.
    verbose : int, default=0
        1 shows progress bars on stderr."""

_ATTRIBUTES = """activation_ : callable on arrays and tensors, or list of them
        The activation of the final network, prefactor included: a `SplineActivation` or an exact
        function; a list, one per hidden layer, with ``sharing="layer"``.
    input_activations_ : list of SplineActivation or None
        One function per column, knots in the units of X; None if columns are only scaled. Where
        every network trained its own, the channels of the first network come first.
    candidates_ : dict of ndarray
        The candidates and how they compare: ``name``, ``inputs``, ``prefactor``, ``restart``,
        ``screening_score`` (negative held-out loss of a narrow network), ``validation_score``
        (negative share of errors on held-out rows, log loss if their weights differ, or squared
        error, of up to two networks of full width; nan for those screened out), ``rank`` and
        ``status`` ("chosen", "compared", "screened", "diverged"). Ready for
        ``pandas.DataFrame``. With fewer than 100 rows, narrow networks are compared once: by
        cross-validated losses or, where something was learned because it was asked for, by those
        on the held-out rows.
    meta_history_ : dict
        For what was learned, of "activation" and "inputs": ``validation_loss`` (outer steps,
        restarts), ``snapshot_step`` and ``functions``, as in `ActivationLearner`. The loss is the
        outer loop's target, not an estimate of performance.
    history_ : list of dict
        One record per epoch of the final training, from skorch; ``valid_error``, which stops it,
        is the share of held-out rows that all networks together get wrong, their log loss if
        weights differ, or their squared error.
    n_iter_ : int
        Epochs of the final training.
    best_validation_score_ : float or None
        {score} on the held-out rows, which also chose the network: optimistic. None without
        early stopping.
    weights_ : ndarray of shape (n_estimators, n_weights), float32
        Weights and biases of every network's layers.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X had column names that are all strings."""


class _LearnedActivationMLP(NamesMissingParts, BaseEstimator):
    """What both estimators share: parameters, the order of a fit, and raw outputs."""

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
        input_activations: str | BaseEstimator | Sequence[SplineActivation] | None = "auto",
        sharing: Sharing = "network",
        learner: ActivationLearner | None = None,
        scaling: str | None = "auto",
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
        """Learn the functions, choose among the candidates and train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Columns in any units; numbers or booleans.
        y : array-like of shape (n_samples,)
            Class labels or values; values may be of shape (n_samples, n_outputs).
        sample_weight : array-like of shape (n_samples,), default=None
            A row of weight two counts like two rows, one of weight zero like none.
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
            candidate diverges. The estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``time_limit`` ended a stage early.
        """
        self._validate_params()
        clock = Clock.started_now(plain_numbers(self.time_limit))
        check_network_parameters(self)
        device = resolve_device(self.device, type(self).__name__)
        check_checkpoint(self)
        if self.callbacks:
            from skibias._callbacks import check_callbacks

            check_callbacks(self.callbacks, type(self).__name__, bool(self.early_stopping))
        cuts: list[Cut] = []
        fit_on_twin(
            self,
            lambda twin, n: cuts.extend(twin._fit(X, y, (sample_weight, groups), device, n, clock)),
        )
        warn_of_cuts(type(self).__name__, self.time_limit, cuts)
        return self

    def _fit(self, X, y, row_data, device, n_threads, clock) -> list[Cut]:
        """Fit in place; return what the time limit cut."""
        problem = self._problem(X, y, row_data, device, n_threads)._replace(clock=clock)
        choice = choose_network(self, problem)
        functions = list(choice.candidate.activations)
        if self.sharing == "layer":
            count = max(1, len(self.hidden_layer_sizes))
            functions = functions * count if len(functions) == 1 else functions
        self.activation_ = functions if self.sharing == "layer" else functions[0]
        self.input_activations_ = None if choice.inputs is None else choice.inputs.functions
        self.candidates_ = choice.table
        self.meta_history_ = choice.history
        self._scaler_ = problem.scaler
        self._encoding_ = problem.encoding
        training_cut = self._train(problem, choice)
        return choice.cuts + ([] if training_cut is None else [training_cut])

    def _problem(self, X, y, row_data, device, n_threads) -> Problem:
        """Check the data, weights and groups of rows beside them, and return them prepared."""
        sample_weight, groups = row_data
        is_classification = not is_regressor(self)
        X, y = self._checked_data(X, y, is_classification)
        weights = check_weights(sample_weight, X, type(self).__name__)
        data = TableData(X, y, weights, check_groups(groups, X))
        learner = network_learner(self)
        rows, encoding = encoded_rows(
            data, is_classification, keep_order=is_splitter(learner.validation)
        )
        names = getattr(self, "feature_names_in_", None)
        check_column_sizes(rows.X, names, type(self).__name__)
        self._one_dimensional_ = y.ndim == 1
        checkpoint = open_checkpoint(self, data, device)
        return split_problem(
            rows,
            resolve_scaling(self.scaling, is_classification),
            encoding,
            self.validation_fraction,
            seed=self._seed(checkpoint),
            device=device,
            n_threads=n_threads,
        )._replace(checkpoint=checkpoint)

    def _checked_data(self, X, y, is_classification):
        """Return X (n, d) and y as arrays; nothing in them is no number, and names agree."""
        owner = type(self).__name__
        check_target_dates(y, is_classification, owner)
        targets = nullcontext() if is_classification else numbers_only(y, owner, "y")
        with numbers_only(X, owner), targets:
            columns, y = validate_data(
                self,
                X,
                y,
                dtype=np.float64,
                multi_output=not is_classification,
                y_numeric=not is_classification,
                ensure_min_samples=2,
            )
        if is_classification:
            check_classification_targets(y)
        check_given_functions(self, X, columns.shape[1])
        return columns, y

    def _seed(self, checkpoint) -> int:
        """Draw the seed of a fit; one that is not given is kept, for a fit that goes on."""
        if self.random_state is None:
            return checkpoint.stage("seed").result(lambda: draw_seed(None))
        return draw_seed(self.random_state)

    def _train(self, problem: Problem, choice) -> Cut | None:
        """Train the chosen network through skorch and keep its weights."""
        from skibias._skorch import train_networks

        columns = network_columns(problem.rows.X, problem.scaler, choice.inputs)
        targets = problem.encoding.encode(problem.rows.y)
        rows = engine_rows(columns.values, targets, problem.rows.weights, problem.device)
        train = problem.train if self.early_stopping else np.arange(len(rows.targets))
        architecture = network_architecture(
            columns,
            self.hidden_layer_sizes,
            problem.encoding.n_outputs,
            network_learner(self).spectral_normalization,
        )
        streams = [stream(problem.seed, "network", number) for number in range(self.n_estimators)]
        weights = torch.stack([draw_weights(architecture, own) for own in streams])
        outputs = as_tensor(problem.encoding.start(self.label_smoothing))
        with worker_threads(min(problem.n_threads, self.n_estimators)) as run:
            training = partial(
                train_networks,
                Model(architecture, self._activation()),
                Functions(inputs=input_tables(columns, problem.device)),
                add_to_outputs(weights, architecture, outputs),
                take_rows(rows, train),
                _judging_rows(rows, problem) if self.early_stopping else None,
                stream(problem.seed, "final batches"),
                self._final_settings(problem, choice, len(train)),
                run,
            )
            final = problem.checkpoint.stage("training").result(training)
        if final.diverged:
            raise ValueError(all_diverged_message(type(self).__name__))
        self._keep_networks(architecture, columns.tables, final.weights)
        self.history_ = final.history
        self.n_iter_ = len(final.history)
        self.best_validation_score_ = None
        self._calibration_ = uncalibrated(self.label_smoothing, len(train))
        if self.early_stopping:
            self._judge(problem.rows.alone(problem.held_out))
        return final.cut

    def _keep_networks(self, architecture, tables, weights) -> None:
        """Keep the layers' weights; input functions that were trained become fixed ones."""
        self._input_tables_ = tables  # from which every network's own functions started, or None
        if tables is not None:
            change = weights[:, architecture.n_layer_weights :].reshape(-1, *tables.shape)
            self.input_activations_ = trained_activations(
                self.input_activations_, tables + INPUT_RATE * change
            )
        self._architecture_ = architecture
        self.weights_ = weights[:, : architecture.n_layer_weights]

    @plain_settings()
    def _with_weights(self, weights):
        """Return a copy with other weights (E, P), as training has them.

        Raises
        ------
        ValueError
            If they are of other networks.
        """
        n_trained = 0 if self._input_tables_ is None else self._input_tables_.size
        shape = len(self.weights_), self._architecture_.n_layer_weights + n_trained
        if weights.shape != shape:
            raise ValueError(
                f"The weights must be those of this estimator's networks, of shape {shape}. "
                f"Got {weights.shape} instead."
            )
        other = copy(self)
        other._keep_networks(self._architecture_, self._input_tables_, weights)
        return other

    def _final_settings(self, problem: Problem, choice, n_rows):
        from skibias._skorch import FinalSettings

        return FinalSettings(
            encoding=problem.encoding,
            label_smoothing=self.label_smoothing,
            counts_errors=problem.rows.weigh_alike(),
            optimizer=self.optimizer,
            learning_rate=self.learning_rate / choice.candidate.prefactor,
            batch_size=resolve_batch_size(self.batch_size, n_rows),
            max_epochs=self.max_iter,
            n_iter_no_change=self.n_iter_no_change,
            callbacks=self.callbacks,
            verbose=self.verbose,
            device=problem.device,
            deadline=problem.clock.deadline(TRAINING_ENDS),
            stage=problem.checkpoint.stage("training"),
        )

    def _columns(self, X):
        """Return what reaches the networks: the same (n, d') for all, or (E, n, d')."""
        if self.input_activations_ is None:
            return self._scaler_.transform(X)
        columns = spline_columns(X, self.input_activations_)
        if self._input_tables_ is None:
            return columns
        by_network = columns.reshape(*X.shape, len(self.weights_), -1).transpose(2, 0, 1, 3)
        return by_network.reshape(*by_network.shape[:2], -1)

    def _inputs_of(self, number):
        """Return the input functions of one network; None if columns are only scaled."""
        if self._input_tables_ is None:
            return self.input_activations_
        n_channels = self.input_activations_[0].n_channels // len(self.weights_)
        own = slice(number * n_channels, (number + 1) * n_channels)
        return [
            SplineActivation(function.knots, function.values[:, own])
            for function in self.input_activations_
        ]

    def _trained_network(self, number, X):
        """Return one network as its training saw it: model, weights (P,), functions and columns."""
        model = Model(self._architecture_, self._activation())
        weights = as_tensor(self.weights_[number])
        tables = self._input_tables_
        if tables is None:
            return model, weights, Functions(), as_tensor(self._columns(X), torch.float32)
        own = trained_columns(X, self._inputs_of(number))
        change = as_tensor((own.tables - tables) / INPUT_RATE, torch.float32)
        functions = Functions(inputs=as_tensor(tables, torch.float32))
        values = as_tensor(own.values, torch.float32)
        return model, torch.cat([weights, change.flatten()]), functions, values

    def _activation(self):
        functions = self.activation_ if isinstance(self.activation_, list) else [self.activation_]
        return network_activation(functions)

    def _network(self, X):
        """Return model, weights (E, P) and inputs, in float64.

        What a row predicts then depends on its batch in the last digits only.
        """
        columns = as_tensor(self._columns(X), torch.float64)
        weights = as_tensor(self.weights_, torch.float64)
        # The columns are already those that the networks' own functions return.
        architecture = self._architecture_._replace(trained_inputs=None)
        return Model(architecture, self._activation()), weights, columns

    @plain_settings()
    def _activation_arguments(self, X, number=0) -> list[np.ndarray]:
        """Return what reaches the activation of every hidden layer (n, h) of one network."""
        reached = []

        def record(z, layer):
            reached.append(z[number].numpy())
            return model.activation(z, layer)

        with torch.no_grad():
            model, weights, columns = self._network(self._checked(X))
            columns = columns.expand(len(weights), *columns.shape[-2:])
            representations(weights, columns, model.architecture, record)
        return reached

    def _outputs(self, X) -> np.ndarray:
        """Return the networks' mean outputs (n, o) for checked X."""
        n_inputs = self._architecture_.n_inputs * len(self.weights_)
        block = max(1, PREDICTED_VALUES["cpu"] // n_inputs)
        parts = []
        for start in range(0, len(X), block):
            model, weights, columns = self._network(X[start : start + block])
            parts.append(predict(model, weights, Functions(), columns).mean(0).numpy())
        return np.concatenate(parts)

    def _checked(self, X):
        check_is_fitted(self)
        with numbers_only(X, type(self).__name__):
            return validate_data(self, X, dtype=np.float64, reset=False)

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
        X = self._checked(X)
        n_layers = len(self._architecture_.hidden_layer_sizes)
        if n_layers == 0:
            raise ValueError(
                "The 'hidden_layer_sizes' parameter must name a layer for hidden_representation. "
                "Got () instead."
            )
        layer = check_index("layer", layer, -n_layers, n_layers - 1, "hidden_representation")
        with torch.no_grad():
            model, weights, columns = self._network(X)
            columns = columns.expand(len(weights), *columns.shape[-2:])
            found = representations(weights, columns, model.architecture, model.activation)[1:]
        return torch.cat(list(found[layer]), dim=1).numpy()


class LearnedActivationMLPClassifier(ClassifierMixin, _LearnedActivationMLP):
    __doc__ = f"""Multi-layer perceptron classifier whose activation functions are learned.

    `fit` meta-learns activation functions and functions of the input columns, trains networks with
    them, with ReLU and with tanh, and keeps the best on held-out rows (Teney et al., "Do We Always
    Need the Simplicity Bias?", CVPR 2025).

    Parameters
    ----------
    {_PARAMETERS}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    {_ATTRIBUTES.format(score="Accuracy")}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skibias import LearnedActivationMLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LearnedActivationMLPClassifier((32,), activation="tanh", random_state=0)
    >>> model.fit(X, y).predict(X[:2])
    array([0, 0])
    """

    def _fit(self, *arguments) -> list[Cut]:
        cuts = super()._fit(*arguments)
        self.classes_ = self._encoding_.classes
        return cuts

    @plain_settings()
    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the logits, the mean over the networks; `predict_proba` calibrates them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            For two classes, the logit of the second one.
        """
        outputs = self._outputs(self._checked(X))
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    @plain_settings()
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of every class.

        The smoothing of labels is undone in one way, and the logits are divided by a temperature
        in another. Both are mixed with each other and with equal probabilities; the most probable
        class stays that of the logits. The temperature and the shares are those that suit the
        held-out rows best. With ``early_stopping=False`` there are none, and only the smoothing
        is undone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        outputs = self._outputs(self._checked(X))
        return self._calibration_.probabilities(outputs)

    @plain_settings()
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        outputs = self._outputs(self._checked(X))
        return self._encoding_.classes[outputs.argmax(1)]

    def _judge(self, held_out) -> None:
        """Score the networks on held-out rows, and calibrate their probabilities."""
        logits = self._outputs(held_out.X)
        self._calibration_ = fit_calibration(
            logits, held_out.y, held_out.weights, self._calibration_
        )
        score = accuracy_score(held_out.y, logits.argmax(1), sample_weight=held_out.weights)
        self.best_validation_score_ = float(score)


class LearnedActivationMLPRegressor(RegressorMixin, _LearnedActivationMLP):
    __doc__ = f"""Multi-layer perceptron regressor whose activation functions are learned.

    `fit` meta-learns activation functions and functions of the input columns, trains networks with
    them, with ReLU and with tanh, and keeps the best on held-out rows (Teney et al., "Do We Always
    Need the Simplicity Bias?", CVPR 2025). Targets are standardised inside.

    Parameters
    ----------
    {_PARAMETERS}

    Attributes
    ----------
    {_ATTRIBUTES.format(score="Coefficient of determination")}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skibias import LearnedActivationMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LearnedActivationMLPRegressor((32,), activation="tanh", random_state=0)
    >>> model.fit(X, y).predict(X[:2]).shape
    (2,)
    """

    @plain_settings()
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the predicted values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), as y in `fit`
        """
        return self._values(self._checked(X))

    def _values(self, X):
        values = self._encoding_.decode(self._outputs(X))
        return values[:, 0] if self._one_dimensional_ else values

    def _judge(self, held_out) -> None:
        """Score the networks on held-out rows; undefined for one row."""
        if len(held_out.y) < 2:
            return
        # As they were standardised: in their own units, squares could overflow.
        values = self._encoding_.encode(held_out.y)
        predicted = self._outputs(held_out.X) * (self._encoding_.scale > 0)
        score = r2_score(values, predicted, sample_weight=held_out.weights)
        self.best_validation_score_ = float(score)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def take_rows(rows, numbers):
    """Return the engine's rows with these numbers."""
    index = as_tensor(numbers, device=rows.inputs.device)
    return type(rows)(*(part[index] for part in rows))


def _judging_rows(rows, problem: Problem):
    """Return the held-out rows with weights of mean one, so that errors are shares."""
    weights = problem.rows.alone(problem.held_out).weights
    judging = take_rows(rows, problem.held_out)
    return judging._replace(weights=as_tensor(weights).to(judging.weights))
