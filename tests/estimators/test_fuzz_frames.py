"""Frames with categories and gaps: a finite model, or an error that names its cause.

`pytest -m slow tests/estimators/test_fuzz_frames.py` tries 500 cases.
"""

import copy
import re
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from test_fuzz import (
    ANY_CASE,
    ESTIMATORS,
    TINY_LEARNER,
    TINY_NETWORK,
    TINY_TRANSFORMER,
    check_outputs,
    targets,
)

from skibias import ActivationLearner, IAFTransformer, LearnedActivationMLPClassifier

LEARNER = ActivationLearner(**TINY_LEARNER)
PATTERNS = ["few", "few", "rare", "distinct", "one level", "empty", "late"]
GAPS = [0.0, 0.0, 0.2, "first", "all but one"]
# What learning says of the smallest tables.
TOO_FEW = "Learning needs at least two rows|'groups' parameter must leave learning at least two"
UNSEEN = {"text": ["", "unseen"], "flags": [], "counts": [-7, 10**9], "numbers": [-1e6, 0.1]}


class Column(NamedTuple):
    """Values of one kind, which several types of columns can hold."""

    kind: str  # "text", "flags", "counts" or "numbers"
    values: list  # None where missing

    @property
    def has_gaps(self):
        return None in self.values

    @property
    def distinct(self):
        """The values in the order in which they come first."""
        return list(dict.fromkeys(value for value in self.values if value is not None))


def column(rng, kind, pattern, gaps, n_rows):
    """Return a column of a kind; "late" is a level in the last three rows alone."""
    numbers = {
        "few": rng.integers(0, 3, n_rows),
        "rare": rng.geometric(0.3, n_rows),
        "distinct": rng.permutation(n_rows),
        "late": np.arange(n_rows) >= n_rows - 3,
    }.get(pattern, np.zeros(n_rows, dtype=int))
    values = [typed(kind, int(number)) for number in numbers]
    if gaps == "all but one":
        values[1:] = [None] * (n_rows - 1)
    is_gap = rng.random(n_rows) < gaps if isinstance(gaps, float) else np.arange(n_rows) == 0
    if gaps != "all but one":
        values = [None if gap else value for gap, value in zip(is_gap, values, strict=True)]
    return Column(kind, [None] * n_rows if pattern == "empty" else values)


def typed(kind, number):
    if kind == "text":
        return f"label {number}"
    return {"flags": number % 2 == 1, "counts": number, "numbers": 0.37 * number - 1.0}[kind]


def later(rng, own):
    """Return a column of the same kind with unseen values and gaps, four rows long."""
    known = own.distinct + UNSEEN[own.kind] or [typed(own.kind, 0)]
    values = [known[number] for number in rng.integers(0, len(known), 3)]
    return Column(own.kind, [*values, None])


# Types of columns, by library and kind. Each makes a column of the library.


def pandas_category(own, rng, *, unused=False, ordered=False):
    levels = own.distinct + ([typed(own.kind, 99)] if unused else [])
    levels = list(dict.fromkeys(levels))
    rng.shuffle(levels)
    return pd.Series(pd.Categorical(own.values, categories=levels, ordered=ordered))


def pandas_type(dtype):
    return lambda own, rng: pd.Series(own.values, dtype=dtype)


def polars_type(dtype):
    return lambda own, rng: pl.Series(own.values, dtype=dtype, strict=False)


def polars_enum(own, rng):
    return pl.Series(own.values, dtype=pl.Enum(own.distinct[::-1]))


def without_gaps(dtype):
    """A type that knows no gaps; another one where there are some."""
    return lambda own, rng: pd.Series(own.values, dtype=object if own.has_gaps else dtype)


def with_unused(own, rng):
    return pandas_category(own, rng, unused=True)


def with_order(own, rng):
    return pandas_category(own, rng, ordered=True)


CATEGORIES = [pandas_category, with_unused, with_order]
TYPES = {
    "pandas": {
        "text": [*map(pandas_type, (object, "str", "string", "string[pyarrow]")), *CATEGORIES],
        "flags": [pandas_type(object), pandas_type("boolean"), without_gaps(bool), pandas_category],
        "counts": [
            *map(pandas_type, ("Int64", "float", "int64[pyarrow]", object)),
            without_gaps("int64"),
            with_unused,
        ],
        "numbers": list(map(pandas_type, ("float", "Float64", "double[pyarrow]", object))),
    },
    "polars": {
        "text": [polars_type(pl.String), polars_type(pl.Categorical), polars_enum],
        "flags": [polars_type(pl.Boolean)],
        "counts": list(map(polars_type, (pl.Int64, pl.Int32, pl.Float64))),
        "numbers": [polars_type(pl.Float64)],
    },
}


def frame(columns, library, rng):
    """Return columns as a table of a library, each in a type that is drawn."""
    if library in TYPES:
        own = TYPES[library]
        series = [own[part.kind][rng.integers(len(own[part.kind]))](part, rng) for part in columns]
        named = {f"column {number}": part for number, part in enumerate(series)}
        if library == "polars":
            return pl.DataFrame(named)
        table = pd.DataFrame(named)
        return table.set_index(rng.integers(0, 5, len(table)))
    rows = [list(row) for row in zip(*(own.values for own in columns), strict=True)]
    if library == "list":
        return rows
    table = np.empty((len(rows), len(columns)), dtype=object)
    table[:] = rows
    if library == "array with NA":
        table[pd.isna(table)] = pd.NA
    return table


LIBRARIES = ["pandas", "pandas", "pandas", "polars", "array", "array with NA", "list"]


