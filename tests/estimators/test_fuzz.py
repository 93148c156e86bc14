"""Whatever comes in: a fitted model with finite predictions, or an error that names its cause.

`pytest -m slow tests/estimators/test_fuzz.py` tries 2,000 cases.
"""

import contextlib
import re
import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)

ESTIMATORS = [LearnedActivationMLPClassifier, LearnedActivationMLPRegressor, IAFTransformer]
TINY_LEARNER = {
    "n_outer_steps": 2,
    "n_restarts": 1,
    "horizon": 4,
    "unroll_steps": 2,
    "hidden_layer_sizes": (4,),
    "batch_size": 16,
    "n_knots": 5,
    "device": "cpu",
}
TINY_NETWORK = {"hidden_layer_sizes": (4,), "max_iter": 2, "n_estimators": 1, "device": "cpu"}
TINY_TRANSFORMER = {"n_channels": 2, "device": "cpu"}

# Values that every parameter may have; those of one table are drawn independently.
LEARNER_VALUES = {
    "n_knots": ["auto", 2, 7, np.int64(9)],
    "domain": [(-1.0, 1.0), [0, 3], (-1e-3, 1e3)],
    "schedule": ["staggered", "episodic"],
    "n_restarts": [1, 2],
    "n_networks": ["auto", 1, 3],
    "unroll_steps": [1, 3, 9],
    "horizon": [1, 5],
    "n_outer_steps": [0, 1, 3],
    "outer_learning_rate": ["auto", 0.1, 1e-12, 1e6],
    "outer_step": ["auto", "clipped", "normalized"],
    "hidden_layer_sizes": [(1,), [3]],
    "loss": ["auto", "squared_error"],
    "optimizer": ["rmsprop", "adam", "momentum", "sgd"],
    "learning_rate": [1e-12, 0.01, 1e6],
    "batch_size": [None, 1, 1000],
    "scaling": [None, "quantile", "robust", "minmax", "standard"],
    "spectral_normalization": [True],
    "validation": [0.1, 0.9, 2],
    "patience": [1, 100],
}
NETWORK_VALUES = {
    "hidden_layer_sizes": [(), (1,), (3, 3), [2, 5]],
    "activation": ["auto", "learned", "relu", "gelu", "tanh", "sin", "hat", SplineActivation.hat()],
    "prefactor": [None, 1, 1e-6, 1e3],
    "input_activations": ["auto", "learned", None, IAFTransformer(n_channels=1)],
    "sharing": ["network", "layer"],
    "scaling": ["auto", "quantile", "robust", "minmax", "standard", None],
    "optimizer": ["rmsprop", "adam", "momentum", "sgd"],
    "learning_rate": [1e-12, 0.1, 1e6],
    "label_smoothing": [0, 0.9],
    "batch_size": ["auto", 1, 7, 1000],
    "max_iter": [1, 3],
    "early_stopping": [True, False],
    "validation_fraction": [1e-6, 0.5, 0.99],
    "n_iter_no_change": [1],
    "n_estimators": [1, 2],
    "callbacks": [None, []],
}
TRANSFORMER_VALUES = {
    "target_type": ["auto"],
    "n_channels": [1, 3],
    "scaling": ["minmax", "quantile"],
}
# Values that each are refused, by the name of the parameter.
BAD_LEARNER_VALUES = {
    "n_knots": [1, 2.5, "many", (), (5, 1), None],
    "domain": [(1.0,), (1.0, -1.0), (np.nan, 1.0), (0.0, np.inf), ("a", "b"), 3, None],
    "init": ["nothing", 3, (), ("auto", 3)],
    "schedule": ["never", None],
    "n_restarts": [0, 1.5],
    "n_networks": [0, "all"],
    "unroll_steps": [0, (), None],
    "horizon": [0, 2.5],
    "n_outer_steps": [-1, "none"],
    "outer_learning_rate": [0, -1.0, np.nan, ()],
    "outer_step": ["long"],
    "hidden_layer_sizes": [(0,), (2.5,), ("a",), 4, None],
    "loss": ["hinge", None],
    "optimizer": ["lion", None],
    "learning_rate": [0, -0.1, np.nan, "small"],
    "batch_size": [0, 2.5, "auto"],
    "scaling": ["auto", 3],
    "sharing": ["unit"],
    "spectral_normalization": ["yes", None],
    "validation": [0.0, 1.5, (1, 2, 3), [], "rows"],
    "patience": [0],
    "target_type": ["ordinal"],
}
BAD_NETWORK_VALUES = {
    "hidden_layer_sizes": [(0,), (-3,), (2.5,), ("a",), 4, None],
    "activation": ["swish", 3, None, [], ["relu"], [SplineActivation.hat()] * 3],
    "prefactor": [0, -1, np.nan, "two"],
    "input_activations": ["both", 3, [], ["relu"], LearnedActivationMLPRegressor()],
    "sharing": ["unit", None],
    "learner": ["fast", 3],
    "scaling": ["log", 3],
    "optimizer": ["lion", None],
    "learning_rate": [0, -0.1, np.nan, None],
    "label_smoothing": [1, -0.1, np.nan],
    "batch_size": [0, 2.5, None],
    "max_iter": [0, 2.5],
    "early_stopping": ["yes", None],
    "validation_fraction": [0, 1, -0.5, np.nan],
    "n_iter_no_change": [0],
    "n_estimators": [0, 1.5],
    "callbacks": [3, "print"],
    "time_limit": [0, -1, "soon"],
    "checkpoint": [3],
    "device": ["abacus", 3],
    "random_state": [-1, "chance", 0.5],
    "verbose": ["loud", -1],
}
BAD_TRANSFORMER_VALUES = {
    "learner": ["fast", 3],
    "target_type": ["ordinal", None],
    "n_channels": [0, 2.5, None],
    "scaling": ["log", None, "standard"],
    "device": ["abacus", 3],
    "random_state": [-1, "chance"],
    "verbose": ["loud", -1],
}
BAD_WEIGHTS = ["negative", "nan weight", "infinite weight", "no weight", "short weights"]
BAD_TARGETS = ["one class", "nan target", "infinite target", "short target", "no target"]
BAD_COLUMNS = ["infinity", "text", "complex", "sparse"]
BAD_COLUMNS += ["one row", "no rows", "no columns", "flat"]
CONTAINERS = ["array", "float32", "float16", "int64", "bool", "fortran", "list", "object"]
CONTAINERS += ["reversed", "read-only", "frame", "nullable frame", "mixed frame", "polars"]
# What the message of an error about data speaks of.
DATA_WORDS = (
    r"\bX\b|\by\b|NaN|infinity|sample|feature|row|class|label|target|array|weight|dimension|dtype"
    r"|float|string|Complex data"
)


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


