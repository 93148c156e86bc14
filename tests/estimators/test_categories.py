"""Estimators on frames with categories and gaps: what must not matter, and what must."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.class_weight import compute_sample_weight

from skibias import (
    ActivationLearner,
    CategoryActivation,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
)

N_ROWS = 120
LEARNER = ActivationLearner(
    n_outer_steps=2, n_restarts=1, horizon=4, unroll_steps=2, hidden_layer_sizes=(4,), n_knots=5
)
QUICK = {
    "hidden_layer_sizes": (4,),
    "activation": "relu",
    "learner": LEARNER,
    "max_iter": 3,
    "n_estimators": 2,
    "device": "cpu",
    "random_state": 0,
}


def make_regressor(**parameters):
    return LearnedActivationMLPRegressor(**QUICK | {"input_activations": "learned"} | parameters)


def make_classifier(**parameters):
    return LearnedActivationMLPClassifier(**QUICK | {"input_activations": "learned"} | parameters)


def make_transformer(**parameters):
    return IAFTransformer(
        LEARNER, **{"n_channels": 2, "device": "cpu", "random_state": 0} | parameters
    )


def make_columns():
    """Columns as lists: a category of many levels, one of few, booleans and numbers, with gaps."""
    rng = np.random.default_rng(0)
    town = [f"town {k}" for k in rng.integers(0, 12, N_ROWS)]
    colour = rng.choice(["blue", "green", "red"], N_ROWS).tolist()
    flag = (rng.random(N_ROWS) > 0.5).tolist()
    count = rng.integers(0, 9, N_ROWS).tolist()
    size = rng.normal(size=N_ROWS).tolist()
    colour[3] = flag[5] = count[7] = None
    return {"town": town, "colour": colour, "flag": flag, "count": count, "size": size}


COLUMNS = make_columns()
X = pd.DataFrame(COLUMNS).astype({"town": "category", "flag": "boolean", "count": "Int64"})
Y = X["size"].to_numpy() + 2.0 * (X["colour"] == "red").to_numpy() + X["town"].cat.codes.to_numpy()
LABELS = np.where(np.median(Y) < Y, "high", "low")
LATER = pd.DataFrame(  # an unseen level, and gaps in columns that had none
    {
        "town": ["town 1", "nowhere", None],
        "colour": ["red", None, "violet"],
        "flag": pd.array([None, True, False], dtype="boolean"),
        "count": pd.array([None, 20, 3], dtype="Int64"),
        "size": [0.5, np.nan, -9.0],
    }
)


TABLES = {
    "pandas objects": lambda: pd.DataFrame(
        {name: pd.Series(own, dtype=object) for name, own in COLUMNS.items()}
    ),
    "pandas arrow": lambda: pl.DataFrame(COLUMNS).to_pandas(use_pyarrow_extension_array=True),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars categories": lambda: pl.DataFrame(COLUMNS).with_columns(
        pl.col("town").cast(pl.Categorical),
        pl.col("colour").cast(pl.Enum(["red", "green", "blue"])),
    ),
    "array": lambda: np.array(list(zip(*COLUMNS.values(), strict=True)), dtype=object),
    "list": lambda: [list(row) for row in zip(*COLUMNS.values(), strict=True)],
}


@pytest.fixture(scope="module")
def regressor():
    return make_regressor().fit(X, Y)


# What does not matter


@pytest.mark.parametrize("name", TABLES)
def test_kinds_of_tables_give_the_same_bits(name, regressor):
    table = TABLES[name]()
    own = make_regressor().fit(table, Y)
    np.testing.assert_array_equal(own.predict(table), regressor.predict(X))
    if name not in ("array", "list"):  # they have no names
        np.testing.assert_array_equal(own.predict(LATER), regressor.predict(LATER))
        np.testing.assert_array_equal(regressor.predict(table), regressor.predict(X))


def assert_same_fit(own, table, regressor):
    np.testing.assert_array_equal(own.weights_, regressor.weights_)
    np.testing.assert_array_equal(own.predict(table), regressor.predict(X))


def test_other_names_of_levels_in_the_same_order_change_nothing(regressor):
    table = X.assign(colour=X["colour"].map({"blue": "a", "green": "b", "red": "c"}))
    own = make_regressor().fit(table, Y)
    assert_same_fit(own, table, regressor)
    assert own.categories_[1] == ("a", "b", "c")


def test_the_order_of_rows_does_not_matter(regressor):
    order = np.random.default_rng(1).permutation(N_ROWS)
    own = make_regressor().fit(X.iloc[order], Y[order])
    np.testing.assert_array_equal(own.weights_, regressor.weights_)
    # The mean of y is a sum in the order of the rows.
    np.testing.assert_allclose(own.predict(LATER), regressor.predict(LATER), rtol=1e-12)
    first = make_classifier().fit(X, LABELS).predict_proba(LATER)
    same = make_classifier().fit(X.iloc[order], LABELS[order]).predict_proba(LATER)
    np.testing.assert_array_equal(same, first)


def test_unused_and_reordered_categories_of_pandas_do_not_matter(regressor):
    levels = ["nowhere", *sorted(X["town"].cat.categories, reverse=True)]
    table = X.assign(town=X["town"].cat.set_categories(levels, ordered=True))
    own = make_regressor().fit(table, Y)
    assert_same_fit(own, table, regressor)
    assert own.categories_ == regressor.categories_
    assert_same_fit(regressor, table, own)


@pytest.mark.parametrize("factor", [4.0, 0.3, 1e-200])
def test_a_factor_on_all_weights_changes_nothing(factor):
    weights = np.random.default_rng(2).uniform(0.5, 2.0, N_ROWS)
    first = make_regressor().fit(X, Y, sample_weight=weights)
    assert_same_fit(make_regressor().fit(X, Y, sample_weight=factor * weights), X, first)


@pytest.mark.parametrize("make", [make_regressor, make_transformer])
def test_rows_of_weight_zero_are_as_good_as_none(make):
    """Neither their levels nor the only values of a column count."""
    table = X.assign(empty=np.nan).astype({"town": object})
    added = table[:3].assign(town=["aa", "town 3", None], empty=[1.0, 2.0, np.nan])
    longer = pd.concat([added, table])
    own = make().fit(
        longer, np.r_[1.0, 2.0, 3.0, Y], sample_weight=np.r_[np.zeros(3), np.ones(N_ROWS)]
    )
    same = make().fit(table, Y)
    assert own.categories_ == same.categories_
    method = "transform" if make is make_transformer else "predict"
    for rows in (table, longer):
        np.testing.assert_array_equal(getattr(own, method)(rows), getattr(same, method)(rows))


# Unseen levels, gaps and empty columns


def test_predictions_of_a_linear_model_are_those_of_its_functions():
    model = make_regressor(hidden_layer_sizes=(), n_estimators=1).fit(X[["colour", "size"]], Y)
    rows = LATER[["colour", "size"]]
    colour, size = model.input_activations_
    assert isinstance(colour, CategoryActivation)
    read = np.concatenate(
        [colour(rows["colour"].to_numpy()), size(rows["size"].to_numpy())], axis=1
    )
    weights, bias = model.weights_[0, :-1].astype(float), float(model.weights_[0, -1])
    encoding = model.networks_.encoding
    expected = (read @ weights + bias) * encoding.scale + encoding.mean
    np.testing.assert_allclose(model.predict(rows), expected, rtol=1e-6)


@pytest.mark.parametrize("scaling", [None, "minmax", "standard", "robust", "quantile"])
def test_a_gap_in_a_scaled_column_without_any_in_fit_is_its_mean(scaling):
    model = make_regressor(input_activations=None, scaling=scaling, hidden_layer_sizes=())
    table = pd.DataFrame({"size": 1000.0 + X["size"], "other": X["size"] ** 2})
    model.fit(table, Y)
    scaled = model.networks_.encoder.encode(table.to_numpy())
    gap = model.networks_.encoder.encode(np.full((1, 2), np.nan))
    np.testing.assert_allclose(gap[0], scaled.mean(axis=0), rtol=1e-9, atol=1e-12)
    gaps = pd.DataFrame({"size": [np.nan], "other": [np.nan]})
    assert np.isfinite(model.predict(gaps)).all()


@pytest.mark.parametrize("categorical_features", ["from_dtype", None])
@pytest.mark.parametrize(
    "values", [["a", "b"], [1.0, np.inf], [True, None], pd.to_datetime(["2020", "2021"])]
)
def test_a_column_that_was_empty_in_fit_is_ignored(values, categorical_features):
    table = pd.DataFrame({"size": X["size"], "empty": pd.Series([None] * N_ROWS, dtype=object)})
    model = make_regressor(categorical_features=categorical_features).fit(table, Y)
    later = table[:2].assign(empty=values)
    np.testing.assert_array_equal(model.predict(later), model.predict(table[:2]))


@pytest.mark.parametrize("n_levels", [1, 2])
def test_a_category_of_one_level_alone(n_levels):
    table = pd.DataFrame({"own": np.where(np.arange(N_ROWS) % n_levels, "b", "a")})
    later = pd.DataFrame({"own": ["a", "c", None]})
    for model in (make_regressor(), make_regressor(input_activations=None)):
        assert np.isfinite(model.fit(table, Y).predict(later)).all()


def test_all_missing_values_are_gaps_in_every_column():
    """NA among objects that are no category, as well as None and NaN."""
    gaps = [
        pd.DataFrame(
            {"own": pd.Series([1.5, gap] * (N_ROWS // 2), dtype=object), "size": X["size"]}
        )
        for gap in (None, np.nan, pd.NA)
    ]
    expected = make_regressor().fit(gaps[0].astype(float), Y).predict(gaps[0].astype(float))
    for table in gaps:
        for own in (table, table.to_numpy()):
            model = make_regressor().fit(own, Y)
            np.testing.assert_array_equal(model.predict(own), expected)


def test_text_that_is_not_chosen_is_refused_by_its_column():
    for dtype in ("category", "str", object):
        table = X[["colour", "size"]].astype({"colour": dtype})
        # Older versions of pandas make text of a missing label, which then comes first.
        message = "must hold numbers. Got '(blue|None)' in column 'colour'"
        with pytest.raises(ValueError, match=message):
            make_regressor(categorical_features=None).fit(table.sort_values("colour"), Y)


# Tools of scikit-learn


def test_a_level_that_a_fold_lacks():
    table = X.assign(rare=np.where(np.arange(N_ROWS) < 2, "rare", "common"))
    assert np.isfinite(cross_val_score(make_regressor(), table, Y, cv=3)).all()


def test_clones_pickles_and_set_parameters(regressor):
    for model in (clone(regressor).fit(X, Y), pickle.loads(pickle.dumps(regressor))):
        np.testing.assert_array_equal(model.predict(LATER), regressor.predict(LATER))
        assert model.input_activations_ == regressor.input_activations_
    model = clone(regressor).set_params(categorical_features=["town", "colour", "flag", "count"])
    assert model.fit(X, Y).categories_[3] == (0, 1, 2, 3, 4, 5, 6, 7, 8)


def test_grid_search_over_what_is_categorical():
    grid = {"categorical_features": ["from_dtype", ["town", "colour", "flag", "count"]]}
    search = GridSearchCV(make_regressor(), grid, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(search.predict(LATER)).all()


def test_the_transformer_in_a_pipeline_of_frames():
    transformer = make_transformer().set_output(transform="pandas")
    model = make_pipeline(transformer, LogisticRegression()).fit(X, LABELS)
    assert np.isfinite(model.predict_proba(LATER)).all()
    frame = model[:-1].transform(LATER)
    names = [f"{name}_{k}" for name in X.columns for k in range(2)]
    assert list(frame.columns) == names == list(model[:-1].get_feature_names_out())
    for number, function in enumerate(model[0].activations_):
        own = LATER.iloc[:, number]
        values = (
            own.astype(object) if isinstance(function, CategoryActivation) else own.astype(float)
        )
        expected = function(values.to_numpy())
        np.testing.assert_allclose(frame.to_numpy()[:, 2 * number : 2 * number + 2], expected)


@pytest.mark.parametrize("as_list", [False, True])
def test_given_functions_are_those_of_a_transformer(as_list):
    table = X.assign(empty=pd.Series([None] * N_ROWS, dtype=object))
    transformer = make_transformer().fit(table, Y)
    given = transformer.activations_ if as_list else FrozenEstimator(transformer)
    model = make_regressor(input_activations=given).fit(table, Y)
    later = LATER.assign(empty="a")
    read = model.networks_.encoder.encode(model.table_reader_.encode(later).to_numpy(dtype=float))
    np.testing.assert_array_equal(read, transformer.transform(later))


@pytest.mark.parametrize("empty", [np.nan, None])
def test_any_function_will_do_for_a_column_without_values(empty):
    transformer = make_transformer().fit(X[["colour", "size"]], Y)
    table = X[["colour", "size"]].assign(colour=pd.Series([empty] * N_ROWS, dtype=object))
    model = make_regressor(input_activations=transformer.activations_).fit(table, Y)
    assert np.isfinite(model.predict(X[["colour", "size"]])).all()


# Classes, outputs and checkpoints


def test_class_weights_are_the_weights_of_rows():
    kept = np.quantile(Y, 0.3) < Y
    table, labels = X[kept], LABELS[kept]
    first = make_classifier(class_weight="balanced").fit(table, labels)
    weights = compute_sample_weight("balanced", labels)
    assert len(set(weights)) == 2
    same = make_classifier().fit(table, labels, sample_weight=weights)
    np.testing.assert_array_equal(first.predict_proba(LATER), same.predict_proba(LATER))
    named = dict(zip(labels, weights, strict=True))
    own = make_classifier(class_weight=named).fit(table, labels)
    np.testing.assert_array_equal(own.predict_proba(LATER), same.predict_proba(LATER))
    with pytest.raises(ValueError, match="'class_weight' parameter .* name classes of y"):
        make_classifier(class_weight={"huge": 2.0}).fit(table, labels)


def test_a_class_of_weight_zero_takes_its_levels_along():
    table = X.assign(colour=np.where(LABELS == "low", "black", "white"))
    labels = np.where(np.arange(N_ROWS) % 2, LABELS, "other")
    model = make_classifier(class_weight={"low": 0.0}).fit(table, labels)
    assert list(model.classes_) == ["high", "low", "other"]
    assert np.isfinite(model.predict_proba(table)).all()


def test_several_outputs():
    both = make_regressor().fit(X, np.stack([Y, -Y], axis=1))
    assert both.predict(LATER).shape == (3, 2)
    assert np.isfinite(both.predict(LATER)).all()


def test_a_fit_goes_on_from_its_checkpoint_and_from_no_other_tables(tmp_path):
    """Codes of other labels, and numbers that are the same as codes, are other tables."""
    table = X[["colour", "size"]].dropna()
    y = Y[table.index]
    first = make_regressor(checkpoint=tmp_path).fit(table, y)
    again = make_regressor(checkpoint=tmp_path).fit(table, y)
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(again.predict(table), first.predict(table))
    renamed = table.assign(colour=table["colour"].map({"blue": "a", "green": "b", "red": "c"}))
    own = make_regressor(checkpoint=tmp_path).fit(renamed, y)
    assert own.input_activations_[0].levels == ("a", "b", "c")
    numbers = table.assign(colour=table["colour"].astype("category").cat.codes)
    own = make_regressor(checkpoint=tmp_path).fit(numbers, y)
    assert not isinstance(own.input_activations_[0], CategoryActivation)
    assert len(list(tmp_path.iterdir())) == 3
