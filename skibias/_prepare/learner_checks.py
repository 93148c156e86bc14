"""Checks of an `ActivationLearner`: its parameters, and how they go with what it learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any

import numpy as np
from sklearn.model_selection import PredefinedSplit

from skibias._errors import parameter_error
from skibias._numbers import is_real, is_whole
from skibias._sklearn_compat import check_feature_names, check_parameters

LEARNER = "ActivationLearner"
ACTIVATION_STARTS = ("auto", "relu", "zeros")
INPUT_STARTS = ("auto", "ramps", "identity")
PER_RESTART = ("n_knots", "init", "unroll_steps", "outer_learning_rate")


def with_listed_splits(learner: Any) -> Any:
    """Return the learner with the splits of an iterator in a list, which can be read again."""
    if not isinstance(learner.validation, Iterator):
        return learner
    listed = copy(learner)  # `clone` would copy the iterator, which cannot be done
    listed.validation = list(learner.validation)
    return listed


def check_learner(learner: Any) -> None:
    """Raise ValueError or TypeError unless the learner's parameters can be used."""
    learner._validate_params()
    _check_validation(learner.validation)
    for name in PER_RESTART:
        _check_members(learner, name)
    check_hidden_layer_sizes(learner.hidden_layer_sizes, LEARNER)
    domain = learner.domain
    if len(domain) != 2 or not all(map(is_real, domain)):
        raise parameter_error("domain", LEARNER, "be a pair of numbers", domain)
    if not -np.inf < domain[0] < domain[1] < np.inf:
        rule = "be two finite numbers, the first one smaller"
        raise parameter_error("domain", LEARNER, rule, domain)


def _check_validation(validation: Any) -> None:
    """Raise ValueError unless ``validation`` is of one of its kinds."""
    if validation is None or is_real(validation):
        return
    rule = None
    if isinstance(validation, Iterator):
        rule = "be a list where it holds splits: estimators copy it, and read it several times"
    elif isinstance(validation, tuple):
        if len(validation) != 2:
            rule = "be a pair (X, y) where it is a tuple"
    elif isinstance(validation, list):
        if not validation or not all(_is_pair(split) for split in validation):
            rule = (
                "be a tuple where it is a pair (X, y): a list holds splits into row numbers, "
                "at least one"
            )
    elif not hasattr(validation, "split"):  # scikit-learn takes any iterable
        rule = "be a fraction, a number of folds, a splitter, a pair (X, y) or a list of splits"
    if rule is not None:
        raise parameter_error("validation", LEARNER, rule, validation)


def _is_pair(split: Any) -> bool:
    return isinstance(split, (tuple, list)) and len(split) == 2


def _check_members(learner: Any, name: str) -> None:
    """Check the members of a per-restart setting one by one, as if each stood alone."""
    setting = getattr(learner, name)
    if not isinstance(setting, (list, tuple)):
        return
    if not setting:
        raise parameter_error(name, LEARNER, "not be an empty sequence", setting)
    for member in setting:
        if isinstance(member, (list, tuple)):
            raise parameter_error(name, LEARNER, "be a flat sequence", setting)
        if isinstance(member, str) and member == "auto":
            rule = "not hold 'auto' in a sequence: it stands for all restarts"
            raise parameter_error(name, LEARNER, rule, setting)
        constraints = {name: learner._parameter_constraints[name]}
        check_parameters(constraints, {name: member}, type(learner).__name__)


def _starts(learner: Any) -> Sequence[Any]:
    """Return what functions start from, in a sequence."""
    return learner.init if isinstance(learner.init, (list, tuple)) else [learner.init]


def check_activation_learner(learner: Any) -> None:
    """Raise ValueError unless a learner can learn activations, not just input functions."""
    for start in _starts(learner):
        if isinstance(start, str) and start not in ACTIVATION_STARTS:
            rule = f"be one of {ACTIVATION_STARTS} or a function for activations"
            raise parameter_error("init", LEARNER, rule, start)
    if not learner.hidden_layer_sizes:
        rule = "hold at least one hidden layer for activations"
        raise parameter_error("hidden_layer_sizes", LEARNER, rule, ())


def check_input_learner(learner: Any) -> None:
    """Raise ValueError or TypeError unless a learner can learn functions of columns."""
    check_learner(learner)
    for start in _starts(learner):
        if start not in INPUT_STARTS:
            owner = "an IAFTransformer's learner"
            raise parameter_error("init", owner, f"be one of {INPUT_STARTS}", start)


def check_hidden_layer_sizes(sizes: Sequence[Any], owner: str) -> None:
    """Raise ValueError unless all sizes are positive integers."""
    if not all(is_whole(size) and size > 0 for size in sizes):
        raise parameter_error("hidden_layer_sizes", owner, "hold positive integers", sizes)


def check_numbered_rows(learner: Any, weights: np.ndarray) -> None:
    """Raise ValueError where splits number the rows of X and some of these do not count."""
    numbers_rows = isinstance(learner.validation, (list, PredefinedSplit))
    if numbers_rows and not weights.all():
        raise ValueError(
            "The 'sample_weight' parameter must be positive where the learner's 'validation' "
            "numbers rows: those of zero weight are left out, and would shift the numbers. "
            f"Got {np.count_nonzero(weights == 0)} zeros instead."
        )


def check_outside_names(learner: Any, names: Any) -> None:
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