# What the caller may have set when a fit begins, or a prediction.
SURROUNDINGS = [contextlib.nullcontext] * 4 + [
    partial(sklearn.config_context, transform_output="pandas"),
    partial(sklearn.config_context, transform_output="polars"),
    partial(sklearn.config_context, assume_finite=True, enable_metadata_routing=True),
    partial(default_dtype, torch.float64),
    partial(default_dtype, torch.float16),
    torch.no_grad,
    torch.inference_mode,
    partial(torch.device, "meta"),
    partial(torch.autocast, "cpu"),
    partial(np.errstate, all="raise"),
]


class Case(NamedTuple):
    """An estimator and its data, and what must be in an error's message."""

    estimator: Any
    X: Any
    y: Any
    sample_weight: Any
    cause: str | None  # a pattern; None: nothing is wrong with certainty
    groups: Any = None
    surroundings: Any = contextlib.nullcontext  # settings of other libraries


def changes(values):
    """Draw some parameters' values from a table."""
    options = {name: st.sampled_from(choice) for name, choice in values.items()}
    return st.lists(st.sampled_from(sorted(values)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: options[name] for name in names})
    )


@st.composite
def bad_value(draw, values):
    name = draw(st.sampled_from(sorted(values)))
    return {name: draw(st.sampled_from(values[name]))}


@st.composite
def estimators(draw, estimator_class, breaks):
    """Draw an estimator; with one bad parameter, its name comes along."""
    is_network = estimator_class is not IAFTransformer
    tiny = TINY_NETWORK if is_network else TINY_TRANSFORMER
    good = NETWORK_VALUES if is_network else TRANSFORMER_VALUES
    bad = BAD_NETWORK_VALUES if is_network else BAD_TRANSFORMER_VALUES
    learner = TINY_LEARNER | draw(changes(LEARNER_VALUES))
    own = tiny | draw(changes(good)) | {"random_state": draw(st.integers(0, 9))}
    if breaks is not None and own.get("sharing") == "layer":  # only one thing is to be wrong
        learner["hidden_layer_sizes"] = (4,) * len(own["hidden_layer_sizes"]) or (4,)
    broken = {}
    if breaks == "learner":
        broken = draw(bad_value(BAD_LEARNER_VALUES))
        learner |= broken
    own["learner"] = ActivationLearner(**learner)
    if breaks == "estimator":
        broken = draw(bad_value(bad))
        own |= broken
    return estimator_class(**own), next(iter(broken), None)