class Case(NamedTuple):
    """An estimator, its data, tables to predict later, and what must be in an error's message."""

    estimator: Any
    X: Any
    y: Any
    later: list
    fit_parameters: dict
    inputs: str | None  # "frozen" or "list": functions of a transformer that is fitted first
    cause: str | None  # a pattern; None: nothing is wrong


def chosen(draw, columns, library):
    """Draw ``categorical_features``, and the cause where text is to be read as numbers."""
    kind = draw(st.sampled_from(["from_dtype"] * 4 + ["mask", "numbers", "names", "none"]))
    if kind == "from_dtype":
        return "from_dtype", None
    if kind == "none":
        mask = [False] * len(columns)
    else:
        mask = [own.kind == "text" or draw(st.booleans()) for own in columns]
    texts = [own for own, is_chosen in zip(columns, mask, strict=True) if not is_chosen]
    cause = None
    if any(own.kind == "text" and own.distinct for own in texts):
        cause = "must hold numbers. Got 'label .*' in column"
    numbers = np.flatnonzero(mask).tolist()
    if kind == "names" and library in TYPES:
        return [f"column {number}" for number in numbers], cause
    return {"none": None, "mask": mask}.get(kind, numbers), cause


def sample_weights(rng, kind, n_rows):
    """Return weights; "zeros" leave nothing of a level that is in the last rows alone."""
    return {
        "zeros": (np.arange(n_rows) < max(2, n_rows - 3)).astype(float),
        "uneven": 10.0 ** rng.integers(-6, 6, size=n_rows),
        "heavy": np.where(np.arange(n_rows) == n_rows // 2, 1e4, 1.0),
    }.get(kind)


@st.composite
def cases(draw):
    """Draw a case."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows = draw(st.sampled_from([2, 3, 6, 20, 60, 60, 99, 101, 150]))
    parts = st.tuples(*map(st.sampled_from, (sorted(UNSEEN), PATTERNS, GAPS)))
    columns = [column(rng, *part, n_rows) for part in draw(st.lists(parts, min_size=1, max_size=4))]
    library = draw(st.sampled_from(LIBRARIES))
    categorical_features, cause = chosen(draw, columns, library)
    estimator_class = draw(st.sampled_from(ESTIMATORS))
    kinds = ["two", "three", "strings", "booleans"]
    if estimator_class is not LearnedActivationMLPClassifier:
        kinds += ["values", "two columns"]
    y = targets(rng, rng.normal(size=(n_rows, 2)), estimator_class, draw(st.sampled_from(kinds)))
    own, inputs = draw(parameters(estimator_class, y))
    own["categorical_features"] = categorical_features
    weights = draw(st.sampled_from([None, None, "zeros", "uneven", "heavy"]))
    fit_parameters = {
        "sample_weight": sample_weights(rng, weights, n_rows),
        "groups": np.arange(n_rows) % 7 if draw(st.booleans()) else None,
    }
    X, new = frame(columns, library, rng), [later(rng, own) for own in columns]
    other = draw(st.sampled_from(sorted(TYPES))) if library in TYPES else library
    tables = [X[:1], frame(new, library, rng), frame(new, other, rng)]
    return Case(estimator_class(**own), X, y, tables, fit_parameters, inputs, cause)


@st.composite
def parameters(draw, estimator_class, y):
    """Draw an estimator's parameters, and whether its input functions are fitted first."""
    own = {"learner": LEARNER, "random_state": draw(st.integers(0, 9))}
    if estimator_class is IAFTransformer:
        return own | TINY_TRANSFORMER | {"n_channels": draw(st.sampled_from([1, 3]))}, None
    values = {
        "hidden_layer_sizes": [(), (4,), (3, 3)],
        "activation": ["auto", "relu", "tanh", "learned"],
        "input_activations": ["auto", "learned", None, IAFTransformer(LEARNER, n_channels=1)],
        "scaling": ["auto", "minmax", "standard", None],
        "n_estimators": [1, 2],
        "early_stopping": [True, False],
    }
    if estimator_class is LearnedActivationMLPClassifier:
        values["class_weight"] = [None, "balanced", {y[0]: 2.5}]
    drawn = draw(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in values.items()}))
    return own | TINY_NETWORK | drawn, draw(st.sampled_from([None, None, "frozen", "list"]))


def assert_same_table(X, before):
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X, before)
    elif isinstance(X, pl.DataFrame):
        assert X.equals(before)
        assert X.schema == before.schema
    else:
        assert repr(X) == repr(before)


def fitted(case):
    """Fit the estimator, and first the transformer whose functions it takes."""
    model = case.estimator
    if case.inputs is not None:
        chosen = model.categorical_features
        own = IAFTransformer(LEARNER, **TINY_TRANSFORMER, categorical_features=chosen)
        own.fit(case.X, np.arange(len(case.y)) / len(case.y))
        functions = FrozenEstimator(own) if case.inputs == "frozen" else own.activations_
        model.set_params(input_activations=functions)
    return model.fit(case.X, case.y, **case.fit_parameters)


def check(case):
    """Fit; check the predictions, or the error's message."""
    before = copy.deepcopy(case.X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            model = fitted(case)
        except (ValueError, TypeError) as error:
            assert_same_table(case.X, before)
            if not re.search(case.cause or TOO_FEW, str(error)):
                raise
            return
        assert_same_table(case.X, before)
        assert case.cause is None, f"no error that says {case.cause}"
        check_outputs(model, case.X)
        for X in case.later:
            before = copy.deepcopy(X)
            check_outputs(model, X)
            assert_same_table(X, before)


@settings(ANY_CASE, max_examples=60)
@given(cases())
def test_a_finite_model_or_an_error_that_names_its_cause(case):
    check(case)


@pytest.mark.slow
@settings(ANY_CASE, max_examples=500)
@given(cases())
def test_many_finite_models_or_errors_that_name_their_cause(case):
    check(case)
