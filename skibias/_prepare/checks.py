"""Checks that take more than one parameter's type and range."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from reprlib import repr as short

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.validation import column_or_1d

from skibias._columns import numbers_only
from skibias._numbers import is_real, is_whole, plain_numbers
from skibias._prepare.table import TableReader
from skibias._sklearn_compat import check_feature_names, check_sample_weight, feature_names_of
from skibias.functions.category import CategoryActivation
from skibias.functions.spline import SplineActivation
from skibias.functions.supports import ColumnFunction

ACTIVATION_STARTS = ("auto", "relu", "zeros")
PARTS = {"learner": "ActivationLearner", "input_activations": "IAFTransformer"}
INPUT_STARTS = ("auto", "ramps", "identity")


class NamesMissingParts:
    """Mixin of estimators with parts: says what to pass where one that is set in is not there."""

    def set_params(self, **params):
        """Set the parameters of this estimator, or of its parts.

        Parameters
        ----------
        **params
            ``learner__n_knots``, for example, sets that of the learner.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is no such parameter, or no such part.
        """
        names = self.get_params(deep=False)
        for key in params:
            name, _, inner = key.partition("__")
            if inner and name in names:
                part = params.get(name, names[name])
                if isinstance(part, type) or not hasattr(part, "set_params"):
                    self._refuse_missing_part(name, inner, part)
        return super().set_params(**params)

    def _refuse_missing_part(self, name, inner, part):
        kind = PARTS.get(name)
        rule = "have parameters of its own" if kind is None else f"be an {kind}"
        advice = "" if kind is None else f": pass {name}={kind}() as well, or before"
        raise ValueError(
            f"The {name!r} parameter of {type(self).__name__} must {rule} for "
            f"'{name}__{inner}' to be set. Got {part!r} instead{advice}."
        )


def plain_clone(estimator):
    """Return a clone whose numbers are Python's."""
    own = clone(estimator)
    parameters = own.get_params(deep=False)
    return own.set_params(**{name: plain_numbers(value) for name, value in parameters.items()})


def with_listed_splits(learner):
    """Return the learner with the splits of an iterator in a list, which can be read again."""
    if not isinstance(learner.validation, Iterator):
        return learner
    listed = copy(learner)  # `clone` would copy the iterator, which cannot be done
    listed.validation = list(learner.validation)
    return listed


def check_learner(learner) -> None:
    """Raise ValueError or TypeError unless the learner's parameters can be used."""
    learner._validate_params()
    if isinstance(learner.validation, Iterator):
        rule = "be a list where it holds splits: estimators copy it, and read it several times"
        _refuse("validation", rule, learner.validation)
    if not _is_kind_of_validation(learner.validation):
        rule = "be a fraction, a number of folds, a splitter, a pair (X, y) or a list of splits"
        _refuse("validation", rule, learner.validation)
    for name in ("n_knots", "init", "unroll_steps", "outer_learning_rate"):
        _check_sequence(learner, name)
    check_hidden_layer_sizes(learner.hidden_layer_sizes, "ActivationLearner")
    domain = learner.domain
    if len(domain) != 2 or not all(map(is_real, domain)):
        _refuse("domain", "be a pair of numbers", domain)
    if not -np.inf < domain[0] < domain[1] < np.inf:
        _refuse("domain", "be two finite numbers, the first one smaller", domain)
    if isinstance(learner.validation, tuple) and len(learner.validation) != 2:
        _refuse("validation", "be a pair (X, y) where it is a tuple", learner.validation)
    if isinstance(learner.validation, list) and not _holds_splits(learner.validation):
        rule = (
            "be a tuple where it is a pair (X, y): a list holds splits into row numbers, "
            "at least one"
        )
        _refuse("validation", rule, learner.validation)


def _is_kind_of_validation(validation) -> bool:
    """Whether ``validation`` is of one of its kinds; scikit-learn takes any iterable."""
    is_one = validation is None or is_real(validation) or hasattr(validation, "split")
    return is_one or isinstance(validation, (tuple, list))


def _holds_splits(parts: list) -> bool:
    """Whether a list holds pairs (training rows, validation rows), at least one."""
    return bool(parts) and all(isinstance(part, (tuple, list)) and len(part) == 2 for part in parts)


def check_activation_learner(learner) -> None:
    """Raise ValueError unless a learner can learn activations, not just input functions."""
    for start in learner.init if isinstance(learner.init, (list, tuple)) else [learner.init]:
        if isinstance(start, str) and start not in ACTIVATION_STARTS:
            _refuse("init", f"be one of {ACTIVATION_STARTS} or a function for activations", start)
    if not learner.hidden_layer_sizes:
        _refuse("hidden_layer_sizes", "hold at least one hidden layer for activations", ())