def table(rng, n_rows, kinds):
    """Return columns (n, d) of the given kinds."""
    columns = []
    for kind in kinds:
        column = rng.normal(size=n_rows)
        if kind == "constant":
            column[:] = 7.0
        elif kind == "duplicate" and columns:
            column = columns[0].copy()
        elif kind == "integer":
            column = np.round(2 * column)
        elif kind == "skewed":
            column = np.exp(10 * column)
        elif kind in ("1e300", "1e-300", "1e30", "1e-30"):
            column *= float(kind)
        elif kind == "offset":
            column = 1e9 + column
        elif kind in ("binary", "mostly zero"):
            column = (column > {"binary": 0, "mostly zero": 1.5}[kind]).astype(float)
        columns.append(column)
    return np.stack(columns, axis=1)


KINDS = ["normal", "constant", "duplicate", "integer", "skewed", "1e300", "1e-300", "1e30", "1e-30"]
KINDS += ["offset", "binary", "binary", "mostly zero"]


def targets(rng, X, estimator_class, kind):
    """Return targets (n,) of a kind that an estimator can take."""
    values = X.mean(1) / (np.abs(X).max() or 1.0) + 0.1 * rng.normal(size=len(X))
    if estimator_class is LearnedActivationMLPRegressor or kind == "values":
        values *= {"huge": 1e100, "tiny": 1e-100}.get(kind, 1.0)
        return np.stack([values, -values], axis=1) if kind == "two columns" else values
    n_classes = 3 if kind == "three" and len(X) > 5 else 2
    numbers = np.argsort(np.argsort(values)) * n_classes // len(values)
    if kind == "strings":
        return np.array(["no", "yes", "perhaps"], dtype=object)[numbers]
    return numbers == 1 if kind == "booleans" else numbers


