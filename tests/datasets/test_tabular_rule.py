"""The rule of the tabular benchmark, from original data to the benchmark's version."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from skibias.datasets._tabular_rule import (
    against_rest,
    balance_classes,
    categorical_columns,
    columns_with_few_values,
    drop_missing,
    is_id_like,
    to_benchmark_version,
)


@pytest.mark.parametrize("name", ["a_id", "A-ID", "a.id", "a_index", "a-Index", "a.index"])
def test_id_like_names(name):
    assert is_id_like(name)


@pytest.mark.parametrize("name", ["id", "valid", "index", "a_idx", "id_a", 3])
def test_other_names_are_not_id_like(name):
    assert not is_id_like(name)


def test_what_is_categorical():
    data = pd.DataFrame(
        {
            "number": [0.5, 1.5, 2.5, 3.5],
            "binary": [7.0, 9.0, 7.0, 9.0],
            "binary_with_missing": [7.0, 9.0, np.nan, 9.0],
            "text": ["1", "2", "3", "4"],
            "flag": [True, False, True, True],
            "kind": pd.Categorical([1, 2, 3, 4]),
            "visit_id": [10, 11, 12, 13],
            "patient": [10, 11, 12, 13],
            "constant": [1, 1, 1, 1],
        }
    )
    expected = ["binary", "binary_with_missing", "text", "flag", "kind", "visit_id"]
    assert categorical_columns(data) == expected
    assert categorical_columns(data, by_meaning=("patient",)) == [*expected, "patient"]


def test_ten_values_are_not_few():
    data = pd.DataFrame({"ten": range(10), "nine": [0, *range(9)]}, dtype=float)
    data["nine_and_missing"] = data["nine"].replace(0, np.nan)
    assert columns_with_few_values(data) == ["nine", "nine_and_missing"]


def test_columns_with_much_missing_go_before_rows_do():
    row = np.arange(100.0)
    data = pd.DataFrame(
        {
            "missing_70": np.where(row < 70, np.nan, row),
            "missing_71": np.where(row < 71, np.nan, row),
            "full": row,
        }
    )
    left = drop_missing(data)
    assert left.columns.tolist() == ["missing_70", "full"]
    assert left.index.tolist() == list(range(70, 100))


def test_against_rest_keeps_one_label():
    labels = against_rest(pd.Series(["1", "2", "3", "2"]), "2")
    assert labels.tolist() == ["rest", "2", "rest", "2"]


def test_against_rest_needs_the_label():
    with pytest.raises(ValueError, match="no row has the class '4'"):
        against_rest(pd.Series(["1", "2"]), "4")


def test_balancing_keeps_the_two_largest_classes():
    labels = np.array(["b"] * 5 + ["a"] * 3 + ["c"] * 9)
    rows, names = balance_classes(labels)
    assert names == ["c", "b"]
    assert_array_equal(labels[rows], ["c"] * 5 + ["b"] * 5)
    # The sequence of the legacy generator is fixed for good.
    assert_array_equal(rows[:5], np.random.RandomState(0).choice(range(8, 17), 5, replace=False))
    assert_array_equal(rows[5:], range(5))


def test_balancing_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()
    balance_classes(["a", "b", "b"])
    assert_array_equal(np.random.get_state()[1], before)


def test_balancing_needs_two_classes():
    with pytest.raises(ValueError, match="two classes are needed, and there are only \\['a'\\]"):
        balance_classes(["a", "a"])


def raw_frame(n=40):
    """Original data of three classes, 0 the largest; the row number is in column x."""
    row = np.arange(n, dtype=float)
    return pd.DataFrame(
        {
            "text": "a",
            "x": row,
            "few": row % 9,
            "binary": row % 2,
            "row_id": row,
            "code": row,
            "gap": np.where(row == 3, np.nan, row),
            "mostly_missing": np.where(row < 29, np.nan, row),
            "target": np.where(row < 20, 0, np.where(row < 32, 1, 2)),
        }
    )


def test_the_rule_as_a_whole():
    frame = raw_frame()
    data, labels = frame.drop(columns="target"), frame["target"].map({0: "p", 1: "q", 2: "r"})
    made, classes, names = to_benchmark_version(data, labels, categorical=("code",))
    assert made.columns.tolist() == ["x", "gap"]
    assert names == ["p", "q"]
    assert_array_equal(classes, [0] * 12 + [1] * 12)
    # Row 3 has a missing value; of the 19 other rows of the larger class 12 are drawn.
    left = np.delete(np.arange(20), 3)
    assert_array_equal(made["x"][:12], np.random.RandomState(0).choice(left, 12, replace=False))
    assert_array_equal(made["x"][12:], np.arange(20, 32))
    assert made.index.tolist() == list(range(24))


def test_the_rule_does_not_depend_on_the_index():
    frame = raw_frame()
    moved = frame.set_index(np.zeros(len(frame), dtype=int))
    made, again = (
        to_benchmark_version(each.drop(columns="target"), each["target"].astype(str))
        for each in (frame, moved)
    )
    assert_frame_equal(made[0], again[0])
    assert_array_equal(made[1], again[1])


def test_the_rule_sets_one_class_against_the_rest_before_balancing():
    frame = raw_frame()
    made, _, names = to_benchmark_version(
        frame[["x"]], frame["target"].astype(str), one_against_rest="1"
    )
    assert names == ["rest", "1"]
    assert len(made) == 24
    assert made["x"][:12].ge(32).any()  # of class 2, which balancing alone would drop


def test_the_rule_does_not_change_its_input():
    frame = raw_frame()
    before = frame.copy()
    to_benchmark_version(frame.drop(columns="target"), frame["target"].astype(str))
    assert_frame_equal(frame, before)
