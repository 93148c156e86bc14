"""What displays read of an estimator: its functions, their names, and what reaches them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skibias._base_mlp import BaseLearnedActivationMLP
from skibias._prepare.table import read_table, table_columns
from skibias._run.settings import plain_settings
from skibias._transformer import IAFTransformer
from skibias.functions.category import CategoryActivation
from skibias.functions.spline import SplineActivation

N_POINTS = 201
DEFAULT_RANGE = (-5.0, 5.0)  # of functions without knots


def check_estimator(estimator: Any, owner: str, also: type | None = None) -> None:
    """Raise unless an estimator is fitted, and one of skibias's or of the class ``also``."""
    kinds = (BaseLearnedActivationMLP,) if also is None else (BaseLearnedActivationMLP, also)
    if not isinstance(estimator, kinds):
        others = "" if also is None else f" or an {also.__name__}"
        raise TypeError(
            f"The 'estimator' parameter of {owner} must be one of skibias's estimators{others}. "
            f"Got {type(estimator).__name__} instead; of a pipeline, pass the step."
        )
    check_is_fitted(estimator)


def column_names(estimator: Any) -> list[str]:
    """Return the names of the columns that an estimator was fitted to."""
    default = [f"x{number}" for number in range(estimator.n_features_in_)]
    return list(map(str, getattr(estimator, "feature_names_in_", default)))


def function_names(estimator: Any, columns: Sequence[str]) -> list[str]:
    """Return names for the functions of columns, and of target means, which come after them."""
    if not isinstance(estimator, BaseLearnedActivationMLP):
        return list(columns)
    means = estimator.networks_.target_means
    classes = estimator.networks_.encoding.classes
    if classes is not None:
        shown = classes[-1:] if len(classes) == 2 else classes
        targets = [f"share of {own}" for own in shown]
    elif means.n_targets == 1:
        targets = ["mean of y"]
    else:
        targets = [f"mean of y{number}" for number in range(means.n_targets)]
    further = [f"{columns[number]}: {target}" for number in means.columns for target in targets]
    return [*columns, *further]


def functions_of(estimator: Any) -> tuple[list[Any], list[Any]]:
    """Return the functions of hidden layers and of input columns."""
    if isinstance(estimator, IAFTransformer):
        return [], list(estimator.activations_)
    hidden = estimator.activation_
    hidden = list(hidden) if isinstance(hidden, list) else [hidden]
    networks = estimator.networks_
    return hidden if networks.n_layers else [], list(networks.input_functions(0) or [])


def had_gaps(estimator: Any, inputs: Sequence[Any]) -> list[bool]:
    """Return whether columns had gaps in training rows; of given functions it is not known.

    Categories count as if they had: that of a missing label is shown beside that of unseen ones.
    """
    history = estimator.meta_history_
    history = history if isinstance(estimator, IAFTransformer) else history.get("inputs")
    if history is None or not len(history["functions"]):
        return [True] * len(inputs)
    supports = history["functions"].supports
    return [
        isinstance(own, CategoryActivation) or support.has_missing
        for own, support in zip(inputs, supports, strict=False)
    ]


def values_reaching(
    estimator: Any, X: Any, n_hidden: int, inputs: Sequence[Any]
) -> list[np.ndarray]:
    """Return what reaches the functions of hidden layers, and those of input columns."""
    with plain_settings():
        rows = read_table(estimator, X)
        hidden = []
        if n_hidden:
            hidden = [layer.ravel() for layer in estimator.networks_.pre_activations(rows)]
        if n_hidden == 1:
            hidden = [np.concatenate(hidden)]
        if not isinstance(estimator, IAFTransformer):
            rows = estimator.networks_.target_means.extend(rows)
    reaching = list(rows.T[: len(inputs)])
    for number in estimator.table_reader_.levels:
        if number < len(inputs):
            reaching[number] = table_columns(X)[number].values()
    return [*hidden, *reaching]


def curve_arguments(
    function: Callable[[Any], Any], limits: tuple[float, float] | None = None
) -> np.ndarray:
    """Return the arguments (p,) at which a curve is drawn.

    Those of a spline cover its knots, unless limits are given. The knots are among them, so that
    straight lines between the points are exact. Those of a category are its levels.
    """
    if isinstance(function, CategoryActivation):
        return np.array(function.levels, dtype=object)
    if not isinstance(function, SplineActivation):
        return np.linspace(*(DEFAULT_RANGE if limits is None else limits), N_POINTS)
    knots = function.knots
    first, last = map(float, (knots[0], knots[-1]) if limits is None else limits)
    inside = knots[(knots > first) & (knots < last)]
    return np.union1d(np.linspace(first, last, N_POINTS), inside)