def spoil_columns(X, y, problem):
    """Return data with something wrong in X."""
    if problem == "infinity":
        X[len(X) // 2, -1] = -np.inf
    elif problem == "text":
        X = X.astype(object)
        X[0, 0] = "a word"
    elif problem == "complex":
        X = X + 1j
    elif problem == "sparse":
        X = sparse.csr_array(X)
    elif problem in ("one row", "no rows"):
        n_rows = 1 if problem == "one row" else 0
        X, y = X[:n_rows], y[:n_rows]
    elif problem == "no columns":
        X = X[:, :0]
    elif problem == "flat":
        X = X[:, 0]
    return X, y


def spoil_targets(y, problem):
    """Return targets with something wrong."""
    if problem == "one class":
        return np.full(len(y), "same")
    if problem in ("nan target", "infinite target"):
        y = np.arange(len(y)) / 1 if y.dtype == object else y.astype(np.float64)
        y[0] = {"nan target": np.nan, "infinite target": np.inf}[problem]
        return y
    return y[:-1] if problem == "short target" else None


def spoilt_weights(n_rows, problem):
    """Return weights with something wrong."""
    weights = np.ones(n_rows)
    if problem == "no weight":
        weights[:] = 0
    elif problem == "short weights":
        return weights[:-1]
    else:
        values = {"negative": -1.0, "nan weight": np.nan, "infinite weight": np.inf}
        weights[-1] = values[problem]
    return weights


@st.composite
def cases(draw):
    """Draw a case; at most one thing is wrong in it for certain."""
    estimator_class = draw(st.sampled_from(ESTIMATORS))
    breaks = draw(
        st.sampled_from([None] * 6 + ["estimator", "learner", "columns", "targets", "weights"])
    )
    estimator, cause = draw(estimators(estimator_class, breaks))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows = draw(st.sampled_from([3, 5, 10, 30, 99, 101, 130]))
    X = table(rng, n_rows, draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4)))
    kinds = ["two", "three", "strings", "booleans", "values", "two columns", "huge", "tiny"]
    kind = draw(st.sampled_from(kinds))
    y = targets(rng, X, estimator_class, kind)
    weights = draw(st.sampled_from([None, None, "ones", "zeros", "uneven", "heavy", "huge"]))
    if weights is not None:
        weights = {
            "ones": np.ones(n_rows),
            "zeros": (np.arange(n_rows) % 3 > 0).astype(float),
            "uneven": 10.0 ** rng.integers(-6, 6, size=n_rows),
            "heavy": np.where(np.arange(n_rows) == n_rows // 2, 1e4, 1.0),
            "huge": np.full(n_rows, 1e307),
        }[weights]
    container = draw(st.sampled_from(CONTAINERS))
    if breaks == "columns":
        X, y = spoil_columns(X, y, draw(st.sampled_from(BAD_COLUMNS)))
        weights, cause = None, DATA_WORDS
    elif breaks == "targets":
        # One value is a fair target of regression.
        problems = BAD_TARGETS[estimator_class is LearnedActivationMLPRegressor :]
        y, cause = spoil_targets(y, draw(st.sampled_from(problems))), DATA_WORDS
    elif breaks == "weights":
        weights = spoilt_weights(n_rows, draw(st.sampled_from(BAD_WEIGHTS)))
        cause = DATA_WORDS
    groups = np.arange(n_rows) % 7 if breaks is None and draw(st.booleans()) else None
    surroundings = draw(st.sampled_from(SURROUNDINGS))
    return Case(estimator, contained(X, container), y, weights, cause, groups, surroundings)


def contained(X, container):
    """Return X as another type of table."""
    if not isinstance(X, np.ndarray) or X.dtype.kind != "f":
        return X.tolist() if container == "list" and isinstance(X, np.ndarray) else X
    if container in ("float32", "float16"):
        largest = np.finfo(container).max
        return np.where(np.isfinite(X), np.clip(X, -largest, largest), X).astype(container)
    if container in ("int64", "bool") and np.isfinite(X).all():
        return np.clip(X, -1e18, 1e18).astype(np.int64) if container == "int64" else X > 0
    if container == "reversed":
        return X[::-1].copy()[::-1]
    if container == "read-only":
        X.flags.writeable = False
    if container == "fortran":
        return np.asfortranarray(X)
    if "frame" in container and X.ndim == 2 and X.shape[1]:
        frame = pd.DataFrame(X, columns=[f"column {n}" for n in range(X.shape[1])])
        if container != "mixed frame":
            return frame.astype("Float64") if container == "nullable frame" else frame
        return frame.assign(count=range(len(X)), even=np.arange(len(X)) % 2 == 0)
    if container == "polars" and X.ndim == 2:
        return pl.DataFrame(X, schema=[f"column {n}" for n in range(X.shape[1])])
    return {"list": X.tolist, "object": lambda: X.astype(object)}.get(container, lambda: X)()


def check(case):
    """Fit; check the predictions, or the error's message."""
    try:
        with warnings.catch_warnings(), case.surroundings():
            # The squares of numbers about 1e300 overflow in scalers.
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.filterwarnings("ignore", "The least populated class")  # of cross-validation
            model = case.estimator.fit(
                case.X, case.y, sample_weight=case.sample_weight, groups=case.groups
            )
    except (ValueError, TypeError) as error:
        check_message(str(error), case)
        return
    assert case.cause is None, f"no error that names {case.cause}"
    with case.surroundings():
        for X in (case.X, case.X[:1], case.X[::-1]):
            check_outputs(model, X)


def check_message(message, case):
    """See that an error names what is wrong."""
    names = {name.split("__")[-1] for name in case.estimator.get_params()}
    named = case.cause or "|".join([DATA_WORDS, *sorted(names)])
    assert re.search(named, message), f"{message} does not name {named}"


def check_outputs(model, X):
    """See that predictions of all kinds are finite, one for each row."""
    methods = ("predict", "predict_proba", "decision_function", "transform")
    found = {name: getattr(model, name)(X) for name in methods if hasattr(model, name)}
    for values in found.values():
        values = np.asarray(values)  # the transformer's may be a frame
        assert len(values) == len(X)
        if values.dtype.kind == "f":
            assert np.isfinite(values).all()
    if "predict_proba" in found:
        assert set(found["predict"]) <= set(model.classes_)


ANY_CASE = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@settings(ANY_CASE, max_examples=300)
@given(cases())
def test_a_finite_model_or_an_error_that_names_its_cause(case):
    check(case)


@pytest.mark.slow
@settings(ANY_CASE, max_examples=2000)
@given(cases())
def test_many_finite_models_or_errors_that_name_their_cause(case):
    check(case)
