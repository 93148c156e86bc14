"""The door for tables: kinds of columns, their codes, and what is refused by name."""

import datetime

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skibias._prepare.table import TableReader, read_table, read_training_table

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

TEXT, GAPS = ["b", "a", None, "b"], [1.0, None, 3.0, 4.0]
FLAGS = [True, False, None, True]


class Model(BaseEstimator):
    """An estimator that reads a table and does nothing with it."""

    def fit(self, X, categorical_features="from_dtype"):
        self.table_reader_, self.rows_, _ = read_training_table(
            self, X, np.zeros(len(X)), categorical_features
        )
        return self


def read(X, categorical_features="from_dtype"):
    model = Model().fit(X, categorical_features)
    np.testing.assert_array_equal(read_table(model, X), model.rows_)
    return model


FRAMES = {
    "pandas objects": lambda: pandas.DataFrame(
        {
            "text": pandas.Series(TEXT, dtype=object),
            "number": GAPS,
            "flag": pandas.Series(FLAGS, dtype=object),
        }
    ).set_index(np.array([7, 5, 5, 0])),
    "pandas types": lambda: pandas.DataFrame(
        {
            "text": pandas.Categorical(TEXT),
            "number": pandas.array([1, None, 3, 4], dtype="Int64"),
            "flag": pandas.array(FLAGS, dtype="boolean"),
        }
    ),
    "pandas arrow": lambda: pandas.DataFrame(
        {
            "text": pandas.array(TEXT, dtype="string[pyarrow]"),
            "number": pandas.array(GAPS, dtype="double[pyarrow]"),
            "flag": pandas.array(FLAGS, dtype="bool[pyarrow]"),
        }
    ),
    "polars": lambda: polars.DataFrame({"text": TEXT, "number": GAPS, "flag": FLAGS}),
    "polars types": lambda: polars.DataFrame(
        {
            "text": polars.Series(TEXT, dtype=polars.Enum(["b", "a"])),
            "number": polars.Series([1, None, 3, 4], dtype=polars.Int32),
            "flag": FLAGS,
        }
    ),
    "polars categories": lambda: polars.DataFrame(
        {"text": polars.Series(TEXT, dtype=polars.Categorical), "number": GAPS, "flag": FLAGS}
    ),
    "arrow": lambda: pyarrow.table({"text": TEXT, "number": GAPS, "flag": FLAGS}),
    "objects": lambda: np.array(list(zip(TEXT, GAPS, FLAGS, strict=True)), dtype=object),
    "list": lambda: [list(row) for row in zip(TEXT, GAPS, FLAGS, strict=True)],
}


@pytest.mark.parametrize("name", FRAMES)
def test_all_kinds_of_tables_are_read_alike(name):
    X = FRAMES[name]()
    if name == "arrow":  # scikit-learn does not know how many rows it has
        X = X.to_pandas()
    model = read(X)
    assert dict(model.table_reader_.levels) == {0: ("a", "b"), 2: (False, True)}
    gap = np.nan
    np.testing.assert_array_equal(model.rows_, [[1, 1, 1], [0, gap, 0], [gap, 3, gap], [1, 4, 1]])


def test_names_stay_known():
    model = read(FRAMES["pandas types"]())
    assert list(model.feature_names_in_) == ["text", "number", "flag"]
    with pytest.raises(ValueError, match="feature names should match"):
        read_table(model, FRAMES["pandas types"]()[["flag", "number", "text"]])


def test_unknown_labels_and_gaps_have_codes():
    model = Model().fit(pandas.DataFrame({"text": ["x", "y", "x"]}))
    found = read_table(model, pandas.DataFrame({"text": ["y", "z", None]}))
    np.testing.assert_array_equal(found[:, 0], [1, 2, np.nan])


def test_frames_of_numbers_and_arrays_pass_as_they_are():
    X = np.array([[1.0, np.nan], [2.0, 3.0]])
    for table in (X, pandas.DataFrame(X), polars.DataFrame(X)):
        model = read(table)
        assert not model.table_reader_.levels
        np.testing.assert_array_equal(model.rows_, X)


@pytest.mark.parametrize("empty", [np.nan, None])
def test_a_column_without_values_is_a_constant_ever_after(empty):
    X = pandas.DataFrame({"number": [1.0, 2.0], "empty": [empty, empty]})
    model = Model().fit(X)
    assert model.rows_.tolist() == [[1.0, 0.0], [2.0, 0.0]]
    for value in (5.0, np.nan):
        later = pandas.DataFrame({"number": [3.0], "empty": [value]})
        assert read_table(model, later).tolist() == [[3.0, 0.0]]


# What is chosen as categorical


NUMBERS = np.array([[3.0, 1.0, 5.0], [1.0, 1.0, np.nan], [3.0, 2.0, 5.0]])


@pytest.mark.parametrize("chosen", [[0, 2], [True, False, True], np.array([2, 0]), [-1, 0]])
def test_columns_of_an_array_are_chosen_by_mask_or_number(chosen):
    model = read(NUMBERS, chosen)
    assert dict(model.table_reader_.levels) == {0: (1.0, 3.0), 2: (5.0,)}
    np.testing.assert_array_equal(model.rows_, [[1, 1, 0], [0, 1, np.nan], [1, 2, 0]])


