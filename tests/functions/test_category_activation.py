"""The learned function of a categorical column as an object."""

import copy
import pickle

import numpy as np
import pytest
import torch

from skibias import CategoryActivation, SplineActivation

COLOURS = CategoryActivation(["blue", "red", "white"], [1.0, 3.0, 5.0], missing=-1.0)
WIDE = CategoryActivation([1, 2], [[0.0, 1.0], [2.0, 3.0]], missing=[7.0, 8.0], unknown=[5.0, 6.0])


def test_every_label_has_its_value():
    assert COLOURS(["red", "blue", "red"]).tolist() == [3.0, 1.0, 3.0]
    assert COLOURS([["red"], ["white"]]).tolist() == [[3.0], [5.0]]
    assert WIDE([2, 1.0]).tolist() == [[2.0, 3.0], [0.0, 1.0]]


@pytest.mark.parametrize("gap", [None, np.nan, float("nan")], ids=repr)
def test_missing_labels_have_a_value_of_their_own(gap):
    assert COLOURS([gap, "red"]).tolist() == [-1.0, 3.0]
    assert WIDE([gap]).tolist() == [[7.0, 8.0]]


def test_missing_labels_of_pandas_are_known():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(["red", None, "blue"], dtype="string")
    assert COLOURS(series).tolist() == [3.0, -1.0, 1.0]


def test_unknown_labels_have_the_mean_unless_a_value_is_given():
    assert COLOURS(["green"]).tolist() == [3.0]
    assert WIDE([3]).tolist() == [[5.0, 6.0]]
    assert CategoryActivation(["a", "b"], [1.0, 2.0]).missing == 1.5  # that of unknown ones


@pytest.mark.parametrize("function", [COLOURS, WIDE, CategoryActivation([True, False], [1, 2])])
def test_copies_are_equal(function):
    for same in (
        CategoryActivation.from_json(function.to_json()),
        pickle.loads(pickle.dumps(function)),
        copy.deepcopy(function),
    ):
        assert same == function and hash(same) == hash(function)
        assert not same.values.flags.writeable
    assert function != SplineActivation([0, 1], [0, 1])


def test_functions_that_differ_are_not_equal():
    assert CategoryActivation(["blue", "red", "white"], [1.0, 3.0, 5.0]) != COLOURS
    assert COLOURS.on_levels(["blue", "red"]) != COLOURS


def test_other_levels_get_the_value_of_unknown_ones():
    other = COLOURS.on_levels(["red", "green"])
    assert other.levels == ("red", "green")
    assert other(["red", "green", None, "blue"]).tolist() == [3.0, 3.0, -1.0, 3.0]


def test_channels_can_be_taken_apart():
    second = WIDE.take_channels(slice(1, 2))
    np.testing.assert_array_equal(second([1, 2, 3, None])[:, 0], WIDE([1, 2, 3, None])[:, 1])


def test_the_module_computes_the_same_from_codes_and_learns():
    labels = ["white", "green", None, "red"]
    codes = COLOURS.codes(labels)
    assert codes.tolist() == [2, 3, 4, 1]
    module = COLOURS.as_module(torch.float64)
    found = module(torch.from_numpy(codes))
    np.testing.assert_array_equal(found.detach().numpy(), COLOURS(labels))
    found.sum().backward()
    assert module.values.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError, match="'levels' attribute of a CategoryActivation"):
        COLOURS.levels = ()
    with pytest.raises(ValueError, match="read-only"):
        COLOURS.values[0] = 1.0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ((["a", "a"], [1, 2]), "'levels' .* not repeat a label"),
        ((["a", 1], [1, 2]), "strings, numbers or booleans"),
        ((["a", None], [1, 2]), "not hold missing labels"),
        (([], []), "at least one label"),
        (("ab", [1, 2]), "at least one label"),
        ((["a", "b"], [1, 2, 3]), "one row per level"),
        ((["a"], [np.nan]), "'values' parameter of CategoryActivation must be finite"),
        ((["a"], [[1, 2]], 3.0), "'missing' .* 2 numbers, one per channel"),
        ((["a"], [1], None, [1, 2]), "'unknown' .* one number"),
    ],
)
def test_unusable_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        CategoryActivation(*parameters)


# Splines with a value for missing numbers


def test_a_spline_has_a_value_for_missing_numbers_if_one_is_given():
    plain = SplineActivation([0, 1], [0, 1])
    with_value = SplineActivation([0, 1], [0, 1], missing=7)
    assert np.isnan(plain(np.nan))
    assert with_value([np.nan, 0.5]).tolist() == [7.0, 0.5]
    assert with_value != plain and hash(with_value) != hash(plain)
    assert "missing" not in plain.to_json()
    assert SplineActivation.from_json(with_value.to_json()) == with_value
    assert pickle.loads(pickle.dumps(with_value)) == with_value


def test_the_value_for_missing_numbers_stays_when_a_spline_is_changed():
    wide = SplineActivation([0, 1], [[0, 1], [1, 2]], missing=[5, 6])
    assert wide([np.nan]).tolist() == [[5.0, 6.0]]
    assert wide.take_channels(slice(1, 2))(np.nan).tolist() == [6.0]
    assert wide.scale_argument(2.0)(np.nan).tolist() == [5.0, 6.0]
    with pytest.raises(ValueError, match="'missing' .* 2 numbers"):
        SplineActivation([0, 1], [[0, 1], [1, 2]], missing=5)


def test_the_module_of_a_spline_learns_the_value_for_missing_numbers():
    module = SplineActivation([0, 1], [0, 1], "linear", missing=7).as_module(torch.float64)
    x = torch.tensor([float("nan"), 0.25], dtype=torch.float64)
    found = module(x)
    assert found.tolist() == [7.0, 0.25]
    found.sum().backward()
    assert module.missing.grad.item() == 1.0
    assert module.values.grad.tolist() == [0.75, 0.25]
