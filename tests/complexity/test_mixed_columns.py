"""Complexity of tables with categories and missing values: closed forms, frames, refusals."""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias.complexity import (
    axis_sharpness,
    complexity_report,
    fourier_complexity,
    geometric_complexity,
    lz_complexity,
    polynomial_complexity,
    sample_paths,
    tv_complexity,
)

PATH_MEASURES = [tv_complexity, fourier_complexity, polynomial_complexity, lz_complexity]
POSITIONS = [0, 0.25, 0.5, 1]
COLOURS = pd.DataFrame({"colour": ["red", "blue"]})  # every path goes from one to the other


def mixed(n_rows=60):
    """Return a frame with all kinds of columns, and classes that depend on three of them."""
    random = np.random.RandomState(0)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "colour": pd.Categorical(random.choice(["red", "green", "blue"], n_rows)),
            "count": pd.array(random.randint(9, size=n_rows), dtype="Int64"),
            "used": random.uniform(size=n_rows) < 0.5,
            "place": random.choice(["north", "south"], n_rows),
        }
    )
    y = (frame["size"] + (frame["colour"] == "red") + frame["used"] > 0.5).astype(int).to_numpy()
    for column in ("size", "colour", "count", "place"):
        frame.loc[random.uniform(size=n_rows) < 0.2, column] = None
    return frame, y


FRAME, Y = mixed()


def is_red(points):
    return (points["colour"] == "red").to_numpy().astype(float)


# Paths.


def test_a_category_switches_in_the_middle():
    paths = sample_paths(COLOURS, n_paths=9)
    values = paths.evaluate(is_red, [0, 0.49, 0.5, 1])
    np.testing.assert_array_equal(values[:, 0], values[:, 1])
    np.testing.assert_array_equal(values[:, 2], values[:, 3])
    np.testing.assert_array_equal(values[:, 0], 1 - values[:, 3])


def test_a_number_that_is_missing_at_an_end_switches_in_the_middle():
    X = [[np.nan, np.nan, 1.0], [4.0, np.nan, 3.0]]
    points = sample_paths(X, n_paths=20).points(POSITIONS).reshape(20, 4, 3)
    there = [[np.nan, np.nan, 1.0], [np.nan, np.nan, 1.5], [4, np.nan, 2], [4, np.nan, 3]]
    back = [[4.0, np.nan, 3.0], [4, np.nan, 2.5], [np.nan, np.nan, 2], [np.nan, np.nan, 1]]
    starts_there = np.isnan(points[:, 0, 0])
    assert 0 < starts_there.sum() < 20
    for path, own in zip(points, starts_there, strict=True):
        np.testing.assert_array_equal(path, there if own else back)


def pandas_frame(frame):
    return frame