def test_columns_of_a_frame_are_chosen_by_name_and_the_others_are_numbers():
    X = pandas.DataFrame(NUMBERS, columns=list("abc"))
    assert list(read(X, ["c"]).table_reader_.levels) == [2]
    X["a"] = X["a"].astype("category")
    assert list(read(X, ["c"]).table_reader_.levels) == [2]
    np.testing.assert_array_equal(read(X, None).rows_, NUMBERS)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["z"], "name columns of X. Got 'z'"),
        ([True, False], "an entry for each of the 3 columns"),
        ([3], "numbers of columns from 0 to 2"),
        ([0.5], "numbers of columns from 0 to 2"),
        (np.array(1), "a mask, names, or numbers. Got array\\(1\\)"),
    ],
)
def test_what_chooses_no_column_is_refused(chosen, message):
    with pytest.raises(ValueError, match=f"'categorical_features' parameter of Model .*{message}"):
        Model().fit(NUMBERS, chosen)


# What is refused


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", 1, "b"], "one kind, text, numbers or booleans.* in column 'bad'"),
        ([[1], [2], [3]], "must hold numbers.* in column 'bad'"),
        ([datetime.date(2020, 1, 1)] * 3, "dates or times .* in column 'bad'"),
        (pandas.to_datetime(["2020"] * 3), "dates or times .* in column 'bad'"),
        (pandas.to_timedelta([1, 2, 3]), "dates or times .* in column 'bad'"),
        (pandas.Categorical([1, "a", 2]), "one kind"),
        ([object(), object(), object()], "must hold numbers.* in column 'bad'"),
    ],
)
def test_other_values_are_refused_by_the_name_of_their_column(column, message):
    X = pandas.DataFrame({"good": ["a", "b", "a"], "bad": column})
    with pytest.raises((ValueError, TypeError), match=message):
        Model().fit(X)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["a", "b"], [1.0, 2.0]),
        ([True, False], ["a", "b"]),
        (pandas.Categorical([1, 2]), ["a", "b"]),
        ([True, False], [1.0, 0.0]),
    ],
)
def test_a_category_of_another_kind_than_in_fit_is_refused(before, after):
    model = Model().fit(pandas.DataFrame({"own": before}))
    with pytest.raises(ValueError, match="categories that are .* in column 'own', as in fit"):
        read_table(model, pandas.DataFrame({"own": after}))


@pytest.mark.parametrize("text", [["x", "y"], ["1", "2"], pandas.Categorical(["1", None])])
def test_text_where_numbers_were_is_refused(text):
    model = Model().fit(pandas.DataFrame({"own": [1.0, 2.0], "other": ["a", "b"]}))
    with pytest.raises(ValueError, match="must hold numbers in column 'own', as in fit. Got text"):
        read_table(model, pandas.DataFrame({"own": text, "other": ["a", "b"]}))


def test_infinite_numbers_are_refused_by_the_name_of_their_column():
    good = pandas.DataFrame({"own": [1.0, 2.0], "other": ["a", "b"]})
    bad = good.assign(own=[1.0, np.inf])
    with pytest.raises(ValueError, match="infinity.* in column 'own'"):
        Model().fit(bad)
    with pytest.raises(ValueError, match="infinity.* in column 'own'"):
        read_table(Model().fit(good), bad)
    with pytest.raises(ValueError, match="infinity.* in column 1"):
        Model().fit(np.array([[1.0, -np.inf], [1.0, 2.0]]))


def test_a_list_may_hold_booleans_beside_numbers():
    model = Model().fit([[True, 2.0], [None, 1.0], [False, 3.0]])
    for later in ([[True, 5.0]], [[True, 5]], np.array([[True, 5.0]], dtype=object)):
        assert read_table(model, later).tolist() == [[1.0, 5.0]]
    assert read([[True, 2], [False, 1]]).table_reader_.levels == {0: (False, True)}


def test_a_column_of_gaps_alone_fits_any_category():
    model = Model().fit(pandas.DataFrame({"own": [True, False]}))
    found = read_table(model, pandas.DataFrame({"own": [None, None]}))
    assert np.isnan(found).all()


def test_repeated_names_are_refused():
    X = pandas.DataFrame([["a", 2.0], ["b", 4.0]], columns=["same", "same"])
    with pytest.raises(ValueError, match="unique column names"):
        Model().fit(X)


def test_rows_that_do_not_count_have_no_levels():
    X = pandas.DataFrame({"own": ["a", "b", "c", None], "number": [1.0, np.nan, np.nan, np.nan]})
    model = Model().fit(X)
    reader, rows = model.table_reader_.of_rows(model.rows_, np.arange(4) > 0)
    assert dict(reader.levels) == {0: ("b", "c")}
    assert reader.empty == (1,)
    np.testing.assert_array_equal(rows, [[2, 0], [0, 0], [1, 0], [np.nan, 0]])


def test_a_reader_can_be_used_without_an_estimator():
    reader = TableReader.fit(pandas.DataFrame({"own": ["b", "a"]}), "from_dtype", "Model")
    assert reader.encode(pandas.DataFrame({"own": ["a", "c"]}))["own"].tolist() == [0.0, 2.0]
