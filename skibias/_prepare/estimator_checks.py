"""Checks of parameters of the estimators that take more than the type and range of one."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from sklearn.base import BaseEstimator, clone

from skibias._errors import parameter_error
from skibias._numbers import plain_numbers
from skibias._prepare.learner_checks import (
    check_activation_learner,
    check_hidden_layer_sizes,
    check_input_learner,
    check_learner,
    check_outside_names,
)
from skibias._prepare.table import TableReader
from skibias._sklearn_compat import check_feature_names, feature_names_of
from skibias.functions.category import CategoryActivation
from skibias.functions.spline import SplineActivation
from skibias.functions.supports import ColumnFunction

PARTS = {"learner": "ActivationLearner", "input_activations": "IAFTransformer"}


class EstimatorWithParts(BaseEstimator):
    """Base of estimators with parts: says what to pass where one that is set in is not there."""

    def set_params(self, **params: Any) -> Self:
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

    def _refuse_missing_part(self, name: str, inner: str, part: Any) -> NoReturn:
        kind = PARTS.get(name)
        rule = "have parameters of its own" if kind is None else f"be an {kind}"
        advice = "" if kind is None else f": pass {name}={kind}() as well, or before"
        raise ValueError(
            f"The {name!r} parameter of {type(self).__name__} must {rule} for "
            f"'{name}__{inner}' to be set. Got {part!r} instead{advice}."
        )


def plain_clone(estimator: Any) -> Any:
    """Return a clone whose numbers are Python's."""
    own = clone(estimator)
    parameters = own.get_params(deep=False)
    return own.set_params(**{name: plain_numbers(value) for name, value in parameters.items()})


def check_network_parameters(estimator: Any) -> None:
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
    depth, own_depth = len(estimator.hidden_layer_sizes), len(learner.hidden_layer_sizes)
    if estimator.sharing == "layer" and own_depth != depth:
        rule = f"have as many hidden layers as the network ({depth}) with sharing='layer'"
        raise parameter_error("learner", owner, rule, own_depth)


def _check_activation(estimator: Any, owner: str) -> None:
    """Allow a list of splines only where each hidden layer has its own."""
    activation = estimator.activation
    functions = activation if isinstance(activation, (list, tuple)) else [activation]
    splines = [function for function in functions if not isinstance(function, str)]
    if not all(_is_plain_spline(function) for function in splines):
        rule = "be a name or a SplineActivation with one channel"
        raise parameter_error("activation", owner, rule, activation)
    n_layers = len(estimator.hidden_layer_sizes)
    is_one_per_layer = estimator.sharing == "layer" and len(splines) == n_layers
    if functions is activation and not is_one_per_layer:
        rule = (
            f"be a list of {n_layers} SplineActivation, one per hidden layer, and only with "
            "sharing='layer'"
        )
        raise parameter_error("activation", owner, rule, activation)


def _is_plain_spline(function: Any) -> bool:
    return isinstance(function, SplineActivation) and function.n_channels is None


def _check_input_activations(estimator: Any, owner: str) -> None:
    """Allow an unfitted or frozen IAFTransformer, or splines, beside the names."""
    wanted = estimator.input_activations
    if wanted is None or isinstance(wanted, str):
        return
    if isinstance(wanted, (list, tuple)):
        usable = all(isinstance(function, ColumnFunction) for function in wanted)
    elif hasattr(wanted, "estimator"):
        usable = hasattr(wanted.estimator, "n_channels") and hasattr(
            wanted.estimator, "activations_"
        )
    else:
        usable = hasattr(wanted, "n_channels")
        if usable:
            check_transformer_parameters(wanted)
    if not usable:
        rule = (
            "be 'auto', 'learned', None, an IAFTransformer, FrozenEstimator(fitted IAFTransformer) "
            "or a list of SplineActivation and CategoryActivation"
        )
        raise parameter_error("input_activations", owner, rule, wanted)


def check_transformer_parameters(transformer: Any) -> None:
    """Raise ValueError or TypeError unless an IAFTransformer's parameters can be used."""
    transformer._validate_params()
    if transformer.learner is not None:
        check_input_learner(transformer.learner)


def check_given_functions(estimator: Any, X: Any, reader: TableReader, n_features: int) -> None:
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
    if not isinstance(functions, (list, tuple)):
        return
    if len(functions) != n_features:
        rule = f"hold one function per column ({n_features}), without those of target means"
        raise parameter_error("input_activations", reader.owner, rule, len(functions))
    names = feature_names_of(X)
    for number, function in enumerate(functions):
        if number in reader.empty:  # a constant, of whatever type
            continue
        is_category = number in reader.levels
        if isinstance(function, CategoryActivation) != is_category:
            kind, held = ("Category", "categories") if is_category else ("Spline", "numbers")
            name = number if names is None else repr(names[number])
            rule = f"hold a {kind}Activation for column {name}, which holds {held}"
            raise parameter_error("input_activations", reader.owner, rule, function)
