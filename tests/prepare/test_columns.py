"""Columns that hold no numbers are named, with what to do; names of columns are compared."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)
from skibias._prepare.targets import value_encoding
from skibias.complexity import (
    axis_sharpness,
    geometric_complexity,
    sample_paths,
    tv_complexity,
)
from skibias.plots import (
    ActivationDisplay,
    ComplexityDisplay,
    FunctionSliceDisplay,
    LandscapeDisplay,
    TransferMatrixDisplay,
)

N = 40
RNG = np.random.default_rng(0)
SMALL = RNG.normal(size=N)
Y = np.arange(N) % 2
QUICK = ActivationLearner(n_outer_steps=2, n_restarts=1, horizon=4, hidden_layer_sizes=(4,))
NETWORK = {
    "hidden_layer_sizes": (4,),
    "activation": "relu",
    "max_iter": 2,
    "n_estimators": 1,
    "random_state": 0,
}
STAMPS = pd.Series(pd.date_range("2020-01-01", periods=N))
WITH_NAT = STAMPS.where(np.arange(N) > 3)
DAYS = [datetime.date(2020, 1, 1)] * N


def frame(column):
    return pd.DataFrame({"small": SMALL, "when": column})


def stamps_as(dtype):
    return frame(STAMPS.astype(dtype))


def array_of(column):
    array = np.empty((N, 2), dtype=object)
    array[:, 0], array[:, 1] = SMALL, column
    return array


DATED = {
    "dates": frame(STAMPS),
    "a missing date": frame(WITH_NAT),
    "time zone": frame(STAMPS.dt.tz_localize("Europe/Berlin")),
    "durations": frame(STAMPS - STAMPS[0]),
    "periods": frame(STAMPS.dt.to_period("M")),
    "dates of Python": frame(DAYS),
    "categories of dates": frame(STAMPS.astype("category")),
    "NaT only": frame(pd.Series([pd.NaT] * N, dtype=object)),
    "arrow": stamps_as("timestamp[ns][pyarrow]"),
    "arrow, time zone": stamps_as("timestamp[ns, UTC][pyarrow]"),
    "arrow, days": frame(pd.Series(DAYS, dtype="date32[day][pyarrow]")),
    "arrow, durations": frame((STAMPS - STAMPS[0]).astype("duration[ns][pyarrow]")),
    "arrow, times": frame(pd.Series([datetime.time(3)] * N, dtype="time64[us][pyarrow]")),
    "polars dates": pl.DataFrame({"small": SMALL, "when": DAYS}),
    "polars missing dates": pl.DataFrame(
        {"small": SMALL, "when": pl.Series([None] * N, dtype=pl.Date)}
    ),
    "polars datetimes": pl.DataFrame({"small": SMALL, "when": STAMPS.tolist()}),
    "polars durations": pl.DataFrame({"small": SMALL, "when": [datetime.timedelta(3)] * N}),
    "polars times": pl.DataFrame({"small": SMALL, "when": [datetime.time(3)] * N}),
}
DATED_ARRAYS = {
    "datetime64": np.stack([STAMPS.to_numpy()] * 2, axis=1),
    "timedelta64": np.full((N, 2), np.timedelta64(3, "D")),
    "objects": array_of(DAYS),
    "NaT": array_of([pd.NaT] * N),
    "stamps": array_of(STAMPS.tolist()),
    "durations of numpy": array_of([np.timedelta64(3, "D")] * N),
    "list": [[small, day] for small, day in zip(SMALL, DAYS, strict=True)],
}
DOORS = {
    "classifier": lambda X: LearnedActivationMLPClassifier(**NETWORK).fit(X, Y),
    "regressor": lambda X: LearnedActivationMLPRegressor(**NETWORK).fit(X, SMALL),
    "transformer": lambda X: IAFTransformer(QUICK).fit(X, Y),
    "learner": lambda X: QUICK.learn(X, Y),
    "pairs": lambda X: QUICK.learn([(X, Y)]),
    "validation": lambda X: (
        clone(QUICK).set_params(validation=(X, Y)).learn(RNG.normal(size=(N, 2)), Y)
    ),
    "paths": lambda X: sample_paths(X),
    "complexity": lambda X: tv_complexity(lambda points: points, X, Y),
    "slopes": lambda X: geometric_complexity(lambda points: points, X),
    "sharpness": lambda X: axis_sharpness(lambda points: points, X),
    "slice": lambda X: FunctionSliceDisplay.from_estimator(lambda points: points, X),
}


@pytest.mark.filterwarnings("ignore:X has feature names")  # of validation beside an array
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", DATED)
def test_dates_are_refused_by_the_name_of_their_column(name, door):
    with pytest.raises(ValueError, match=r"must hold numbers.*'when' instead: turn them into num"):
        DOORS[door](DATED[name])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", DATED_ARRAYS)
def test_dates_in_arrays_are_refused_by_the_number_of_their_column(name, door):
    with pytest.raises(ValueError, match=r"must hold numbers.*dates or times.*in column [01]"):
        DOORS[door](DATED_ARRAYS[name])


@pytest.fixture(scope="module")
def fitted():
    X = frame(SMALL[::-1])
    return {
        "classifier": LearnedActivationMLPClassifier(**NETWORK).fit(X, Y),
        "regressor": LearnedActivationMLPRegressor(**NETWORK).fit(X, SMALL),
        "transformer": IAFTransformer(QUICK, random_state=0).fit(X, Y),
    }


METHODS = [("classifier", "predict"), ("classifier", "predict_proba")]
METHODS += [("classifier", "decision_function"), ("classifier", "hidden_representation")]
METHODS += [("regressor", "predict"), ("transformer", "transform")]


@pytest.mark.parametrize("name", ["a missing date", "durations", "polars dates", "arrow"])
@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_dates_are_refused_after_the_fit_as_well(kind, method, name, fitted):
    with pytest.raises(ValueError, match="must hold numbers.*'when'"):
        getattr(fitted[kind], method)(DATED[name])


TEXTS = {
    "strings": (frame(["m", "f"] * (N // 2)), "'m' in column 'when'"),
    "arrow": (
        frame(pd.Series(["m", "f"] * (N // 2), dtype="string[pyarrow]")),
        "'m' in column 'when'",
    ),
    "categories": (frame(pd.Categorical(["m", "f"] * (N // 2))), "'m' in column 'when'"),
    "polars": (pl.DataFrame({"small": SMALL, "when": ["m"] * N}), "'m' in column 'when'"),
    "objects": (array_of(["m"] * N), "'m' in column 1"),
    "text": (np.array([["1.5", "m"]] * N), "'m'.* in column 1"),
    "list": ([[1.5, "m"]] * N, "'m'.* in column 1"),
    "after numbers": (array_of(["3"] * (N - 1) + ["m"]), "'m' in column 1"),
}


NUMBERS = NETWORK | {"categorical_features": None}
MEASURES = ("paths", "complexity", "slopes", "sharpness", "slice")  # take categories and gaps
DOORS_FOR_NUMBERS = {name: door for name, door in DOORS.items() if name not in MEASURES} | {
    "classifier": lambda X: LearnedActivationMLPClassifier(**NUMBERS).fit(X, Y),
    "regressor": lambda X: LearnedActivationMLPRegressor(**NUMBERS).fit(X, SMALL),
    "transformer": lambda X: IAFTransformer(QUICK, categorical_features=None).fit(X, Y),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("door", DOORS_FOR_NUMBERS)
@pytest.mark.parametrize("name", TEXTS)
def test_text_is_refused_by_the_name_of_its_column(name, door):
    X, found = TEXTS[name]
    with pytest.raises(ValueError, match=f"must hold numbers. Got .*{found} instead.*OneHotEncod"):
        DOORS_FOR_NUMBERS[door](X)


@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_text_is_refused_after_the_fit_as_well(kind, method, fitted):
    with pytest.raises(ValueError, match="must hold numbers in column 'when', as in fit. Got text"):
        getattr(fitted[kind], method)(TEXTS["strings"][0])


def test_what_is_neither_text_nor_number_is_named_too():
    with pytest.raises(TypeError, match=r"Got \{\} in column 1 instead"):
        DOORS["classifier"](array_of([{}] * N))
    with pytest.raises(ValueError, match=r"Got 1000.* in column 1 instead"):
        DOORS["classifier"](array_of([10**400] * N))


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "convert", [np.array, np.ndarray.tolist, frame], ids=["array", "list", "frame"]
)
def test_complex_numbers_are_refused(convert, door):
    X = convert(np.full(N, 1j)) if convert is frame else convert(np.full((N, 2), 1j))
    with pytest.raises(ValueError, match="Complex data not supported"):
        DOORS[door](X)


def test_numbers_as_text_and_other_faults_are_as_before():
    X = array_of([f"{number}" for number in range(N)])
    assert DOORS["classifier"](X).categories_[0] is None
    assert DOORS_FOR_NUMBERS["classifier"](X).categories_ == [None, None]
    with pytest.raises(ValueError, match="infinity"):
        DOORS["classifier"](frame([np.inf] * N))
    with pytest.raises(ValueError, match="Complex data not supported"):
        DOORS["classifier"](np.full((N, 2), 1j))


# Targets and weights


@pytest.mark.parametrize(
    "y",
    [STAMPS, STAMPS.to_numpy(), WITH_NAT, STAMPS - STAMPS[0], DAYS, pl.Series(DAYS)],
    ids=["series", "array", "NaT", "durations", "list", "polars"],
)
def test_dates_are_no_values_of_a_regression(y):
    X = RNG.normal(size=(N, 2))
    with pytest.raises(ValueError, match="'y' parameter.*must hold numbers.*dates or times"):
        LearnedActivationMLPRegressor(**NETWORK).fit(X, y)
    with pytest.raises(ValueError, match="'y' parameter|'target_type'|label type"):
        IAFTransformer(QUICK, target_type="continuous").fit(X, y)
    with pytest.raises(ValueError, match="'y' parameter|label type"):
        clone(QUICK).set_params(target_type="continuous").learn(X, y)


def test_dates_are_labels_as_for_classifiers_of_scikit_learn():
    X = RNG.normal(size=(N, 2))
    y = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")[Y]
    model = LearnedActivationMLPClassifier(**NETWORK).fit(X, y)
    assert set(model.predict(X)) <= set(y) == set(model.classes_)
    y[0] = np.datetime64("NaT")
    with pytest.raises(ValueError, match="'y' parameter.*missing labels. Got NaT"):
        LearnedActivationMLPClassifier(**NETWORK).fit(X, y)
    for labels in (DAYS, STAMPS.dt.to_period("D"), STAMPS.dt.tz_localize("UTC")):
        with pytest.raises(ValueError, match="'y' parameter.*array of datetime64"):
            LearnedActivationMLPClassifier(**NETWORK).fit(X, labels)


def test_text_is_no_value_of_a_regression():
    X = RNG.normal(size=(N, 2))
    with pytest.raises(ValueError, match="'y' parameter must hold numbers.*'high'"):
        LearnedActivationMLPRegressor(**NETWORK).fit(X, ["high"] * N)


@pytest.mark.parametrize("weights", [STAMPS, STAMPS.to_numpy(), STAMPS - STAMPS[0], DAYS])
def test_dates_are_no_weights(weights):
    X = RNG.normal(size=(N, 2))
    for fit in (
        LearnedActivationMLPClassifier(**NETWORK).fit,
        LearnedActivationMLPRegressor(**NETWORK).fit,
        IAFTransformer(QUICK).fit,
        QUICK.learn,
    ):
        with pytest.raises(ValueError, match="'sample_weight' parameter.*must hold numbers"):
            fit(X, Y, sample_weight=weights)


def test_text_is_no_weight():
    with pytest.raises(ValueError, match="'sample_weight' parameter.*Got 'heavy' instead"):
        LearnedActivationMLPClassifier(**NETWORK).fit(frame(SMALL), Y, ["heavy"] * N)


def test_dates_are_no_arguments_of_a_spline():
    with pytest.raises(ValueError, match="'x' parameter of SplineActivation must hold numbers"):
        SplineActivation.hat()(STAMPS.to_numpy())
    with pytest.raises(ValueError, match="Complex data.*'x' parameter of SplineActivation"):
        SplineActivation.hat()(1j)
    with pytest.raises(ValueError, match="'scores' parameter of Transfer.*must hold numbers"):
        TransferMatrixDisplay(np.array([["2020"]], dtype="datetime64[D]"))
    with pytest.raises(ValueError, match="'complexity' parameter of ComplexityD.*must hold num"):
        ComplexityDisplay(STAMPS, SMALL, DAYS, "tv")
    with pytest.raises(ValueError, match="'knots' parameter of SplineActivation.*must hold num"):
        SplineActivation(STAMPS.to_numpy()[:2], [0, 1])


@pytest.mark.filterwarnings("ignore:.*in reduce:RuntimeWarning")  # in a sum of scikit-learn
@pytest.mark.parametrize("size", [1e-250, 1e160, 1e200, 1e300, 8e307])
def test_large_and_small_values_are_fitted_like_others(size):
    X = RNG.normal(size=(200, 2))
    y = np.sin(X[:, 0])
    unit = 2.0 ** np.floor(np.log2(size))
    usual, scaled = (value_encoding(own, np.ones(200)) for own in (y, unit * y))
    np.testing.assert_array_equal(scaled.mean, unit * usual.mean)
    np.testing.assert_array_equal(scaled.scale, unit * usual.scale)
    model = LearnedActivationMLPRegressor(**NETWORK | {"max_iter": 60, "learning_rate": 0.01})
    model.fit(X, size * y)
    assert r2_score(y, model.predict(X) / size) > 0.8
    assert 0.5 < model.best_validation_score_ < 1


@pytest.mark.filterwarnings("ignore:.*in reduce:RuntimeWarning")  # in a sum of scikit-learn
def test_values_whose_range_overflows_are_refused_with_the_reason():
    with pytest.raises(ValueError, match="'y' parameter.*range.*1.8e"):
        LearnedActivationMLPRegressor(**NETWORK).fit(RNG.normal(size=(N, 2)), (2 * Y - 1) * 1.7e308)


# Names


WIDE = pd.DataFrame({"small": RNG.normal(size=120), "big": 1e4 + RNG.normal(size=120)})
LABELS = (WIDE.small > 0).astype(int)
OTHER_ORDER = WIDE[["big", "small"]]


@pytest.fixture(scope="module")
def functions():
    return IAFTransformer(QUICK, random_state=0).fit(WIDE, LABELS)


def with_inputs(functions):
    return LearnedActivationMLPClassifier(**NETWORK, input_activations=FrozenEstimator(functions))


def test_names_of_a_frozen_transformer_are_compared(functions):
    with pytest.raises(ValueError, match="must be in the same order"):
        with_inputs(functions).fit(OTHER_ORDER, LABELS)
    with pytest.raises(ValueError, match="unseen at fit time:\n- other"):
        with_inputs(functions).fit(WIDE.rename(columns={"big": "other"}), LABELS)
    assert with_inputs(functions).fit(pl.DataFrame(WIDE.to_dict("list")), LABELS).n_iter_ == 2


def test_names_on_one_side_only_warn_as_in_scikit_learn(functions):
    with pytest.warns(UserWarning, match="X does not have valid feature names, but IAFTransformer"):
        with_inputs(functions).fit(WIDE.to_numpy(), LABELS)
    nameless = IAFTransformer(QUICK, random_state=0).fit(WIDE.to_numpy(), LABELS)
    with pytest.warns(UserWarning, match="X has feature names, but IAFTransformer was fitted with"):
        with_inputs(nameless).fit(WIDE, LABELS)


def test_names_of_validation_rows_are_compared():
    learner = clone(QUICK).set_params(validation=(OTHER_ORDER, LABELS))
    network = LearnedActivationMLPClassifier(**NETWORK | {"activation": "learned"}, learner=learner)
    behind = LearnedActivationMLPClassifier(**NETWORK, input_activations=IAFTransformer(learner))
    for fit in (learner.learn, network.fit, IAFTransformer(learner).fit, behind.fit):
        with pytest.raises(ValueError, match="(?s)'validation' parameter.*in the same order"):
            fit(WIDE, LABELS)
        with pytest.warns(UserWarning, match="X has feature names, but ActivationLearner"):
            fit(WIDE.to_numpy(), LABELS)
    for same in (WIDE, pl.DataFrame(WIDE.to_dict("list"))):
        learner.set_params(validation=(same, LABELS)).learn(WIDE, LABELS)


@pytest.mark.usefixtures("closed_figures")
def test_measures_and_displays_compare_names(functions):
    model = LearnedActivationMLPClassifier(**NETWORK).fit(WIDE, LABELS)
    paths = sample_paths(OTHER_ORDER, LABELS)
    for call in (
        lambda: tv_complexity(model, OTHER_ORDER, LABELS),
        lambda: geometric_complexity(model, OTHER_ORDER),
        lambda: axis_sharpness(model, OTHER_ORDER),
        lambda: tv_complexity(model, paths),
        lambda: FunctionSliceDisplay.from_estimator(model, OTHER_ORDER),
        lambda: LandscapeDisplay.from_estimator(model, OTHER_ORDER, LABELS),
        lambda: ActivationDisplay.from_estimator(model, OTHER_ORDER),
        lambda: ActivationDisplay.from_estimator(functions, OTHER_ORDER),
    ):
        with pytest.raises(ValueError, match="must be in the same order"):
            call()
    assert tv_complexity(model, pl.DataFrame(WIDE.to_dict("list")), LABELS) >= 0


def missing_among_numbers(value):
    return frame(pd.Series(SMALL, dtype=object).where(np.arange(N) != 3, value))


ESTIMATORS = ["classifier", "regressor", "transformer"]


@pytest.mark.filterwarnings("ignore:X has feature names")  # of validation beside an array
@pytest.mark.parametrize("door", [door for door in DOORS if door not in (*ESTIMATORS, *MEASURES)])
def test_missing_objects_among_numbers_are_named(door):
    X = missing_among_numbers(pd.NA)
    message = "NaN: the 'X' parameter of .* must not hold missing values. Got <NA> in column {}"
    with pytest.raises(ValueError, match=message.format("'when' instead")):
        DOORS[door](X)
    with pytest.raises(ValueError, match=message.format("1 instead")):
        DOORS[door](X.to_numpy())


@pytest.mark.parametrize("door", [*ESTIMATORS, "paths", "slice"])
def test_missing_objects_among_numbers_are_gaps(door):
    X = missing_among_numbers(pd.NA)
    DOORS[door](X)
    DOORS[door](X.to_numpy())


@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_missing_objects_are_gaps_after_the_fit_as_well(kind, method, fitted):
    call = getattr(fitted[kind], method)
    expected = call(missing_among_numbers(None).astype(float))
    np.testing.assert_array_equal(call(missing_among_numbers(pd.NA)), expected)


VALUE_LEARNER = clone(QUICK).set_params(target_type="continuous")
VALUE_DOORS = {
    "regressor": LearnedActivationMLPRegressor(**NETWORK).fit,
    "transformer": IAFTransformer(QUICK, target_type="continuous").fit,
    "learner": VALUE_LEARNER.learn,
}
TOO_LARGE = np.where(np.arange(N) == 3, np.longdouble("1e400"), SMALL.astype(np.longdouble))


@pytest.mark.skipif(not np.isfinite(TOO_LARGE).all(), reason="long double is float64")
@pytest.mark.parametrize("door", VALUE_DOORS)
def test_values_that_float64_does_not_have_are_not_called_infinite(door):
    with pytest.raises(
        ValueError, match=r"'y' parameter .*largest number of float64. Got .*e\+400"
    ):
        VALUE_DOORS[door](np.eye(N), TOO_LARGE)


@pytest.mark.parametrize("door", ["transformer", "learner"])
def test_integers_that_float64_does_not_have_are_named(door):
    y = np.array([10**400] + [1] * (N - 1), dtype=object)
    with pytest.raises(ValueError, match=r"'y' parameter .*largest number of float64. Got 1000"):
        VALUE_DOORS[door](np.eye(N), y)


FIT_DOORS = {
    **{name: DOORS[name] for name in ("classifier", "regressor", "transformer", "learner")},
    "learned inputs": lambda X: LearnedActivationMLPRegressor(
        **NETWORK | {"input_activations": "learned"}
    ).fit(X, SMALL),
}
LARGE = {
    "wide": np.where(Y, 1.7e308, -1.7e308),
    "positive": np.linspace(0.0, 1.7e308, N),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("door", FIT_DOORS)
@pytest.mark.parametrize("kind", LARGE)
def test_columns_too_large_for_scaling_are_refused_by_name(kind, door):
    message = "'X' parameter of .* between -8.9e307 and 8.9e307.* to 1.7e.308 in column {} instead"
    with pytest.raises(ValueError, match=message.format("'when'")):
        FIT_DOORS[door](frame(LARGE[kind]))
    with pytest.raises(ValueError, match=message.format(1)):
        FIT_DOORS[door](frame(LARGE[kind]).to_numpy())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # sums of all values overflow in scalers
@pytest.mark.parametrize("door", ["classifier", "regressor"])
def test_large_columns_below_that_are_fitted(door):
    model = FIT_DOORS[door](frame(LARGE["wide"] / 2))
    assert np.isfinite(model.weights_).all()


def test_rows_of_zero_weight_may_be_too_large():
    X = frame(np.where(np.arange(N) == 3, 1.7e308, SMALL))
    weights = (np.arange(N) != 3).astype(float)
    model = LearnedActivationMLPRegressor(**NETWORK).fit(X, SMALL, sample_weight=weights)
    assert np.isfinite(model.weights_).all()


@pytest.mark.parametrize("value", [pd.NaT, np.nan, None, pd.NA], ids=str)
@pytest.mark.parametrize("door", VALUE_DOORS)
def test_one_missing_object_among_values_is_named(door, value):
    y = SMALL.astype(object)
    y[3] = value
    message = f"'y' parameter of .* must not hold missing values. Got {value} instead"
    if door == "regressor" and value is pd.NaT:
        message = r"'y' parameter of .* must hold numbers. Got dates or times \(NaTType\) instead"
    for own in (y, pd.Series(y)):
        with pytest.raises(ValueError, match=message):
            VALUE_DOORS[door](np.eye(N), own)


@pytest.mark.parametrize("door", [QUICK.learn, IAFTransformer(QUICK).fit])
def test_missing_values_are_named_before_the_kind_of_y_is_guessed(door):
    y = SMALL.astype(object)
    y[3] = pd.NaT
    with pytest.raises(ValueError, match="'y' parameter of .* missing values. Got NaT instead"):
        door(np.eye(N), y)