def pandas_of_other_types(frame):
    """The types of pandas that know of missing values, and an index that is not unique."""
    types = {"size": "Float64", "count": "int32[pyarrow]", "used": "boolean", "place": object}
    return frame.astype(types).set_axis(np.arange(len(frame)) // 2)


def polars_frame(frame):
    return pl.from_pandas(frame).with_columns(
        pl.col("colour").cast(pl.Enum(["red", "green", "blue"])), pl.col("size").fill_nan(None)
    )


def pyarrow_table(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


FRAMES = [pandas_frame, pandas_of_other_types, polars_frame, pyarrow_table]


def types_of(frame):
    if isinstance(frame, pd.DataFrame):
        return frame.dtypes.astype(str).to_dict()
    schema = frame.schema
    return (
        dict(zip(schema.names, schema.types, strict=True)) if hasattr(schema, "types") else schema
    )


def as_rows(frame):
    """Return rows as lists, with None for what is missing."""
    if isinstance(frame, pd.DataFrame):
        frame = frame.astype(object).where(frame.notna(), None)
        return frame.to_numpy().tolist()
    return frame.rows() if isinstance(frame, pl.DataFrame) else list(map(list, frame.to_pylist()))


@pytest.mark.parametrize("make", FRAMES)
def test_points_come_in_a_frame_of_the_same_columns_and_types(make):
    X = make(FRAME)
    points = sample_paths(X, Y, n_paths=30).points(POSITIONS)
    assert type(points) is type(X) and len(points) == 120
    before, after = types_of(X), types_of(points)
    assert list(before) == list(after)
    for name in ("colour", "used", "place"):
        assert before[name] == after[name]
    for name in ("size", "count"):
        assert str(after[name]).lower().startswith(("float64", "double"))
    if isinstance(X, pd.DataFrame):
        assert points["colour"].cat.categories.equals(X["colour"].cat.categories)
        assert points.index.equals(pd.RangeIndex(120))


@pytest.mark.parametrize("make", FRAMES)
def test_the_ends_of_paths_are_rows(make):
    X = make(FRAME)
    ends = sample_paths(X, Y, n_paths=30).points([0, 1])
    rows = list(map(tuple, as_rows(X)))
    assert set(map(tuple, as_rows(ends))) <= set(rows)


def test_all_kinds_of_frames_have_the_same_paths():
    starts = [sample_paths(make(FRAME), Y, n_paths=30).start for make in FRAMES]
    for own in starts[1:]:
        np.testing.assert_array_equal(own, starts[0])


def test_missing_numbers_are_null_in_frames_that_know_null():
    points = sample_paths(polars_frame(FRAME), Y, n_paths=30).points(POSITIONS)
    assert points["size"].null_count() > 0 and not points["size"].is_nan().any()
    points = sample_paths(pandas_of_other_types(FRAME), Y, n_paths=30).points(POSITIONS)
    assert points["count"].isna().any() and str(points["count"].dtype) == "double[pyarrow]"


def test_arrays_of_objects_keep_their_labels():
    X = [["red", 1, None], ["blue", 3, 2.0]]
    points = sample_paths(X, n_paths=1, random_state=1).points(POSITIONS)
    assert points.dtype == object
    start, end = (X[k] for k in (0, 1)) if points[0, 0] == "red" else (X[k] for k in (1, 0))
    assert points[:, 0].tolist() == [start[0]] * 2 + [end[0]] * 2
    np.testing.assert_allclose(points[:, 1].astype(float)[[0, 2, 3]], [start[1], 2, end[1]])


def test_rows_differ_in_categories_where_there_is_no_y():
    X = pd.DataFrame({"size": [1.0] * 5, "colour": ["red"] * 4 + ["blue"]})
    values = sample_paths(X, n_paths=40).evaluate(is_red, [0, 1])
    assert (values.sum(axis=1) == 1).all()
    with pytest.raises(ValueError, match="must differ in y .without y, in X"):
        sample_paths(X[:4])


def test_numbers_alone_come_as_they_always_did():
    """A frame of numbers is made of one array of float64, whatever the types of its columns."""
    X = pd.DataFrame({"a": [1, 2, 4], "b": pd.array([0.5, 1.5, 8.0], dtype="Float64")})
    paths, plain = sample_paths(X, n_paths=9), sample_paths(X.to_numpy(float), n_paths=9)
    points = paths.points([0, 0.3, 1])
    assert set(map(str, points.dtypes)) == {"float64"}
    np.testing.assert_array_equal(points.to_numpy(), plain.points([0, 0.3, 1]))


def test_columns_of_the_same_name_are_numbers():
    X = pd.DataFrame([[0.0, 1.0], [2.0, 3.0]], columns=["a", "a"])
    assert tv_complexity(lambda points: points.to_numpy()[:, 1], X) == pytest.approx(0)


# Measures.


@pytest.mark.parametrize("n_points", [2, 9, 100])
def test_a_jump_counts_up_and_back_along_the_straight_line(n_points):
    """A step of height 5 beside the line of rise 5: (n - 2) / (n - 1) of it, up and down."""
    measured = tv_complexity(lambda points: 5 * is_red(points), COLOURS, n_points=n_points)
    assert measured == pytest.approx(10 * (n_points - 2) / (n_points - 1))


def test_a_jump_that_returns_counts_twice():
    """Equal ends leave no line: |f| jumps once where only the middle of a number is large."""
    X = pd.DataFrame({"size": [0.0, 1.0], "colour": ["red", "blue"]})

    def hidden_jump(points):
        return 3.0 * (np.abs(points["size"] - 0.5) < 0.2)

    assert tv_complexity(hidden_jump, X) == pytest.approx(6)


@pytest.mark.parametrize("gap", [np.nan, None])
def test_a_gap_is_a_jump_like_that_of_a_category(gap):
    X = pd.DataFrame({"size": [gap, 2.0]}, dtype=float)
    measured = tv_complexity(lambda points: points["size"].isna().to_numpy(float), X, n_points=11)
    assert measured == pytest.approx(2 * 9 / 10)


@pytest.mark.parametrize("measure", [*PATH_MEASURES, geometric_complexity, axis_sharpness])
def test_names_of_levels_do_not_count(measure):
    names = {"red": "zinc", "green": "iron", "blue": "lead"}

    def function(red):
        return lambda points: (
            points["size"].fillna(0.3) * ((points["colour"] == red) + 0.2) ** 2
        ).to_numpy(float)

    renamed = FRAME.assign(colour=FRAME["colour"].cat.rename_categories(names))
    own = measure(function("red"), FRAME, Y)
    assert measure(function("zinc"), renamed, Y) == own > 0
    assert measure(function("red"), FRAME.astype({"colour": object}), Y) == own


@pytest.mark.parametrize("measure", PATH_MEASURES)
def test_a_dummy_of_zeros_and_ones_that_switches_counts_as_the_category(measure):
    dummies = pd.DataFrame({"used": [0.0, 1.0, 1.0], "size": [0.0, 0.5, 2.0]})
    switching = dummies.astype({"used": bool})

    def function(points):
        return (points["used"].to_numpy(float) > 0.499999) * np.sin(points["size"].to_numpy(float))

    paths = [sample_paths(X, [0, 1, 2], n_paths=5) for X in (switching, dummies)]
    one, other = (measure(function, own, n_points=20) for own in paths)
    assert one == pytest.approx(other)


def columns_transformer():
    return make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        sparse_threshold=0,
    )


class CatBoostLike:
    """A model that takes a frame only, looks columns up by name and wants text without gaps."""

    def fit(self, X, y):
        self.encode = columns_transformer().fit(self.as_text(X))
        self.linear = LogisticRegression().fit(self.encode.transform(self.as_text(X)), y)
        return self

    def as_text(self, X):
        assert X["colour"].dtype == "category"
        texts = {
            name: X[name].astype(object).fillna("none").astype(str) for name in ("colour", "place")
        }
        return X.assign(**texts, count=X["count"].astype("float64"))

    def __call__(self, X):
        return self.linear.decision_function(self.encode.transform(self.as_text(X)))


@pytest.fixture(scope="module")
def models():
    network = LearnedActivationMLPClassifier(
        (8,),
        activation="relu",
        input_activations="learned",
        learner=ActivationLearner(n_outer_steps=3, n_restarts=1, horizon=10),
        n_estimators=1,
        max_iter=3,
        random_state=0,
    )
    floats = FRAME.astype({"count": float, "place": "category"})
    return {
        "network": network.fit(FRAME, Y),
        "pipeline": make_pipeline(columns_transformer(), LogisticRegression()).fit(FRAME, Y),
        "trees": HistGradientBoostingClassifier(
            categorical_features="from_dtype", max_iter=5, min_samples_leaf=3
        ).fit(floats, Y),
    }


def test_estimators_of_several_kinds_are_measured(models):
    trees, others = {"trees": models["trees"]}, {k: models[k] for k in ("network", "pipeline")}
    floats = FRAME.astype({"count": float, "place": "category"})
    for own, X in ((trees, floats), (others, FRAME)):
        report = complexity_report(own, X, Y, n_paths=20, n_points=15)
        assert (report[["tv", "fourier", "polynomial", "lz"]] > 0).all(axis=None)
        assert np.isfinite(report["geometric"]).all()
        for name, model in own.items():
            tv = tv_complexity(
                model, X, Y, n_paths=20, n_points=15, response_method="predict_proba"
            )
            assert report.loc[name, "tv"] == pytest.approx(tv)
            assert axis_sharpness(model, X, n_rows=10, n_points=20) >= -0.1
    frozen = CatBoostLike().fit(FRAME, Y)
    assert tv_complexity(frozen, FRAME, Y, n_paths=20) > 0


def test_the_slope_is_that_in_the_numbers():
    X = pd.DataFrame({"size": [1.0, 2.0, np.nan, 4.0], "colour": list("abab"), "width": 4 * [2.0]})

    def function(points):
        return points["size"].fillna(7) * 3 + 4 * points["width"] + 100 * (points["colour"] == "a")

    # Of the four rows, one has no number to move in "size".
    assert geometric_complexity(function, X) == pytest.approx(16 + 9 * 3 / 4)


def test_the_slope_of_a_module_in_a_gap_is_zero():
    class Filled(torch.nn.Module):
        def forward(self, x):
            return torch.where(x.isnan(), 1.0, 3 * x).sum(1)

    X = np.array([[1.0, 2.0], [np.nan, 3.0]])
    assert geometric_complexity(Filled(), X) == pytest.approx((18 + 9) / 2)


def test_sharpness_moves_numbers_only():
    random = np.random.RandomState(0)
    numbers = random.uniform(size=(300, 2))
    plain = pd.DataFrame(numbers, columns=["size", "width"])

    def function(points):
        return (points["size"] > 0.42).to_numpy(float)

    X = plain.assign(colour=random.choice(list("ab"), 300))
    assert axis_sharpness(function, X) == axis_sharpness(function, plain) > 5
    X.loc[::3, "width"] = np.nan
    assert axis_sharpness(function, X) > 5


# Refusals.


def never(points):
    raise AssertionError("evaluated")


@pytest.mark.parametrize("measure", [geometric_complexity, axis_sharpness])
def test_categories_alone_have_no_slope(measure):
    message = f"'X' parameter of {measure.__name__} must have a column of numbers.*'colour'"
    with pytest.raises(ValueError, match=message):
        measure(never, COLOURS)
    report = complexity_report({"red": is_red}, COLOURS, measures=["tv", "lz"])
    assert report.loc["red", "tv"] > 0
    with pytest.raises(ValueError, match="'X' parameter of complexity_report must have a column"):
        complexity_report({"red": is_red}, COLOURS)


@pytest.mark.parametrize("measure", [*PATH_MEASURES, geometric_complexity, axis_sharpness])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([date(2020, 1, 1), date(2021, 1, 1)], "dates or times .* in column 'other'"),
        ([1.0, np.inf], "finite numbers only"),
        ([[1], [2]], "must hold numbers, or categories .* in column 'other'"),
    ],
)
def test_what_is_neither_number_nor_category_is_refused_by_name(measure, column, message):
    X = COLOURS.assign(size=[1.0, 2.0], other=column)
    with pytest.raises(ValueError, match=f"'X' parameter of {measure.__name__}.*{message}"):
        measure(never, X)


def test_modules_and_linear_models_say_that_they_take_numbers():
    X = COLOURS.assign(size=[1.0, 2.0])
    for measure in (tv_complexity, geometric_complexity):
        message = f"'X' parameter of {measure.__name__} must hold numbers.*'colour'.*OneHotEncoder"
        with pytest.raises(ValueError, match=message):
            measure(torch.nn.Linear(2, 1), X)
    linear = LinearRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="contains NaN"):
        tv_complexity(linear, [[np.nan], [1.0]])