def check_hidden_layer_sizes(sizes, owner) -> None:
    """Raise ValueError unless all sizes are positive integers."""
    if not all(is_whole(size) and size > 0 for size in sizes):
        raise ValueError(
            f"The 'hidden_layer_sizes' parameter of {owner} must hold positive integers. "
            f"Got {sizes!r} instead."
        )


def _check_sequence(learner, name) -> None:
    """Check the members of a per-restart setting one by one, as if each stood alone."""
    setting = getattr(learner, name)
    if isinstance(setting, (list, tuple)):
        if not setting:
            _refuse(name, "not be an empty sequence", setting)
        for member in setting:
            if isinstance(member, (list, tuple)):
                _refuse(name, "be a flat sequence", setting)
            if isinstance(member, str) and member == "auto":
                _refuse(name, "not hold 'auto' in a sequence: it stands for all restarts", setting)
            clone(learner).set_params(**{name: member})._validate_params()


def _refuse(name, rule, value):
    raise ValueError(
        f"The {name!r} parameter of ActivationLearner must {rule}. Got {value!r} instead."
    )


def check_weights(sample_weight, X, owner) -> np.ndarray:
    """Return float64 weights (n,), ones if there are none.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or all are zero.
    """
    if sample_weight is not None and not np.any(np.asarray(sample_weight)):
        raise ValueError(
            "The 'sample_weight' parameter must hold at least one positive weight: sample weights "
            "must contain at least one non-zero number. Got zeros only instead."
        )
    with numbers_only(sample_weight, owner, "sample_weight"):
        weights = check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weights < 0).any():
        raise ValueError(
            "The 'sample_weight' parameter must not hold negative weights. "
            f"Got {weights.min()!r} instead."
        )
    return weights


def check_groups(groups, X) -> np.ndarray | None:
    """Return the number of every row's group, from 0 on; None if there are no groups.

    Raises
    ------
    ValueError
        If they are not one per row, cannot be told apart, or are all the same.
    """
    if groups is None:
        return None
    groups = _one_per_row(groups, len(X))
    try:
        names, numbers = np.unique(groups, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"The 'groups' parameter must hold values of one kind. Got others: {error}."
        ) from error
    if len(names) < 2:
        raise ValueError(
            "The 'groups' parameter must hold at least two groups. "
            f"Got one instead: {names.tolist()}."
        )
    return numbers


def _one_per_row(groups, n_rows) -> np.ndarray:
    """Return groups as an array (n,), or raise ValueError."""
    rule = f"The 'groups' parameter must hold one value for each of the {n_rows} rows"
    try:
        column = column_or_1d(groups)
    except (TypeError, ValueError) as error:
        shape = getattr(groups, "shape", ())
        given = f"an array of shape {shape}" if shape else short(groups)
        raise ValueError(f"{rule}, in one dimension. Got {given} instead.") from error
    if len(column) != n_rows:
        raise ValueError(f"{rule}. Got {len(column)} values instead.")
    return column


def check_numbered_rows(learner, weights) -> None:
    """Raise ValueError where splits number the rows of X and some of these do not count."""
    validation = learner.validation
    numbers_rows = isinstance(validation, (list, PredefinedSplit))
    if numbers_rows and not weights.all():
        raise ValueError(
            "The 'sample_weight' parameter must be positive where the learner's 'validation' "
            "numbers rows: those of zero weight are left out, and would shift the numbers. "
            f"Got {np.count_nonzero(weights == 0)} zeros instead."
        )


def check_network_parameters(estimator) -> None:
    """Raise ValueError or TypeError unless an estimator's parameters fit one another."""
    owner = type(estimator).__name__
    check_hidden_layer_sizes(estimator.hidden_layer_sizes, owner)
    _check_activation(estimator, owner)
    _check_input_activations(estimator, owner)
    learner = estimator.learner
    if learner is None:
        return
    check_learner(learner)
    learns = isinstance(estimator.activation, str) and estimator.activation in ("auto", "learned")
    if not learns or not estimator.hidden_layer_sizes:
        return
    check_activation_learner(learner)
    depths = len(learner.hidden_layer_sizes), len(estimator.hidden_layer_sizes)
    if estimator.sharing == "layer" and depths[0] != depths[1]:
        raise ValueError(
            f"The 'learner' parameter of {owner} must have as many hidden layers as the network "
            f"({depths[1]}) with sharing='layer'. Got {depths[0]} instead."
        )


