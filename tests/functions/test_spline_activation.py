"""The learned function as an object."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.overrides import TorchFunctionMode

from skibias import LearnedActivationMLPClassifier, SplineActivation
from skibias._prepare.columns import apply_functions
from skibias.functions.fixed import FixedActivation

X = np.linspace(-4, 4, 201)


def torch_calls(function, *arguments):
    """Return the names of the functions of torch that a call makes, in order."""
    names = []

    class Recorder(TorchFunctionMode):
        def __torch_function__(self, called, types, args=(), kwargs=None):
            names.append(called.__name__)
            return called(*args, **kwargs or {})

    with Recorder():
        function(*arguments)
    assert names
    return names


def test_values_are_numpy_interp():
    knots, values = np.array([-1.0, 0.5, 0.7, 3.0]), np.array([2.0, -1.0, 4.0, 0.0])
    spline = SplineActivation(knots, values)
    np.testing.assert_allclose(spline(X), np.interp(X, knots, values), atol=1e-12)
    np.testing.assert_allclose(spline(X.tolist()), spline(X))
    np.testing.assert_array_equal(spline(X[::-1]), spline(X)[::-1])
    assert spline(0.5) == -1.0
    assert np.ndim(spline(0.5)) == 0


def test_relu_and_hat_are_exact_everywhere():
    far = np.array([-1e6, -1.0, 0.0, 1e-9, 3.3, 1e6])
    np.testing.assert_array_equal(SplineActivation.relu()(far), np.maximum(far, 0))
    np.testing.assert_array_equal(
        SplineActivation.hat()([-1, 0, 0.25, 1, 1.5, 2, 9]), [0, 0, 0.25, 1, 0.5, 0, 0]
    )


def test_values_are_finite_where_slopes_would_not_be():
    close = SplineActivation([0, 1e-305, 1], [0, 1e6, 0])
    np.testing.assert_allclose(close([-1, 0, 5e-306, 1e-305, 0.5, 2]), [0, 0, 5e5, 1e6, 5e5, 0])


def test_from_function_passes_through_the_function_at_the_knots():
    spline = SplineActivation.from_function(np.tanh, domain=(-5, 5), n_knots=50)
    np.testing.assert_allclose(spline(spline.knots), np.tanh(spline.knots))
    assert len(spline.knots) == 50
    assert np.abs(spline(X) - np.tanh(X)).max() < 0.005


def test_scaling_the_argument():
    spline = SplineActivation.from_function(np.sin, extrapolation="linear")
    np.testing.assert_allclose(spline.scale_argument(3.0)(X), spline(3 * X), atol=1e-9)


def test_several_channels_stand_side_by_side():
    spline = SplineActivation([0, 1, 3], [[0, 5], [1, 5], [-1, 6]])
    assert spline.n_channels == 2
    result = spline(X.reshape(3, 67))
    assert result.shape == (3, 67, 2)
    np.testing.assert_allclose(
        result[..., 0].ravel(), np.interp(X, [0, 1, 3], [0, 1, -1]), atol=1e-12
    )


def through_joblib(spline):
    file = io.BytesIO()
    joblib.dump(spline, file)
    file.seek(0)
    return joblib.load(file)


def through_clone(spline):
    return clone(LearnedActivationMLPClassifier(activation=spline)).activation


COPIES = {
    "json": lambda spline: SplineActivation.from_json(spline.to_json()),
    **{
        f"pickle {protocol}": lambda spline, p=protocol: pickle.loads(pickle.dumps(spline, p))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "joblib": through_joblib,
    "clone": through_clone,
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_equal_to_the_last_bit(name):
    spline = SplineActivation(
        [0.1, 1 / 3, 2.0], np.random.default_rng(0).normal(size=(3, 2)), "linear"
    )
    again = COPIES[name](spline)
    assert again == spline
    assert hash(again) == hash(spline)
    assert again != SplineActivation([0.1, 1 / 3, 2.0], [0, 0, 0])
    assert not again.knots.flags.writeable and not again.values.flags.writeable


@pytest.mark.parametrize("name", [name for name in COPIES if name not in ("json", "clone")])
@pytest.mark.parametrize("make", [SplineActivation.hat, lambda: FixedActivation("tanh", 2.0)])
def test_attributes_cannot_be_replaced_in_copies_either(make, name):
    function = make()
    again = COPIES[name](function)
    assert again == function
    for own in (function, again):
        before = hash(own)
        for attribute in [*vars(own), "other"]:
            message = f"'{attribute}' attribute of a .* cannot be changed. Make a new .*Activation"
            with pytest.raises(AttributeError, match=message):
                setattr(own, attribute, 1.0)
            with pytest.raises(AttributeError, match=message):
                delattr(own, attribute)
        assert hash(own) == before


def test_instances_do_not_change():
    values = np.zeros(3)
    spline = SplineActivation([0, 1, 2], values)
    values[:] = 1
    assert spline(1.0) == 0
    with pytest.raises(ValueError, match="read-only"):
        spline.values[0] = 1


@pytest.mark.parametrize("knots", [np.linspace(-2, 2, 9), np.array([-2, -1.9, 0.3, 2])])
@pytest.mark.parametrize("extrapolation", ["constant", "linear"])
def test_the_module_computes_the_same_on_both_paths(knots, extrapolation):
    spline = SplineActivation(knots, np.cos(3 * knots), extrapolation)
    module = spline.as_module(torch.float64)
    x = torch.tensor(X, requires_grad=True)
    learning = module(x)
    (slope,) = torch.autograd.grad(learning.sum(), x)
    fast = module.requires_grad_(False)(x)
    (fast_slope,) = torch.autograd.grad(fast.sum(), x)
    np.testing.assert_allclose(learning.detach(), spline(X), atol=1e-12)
    np.testing.assert_allclose(fast.detach(), spline(X), atol=1e-12)
    np.testing.assert_array_equal(slope, fast_slope)
    np.testing.assert_allclose(spline(torch.tensor(X)), spline(X), atol=1e-12)


def test_the_module_learns_its_values():
    module = SplineActivation.from_function(np.zeros_like, (-3, 3), 31).as_module()
    x = torch.linspace(-3, 3, 500)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = (module(x) - torch.sin(2 * x)).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 1e-3
    assert set(module.state_dict()) == {"values", "knots"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 0, 1], [0, 1, 2]), "'knots' parameter.*strictly increasing"),
        (([0], [0]), "'knots' parameter.*at least two"),
        (([0, 1], [0, 1, 2]), r"'values' parameter.*one row per knot \(2\)"),
        (([0, np.nan], [0, 1]), "'knots' parameter.*finite"),
        (([0, 1], [0, np.inf]), "'values' parameter.*finite"),
        (([0, 1], ["a", "b"]), "'values' parameter.*numbers"),
        (([0, 1], [0, 1], "cubic"), "'extrapolation' parameter.*'cubic'"),
    ],
)
def test_unusable_arguments_are_refused_by_name(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        SplineActivation(*arguments)


def test_a_module_has_one_channel():
    with pytest.raises(ValueError, match="'activation' parameter"):
        SplineActivation([0, 1], [[0, 1], [1, 0]]).as_module()


def test_knots_of_a_tiny_unit_lie_close_together():
    # As slopes and intercepts, these functions would be beyond float64.
    values = [-2e6, 2e6, 1e6]
    tiny = SplineActivation(np.array([0, 1, 3]) * 1e-301, values)
    x = np.array([-9, 0, 0.25, 1, 2, 3, 9])
    np.testing.assert_allclose(tiny(x * 1e-301), SplineActivation([0, 1, 3], values)(x), rtol=1e-12)


def test_infinite_arguments_take_the_end_values():
    np.testing.assert_array_equal(SplineActivation([0, 1], [5, 6])([-np.inf, np.inf]), [5, 6])


def test_knots_that_fall_together_in_the_dtype_of_a_tensor_leave_numbers():
    function = SplineActivation([0, 1e9, 1e9 + 1], [0, 1, 2])
    assert torch.isfinite(function(torch.tensor([0.0, 1e9, 2e9]))).all()


EVEN, UNEVEN = np.linspace(-5.1, 4.7, 50), np.linspace(-1, 1, 50) ** 3


@pytest.mark.parametrize("before", [EVEN, UNEVEN, EVEN / 2 + 1])
@pytest.mark.parametrize("after", [EVEN, UNEVEN])
def test_a_module_takes_over_the_knots_that_it_loads(before, after):
    saved = SplineActivation(after, np.sin(3 * after)).as_module()
    loaded = SplineActivation(before, np.cos(before)).as_module()
    loaded.load_state_dict(saved.state_dict())
    x = torch.linspace(-6, 6, 301)
    torch.testing.assert_close(loaded(x), saved(x), atol=1e-5, rtol=0)
    # Equally spaced knots need no search.
    assert torch_calls(loaded, x) == torch_calls(saved, x)
    assert ("bucketize" in torch_calls(loaded, x)) == (after is UNEVEN)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool])
def test_whole_numbers_are_taken_as_floats(dtype):
    x = torch.tensor([0, 1, 1], dtype=dtype)
    torch.testing.assert_close(SplineActivation.hat()(x), torch.tensor([0.0, 1.0, 1.0]))


def test_equal_functions_have_equal_hashes():
    one = SplineActivation([-1.0, 0.0, 1.0], [0.0, -0.0, 2.0])
    other = SplineActivation([-1.0, -0.0, 1.0], [-0.0, 0.0, 2.0])
    assert one == other
    assert len({one, other}) == 1


def columns_with_functions(n_rows, channels):
    """Return columns, within and outside the knots, and a function of each."""
    rng = np.random.default_rng(0)
    table = rng.normal(scale=3.0, size=(n_rows, len(channels)))
    functions = []
    for number, n_channels in enumerate(channels):
        knots = np.sort(rng.normal(size=2 + number))
        shape = (len(knots),) if n_channels is None else (len(knots), n_channels)
        extrapolation = "linear" if number % 3 else "constant"
        functions.append(SplineActivation(knots, rng.normal(size=shape), extrapolation))
    table[: min(5, n_rows), 0] = functions[0].knots[0]  # on a knot
    return table, functions


@pytest.mark.parametrize("n_rows", [0, 1, 7, 30_000])
@pytest.mark.parametrize("channels", [[None] * 4, [8] * 5, [1], [3, None, 2, 3, 1, 2]])
def test_columns_looked_up_at_once_are_their_functions(n_rows, channels):
    table, functions = columns_with_functions(n_rows, channels)
    expected = [
        function(column).reshape(n_rows, function.n_channels or 1)
        for function, column in zip(functions, table.T, strict=True)
    ]
    for n_threads in (1, 3):
        found = apply_functions(table, functions, n_threads)
        np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-15)


def test_looking_up_columns_leaves_them_as_they_are():
    table, functions = columns_with_functions(50, [2, 2, 2])
    for order in ("C", "F"):
        given = np.array(table, order=order)
        apply_functions(given, functions)
        np.testing.assert_array_equal(given, table)


def test_columns_are_looked_up_without_a_loop():
    few, many = (columns_with_functions(1, [2] * n_columns) for n_columns in (3, 100))
    assert apply_functions(*many).shape == (1, 200)
    assert torch_calls(apply_functions, *few) == torch_calls(apply_functions, *many)


def test_columns_of_a_table_do_not_warn():
    table = np.arange(12.0).reshape(6, 2)
    spline = SplineActivation([0.0, 3.0, 11.0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(spline(table[:, 1]), spline(table[:, 1].copy()))
    column = torch.from_numpy(table)[:, 1]
    assert torch.equal(spline(column), spline(column.clone()))