def _check_activation(estimator, owner) -> None:
    """Allow a list of splines only where each hidden layer has its own."""
    activation = estimator.activation
    functions = activation if isinstance(activation, (list, tuple)) else [activation]
    splines = [function for function in functions if not isinstance(function, str)]
    if not all(_is_plain_spline(function) for function in splines):
        raise ValueError(
            f"The 'activation' parameter of {owner} must be a name or a SplineActivation with one "
            f"channel. Got {activation!r} instead."
        )
    if isinstance(activation, (list, tuple)):
        n_layers = len(estimator.hidden_layer_sizes)
        if estimator.sharing != "layer" or len(splines) != n_layers:
            raise ValueError(
                f"The 'activation' parameter of {owner} must be a list of {n_layers} "
                "SplineActivation, one per hidden layer, and only with sharing='layer'. "
                f"Got {activation!r} instead."
            )


def _check_input_activations(estimator, owner) -> None:
    """Allow an unfitted or frozen IAFTransformer, or splines, beside the names."""
    wanted = estimator.input_activations
    if wanted is None or isinstance(wanted, str):
        return
    if isinstance(wanted, (list, tuple)):
        usable = all(isinstance(function, ColumnFunction) for function in wanted)
    else:
        transformer = getattr(wanted, "estimator", wanted)
        usable = hasattr(transformer, "n_channels")
        if usable and transformer is not wanted:
            usable = hasattr(transformer, "activations_")
        elif usable:
            check_transformer_parameters(transformer)
    if not usable:
        raise ValueError(
            f"The 'input_activations' parameter of {owner} must be 'auto', 'learned', None, an "
            "IAFTransformer, FrozenEstimator(fitted IAFTransformer) or a list of "
            f"SplineActivation and CategoryActivation. Got {wanted!r} instead."
        )


def check_transformer_parameters(transformer) -> None:
    """Raise ValueError or TypeError unless an IAFTransformer's parameters can be used."""
    transformer._validate_params()
    if transformer.learner is None:
        return
    check_learner(transformer.learner)
    starts = transformer.learner.init
    for start in starts if isinstance(starts, (list, tuple)) else [starts]:
        if start not in INPUT_STARTS:
            raise ValueError(
                "The 'init' parameter of an IAFTransformer's learner must be one of "
                f"{INPUT_STARTS}. Got {start!r} instead."
            )


def check_outside_names(learner, names) -> None:
    """Raise ValueError where the frame of ``validation=(X, y)`` has other columns than the data.

    ``names`` are those of the data's columns; None if they have none.
    """
    if learner is None or not isinstance(learner.validation, tuple):
        return
    fitted = copy(learner)
    if names is not None:
        fitted.feature_names_in_ = names
    try:
        check_feature_names(fitted, learner.validation[0], reset=False)
    except ValueError as error:
        raise ValueError(
            "The 'validation' parameter of ActivationLearner must be a splitter, or a pair (X, y) "
            f"that fits the data set. {error}"
        ) from error


def check_given_functions(estimator, X, reader: TableReader, n_features) -> None:
    """Raise ValueError unless given input functions are those of the columns of X.

    The names that a frozen transformer was fitted with are compared as scikit-learn does.
    """
    wanted = estimator.input_activations
    frozen = getattr(wanted, "estimator", None)
    if frozen is not None:
        check_feature_names(frozen, X, reset=False)
    else:
        check_outside_names(getattr(wanted, "learner", None), feature_names_of(X))
    check_outside_names(estimator.learner, feature_names_of(X))
    functions = wanted if frozen is None else frozen.activations_
    if isinstance(functions, (list, tuple)) and len(functions) != n_features:
        raise ValueError(
            f"The 'input_activations' parameter of {type(estimator).__name__} must hold one "
            f"function per column ({n_features}). Got {len(functions)} instead."
        )
    if isinstance(functions, (list, tuple)):
        _check_kinds(functions, X, reader)


def _check_kinds(functions, X, reader: TableReader) -> None:
    """Raise ValueError unless columns of categories have functions of categories."""
    names = feature_names_of(X)
    for number, function in enumerate(functions):
        is_category = number in reader.levels
        if isinstance(function, CategoryActivation) != is_category:
            kind, rule = ("Category", "categories") if is_category else ("Spline", "numbers")
            name = number if names is None else repr(names[number])
            raise ValueError(
                f"The 'input_activations' parameter of {reader.owner} must hold a {kind}Activation "
                f"for column {name}, which holds {rule}. Got {function!r} instead."
            )


def _is_plain_spline(function) -> bool:
    return isinstance(function, SplineActivation) and function.n_channels is None
