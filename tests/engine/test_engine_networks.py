"""Networks against torch.nn, and stacks of networks against each network alone."""

import math

import pytest
import torch
from torch import nn
from torch.autograd import grad

from skibias.engine import splines
from skibias.engine.activations import FIXED_FUNCTIONS, fixed_activation, spline_activation
from skibias.engine.episodes import stream
from skibias.engine.networks import (
    INPUT_RATE,
    Architecture,
    Components,
    Functions,
    Model,
    add_to_outputs,
    outputs,
    representations,
    unpack_layers,
)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def draw_stack(architecture, n_networks):
    return torch.stack([architecture.layout.draw(stream(0, r)) for r in range(n_networks)])


class Residual(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return x + self.block(x)


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "sin", "hat", "identity"])
@pytest.mark.parametrize("widths", [(7,), (7, 5, 6), (4, 4, 7, 7), ()])
def test_forward_equals_torch_modules_with_the_same_weights(name, widths):
    # (4, 4, 7, 7) has residual connections around layers 1, 2 and 4; () is a linear model.
    class Activation(nn.Module):
        def forward(self, z):
            return FIXED_FUNCTIONS[name](z)

    architecture = Architecture(4, widths, 3)
    linear = [nn.Linear(n_in, n_out) for n_in, n_out in architecture.layer_shapes]
    blocks = [nn.Sequential(layer, Activation()) for layer in linear[:-1]]
    blocks = [
        Residual(block) if block[0].in_features == block[0].out_features else block
        for block in blocks
    ]
    module = nn.Sequential(*blocks, linear[-1]).double()
    parts = [part for layer in linear for part in (layer.weight.T.flatten(), layer.bias)]
    weights = torch.cat(parts)
    x = normal(20, 4, dtype=torch.float64)
    model = Model(architecture, fixed_activation(name))
    torch.testing.assert_close(outputs(model, weights, Functions(), x), module(x))


def test_every_weight_is_in_one_segment_of_the_layout():
    components = Components(gate="tanh")
    architecture = Architecture(4, (7, 5), 3, trained_inputs=(2, 3, 2), components=components)
    parts = architecture.layout.split(torch.arange(2.0 * architecture.n_weights).view(2, -1))
    layers = (4 + 1) * 7 + (7 + 1) * 5
    assert architecture.n_layer_weights == 2 * layers + (5 + 1) * 3
    assert architecture.n_weights == architecture.n_layer_weights + 2 * 3 * 2
    assert parts["layer 1 matrix"].shape == (2, 7, 5)
    assert parts["gate 1 bias"].shape == (2, 1, 5)
    assert parts["input changes"].shape == (2, 2, 3, 2)
    numbers = torch.cat([part.flatten(1) for part in parts.values()], 1)
    assert torch.equal(numbers.flatten(), torch.arange(2.0 * architecture.n_weights))


def test_a_greater_last_bias_raises_the_outputs():
    architecture = Architecture(4, (5,), 2, trained_inputs=(2, 3, 2))
    weights, offset = draw_stack(architecture, 3), torch.tensor([1.0, -2.0])
    moved = add_to_outputs(weights, architecture, offset)
    model, x = Model(architecture, fixed_activation("relu")), 2 * normal(9, 2).sigmoid()
    functions = Functions(inputs=normal(2, 3, 2))
    before, after = (outputs(model, own, functions, x) for own in (weights, moved))
    torch.testing.assert_close(after, before + offset)


@pytest.mark.parametrize("spectral_normalization", [False, True])
@pytest.mark.parametrize("chunks", [(1,) * 7, (2, 5), (3, 3, 1)])
@pytest.mark.parametrize("widths", [(16, 16), (20, 8), ()])
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("own_rows", [False, True], ids=["shared rows", "own rows"])
def test_a_stack_equals_its_networks_alone_bit_for_bit(
    own_rows, n_outputs, widths, chunks, spectral_normalization
):
    # Results must not depend on how restarts are put into stacks. Hidden widths are multiples
    # of 4: otherwise MKL's rounding depends on how each matrix lies in memory.
    # Rows of their own pass through input functions, two channels for each of three columns.
    architecture = Architecture(3 * 2, widths, n_outputs, spectral_normalization)
    grids = [splines.uniform_grid(-2.0, 2.0, count) for count in (5, 9, 9, 7, 9, 3, 4)]
    tables = [draw_stack(architecture, 7), normal(7, 2, 9)]
    tables += [normal(7, 3, 6, 2, seed=1)] if own_rows else []
    x = 5 * normal(7, 65, 3, seed=2).sigmoid() if own_rows else normal(65, 6, seed=2)

    def run(part, frozen):
        leaves = [table[part].clone().requires_grad_() for table in tables]
        model = Model(architecture, grid=splines.stack_grids(grids[part]))
        own_x = x[part] if own_rows else x
        result = outputs(model, leaves[0], Functions(*leaves[1:]), own_x, frozen)
        wanted = leaves[:1] if frozen else leaves
        return [result, *grad(result.square().sum(), wanted, materialize_grads=True)]

    ends = torch.tensor(chunks).cumsum(0).tolist()
    parts = [slice(end - size, end) for end, size in zip(ends, chunks, strict=True)]
    for frozen in (False, True):
        together = run(slice(0, 7), frozen)
        separate = zip(*(run(part, frozen) for part in parts), strict=True)
        for whole, pieces in zip(together, separate, strict=True):
            assert torch.equal(whole, torch.cat(pieces))


def test_a_network_without_leading_axes_equals_a_stack_of_one():
    architecture = Architecture(4, (8,), 2)
    weights, x = draw_stack(architecture, 1), normal(30, 4)
    model = Model(architecture, fixed_activation("tanh"))
    stack = outputs(model, weights, Functions(), x)
    torch.testing.assert_close(outputs(model, weights[0], Functions(), x), stack[0])


def test_each_network_can_have_its_own_prefactor():
    architecture = Architecture(4, (8, 5), 2)
    weights, x = draw_stack(architecture, 3), normal(30, 4)
    prefactors = torch.tensor([1.0, 2.0, 8.0])
    stack = Model(architecture, fixed_activation("tanh", prefactors[:, None, None]))
    together = outputs(stack, weights, Functions(), x)
    for number, prefactor in enumerate(prefactors.tolist()):
        model = Model(architecture, fixed_activation("tanh", prefactor))
        torch.testing.assert_close(
            together[number], outputs(model, weights[number], Functions(), x)
        )


def test_hat_is_its_three_straight_pieces():
    z = torch.tensor([-1.0, 0.0, 0.25, 1.0, 1.5, 2.0, 5.0])
    expected = torch.tensor([0.0, 0.0, 0.25, 1.0, 0.5, 0.0, 0.0])
    assert torch.equal(FIXED_FUNCTIONS["hat"](z), expected)


def test_one_function_for_all_layers_equals_the_same_function_in_every_layer():
    architecture = Architecture(4, (8, 6, 6), 2)
    model = Model(architecture, grid=splines.uniform_grid(-1.0, 1.0, 5))
    weights, x, values = draw_stack(architecture, 1)[0], normal(30, 4), normal(1, 5, seed=1)
    shared = outputs(model, weights, Functions(values), x)
    assert torch.equal(outputs(model, weights, Functions(values.expand(3, 5)), x), shared)


def test_each_layer_uses_its_own_function():
    # Heights 0, 1, 2 everywhere, so a representation tells which function made it.
    architecture = Architecture(4, (3, 5, 6), 2)
    grid = splines.uniform_grid(-1.0, 1.0, 2)
    values = torch.arange(3.0)[:, None].expand(3, 2)
    weights = draw_stack(architecture, 1)[0]
    activation = spline_activation(values, grid)
    layers = representations(weights, normal(9, 4), architecture, activation)[1:]
    for number, layer in enumerate(layers):
        assert (layer == number).all()


def test_spectral_normalisation_makes_the_largest_singular_value_one():
    architecture = Architecture(4, (8, 1, 6), 3, spectral_normalization=True)
    for matrix, _ in unpack_layers(5 * draw_stack(architecture, 3), architecture):
        largest = torch.linalg.svdvals(matrix)[:, 0]
        torch.testing.assert_close(largest, torch.ones(3))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_spectral_normalisation_survives_a_diverged_network(bad):
    # LAPACK refuses NaN; one diverged network must not stop the stack.
    architecture = Architecture(4, (8,), 3, spectral_normalization=True)
    weights = draw_stack(architecture, 3)
    model, x = Model(architecture, fixed_activation("relu")), normal(10, 4)
    broken = weights.clone()
    broken[1] = bad
    broken.requires_grad_()
    whole = outputs(model, weights.requires_grad_(), Functions(), x)
    damaged = outputs(model, broken, Functions(), x)
    assert torch.equal(damaged[::2], whole[::2])
    (gradient,) = grad(damaged.sum(), broken)
    assert gradient[::2].isfinite().all()


def test_weights_are_drawn_as_torch_draws_those_of_linear_layers():
    architecture = Architecture(50, (400, 30), 7)
    layers = unpack_layers(architecture.layout.draw(stream(0)), architecture)
    for (matrix, bias), (n_in, n_out) in zip(layers, architecture.layer_shapes, strict=True):
        bound = n_in**-0.5
        reference = nn.Linear(n_in, n_out)
        for part, other in ((matrix, reference.weight), (bias, reference.bias)):
            assert part.abs().max() <= bound
            assert other.abs().max() <= bound
        # A uniform law on ±bound has this standard deviation; 210 numbers give it to 5 %.
        for part in (matrix, reference.weight):
            assert float(part.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.1)
            assert abs(float(part.detach().mean())) < 0.15 * bound


def trained_inputs_problem(n_networks=3):
    # Two columns, four knots, three channels: six inputs of the first layer.
    architecture = Architecture(6, (8, 8), 2, trained_inputs=(2, 4, 3))
    functions = Functions(inputs=normal(2, 4, 3, seed=3))
    positions = 3 * torch.rand(30, 2, generator=torch.Generator().manual_seed(4))
    return Model(architecture, fixed_activation("tanh")), functions, positions


def test_trained_input_functions_start_as_the_given_ones():
    model, functions, positions = trained_inputs_problem()
    weights = draw_stack(model.architecture, 3)
    plain = model._replace(architecture=model.architecture._replace(trained_inputs=None))
    layers = weights[:, : model.architecture.n_layer_weights]
    assert weights.shape[1] - layers.shape[1] == 2 * 4 * 3
    expected = outputs(plain, layers, functions, positions)
    assert torch.equal(outputs(model, weights, functions, positions), expected)


def test_trained_input_functions_are_the_start_plus_each_networks_change():
    model, functions, positions = trained_inputs_problem()
    weights = draw_stack(model.architecture, 3)
    n_layers = model.architecture.n_layer_weights
    change = normal(3, 2, 4, 3, seed=5)
    weights[:, n_layers:] = change.flatten(1)
    plain = model._replace(architecture=model.architecture._replace(trained_inputs=None))
    for number, own in enumerate(outputs(model, weights, functions, positions)):
        tables = Functions(inputs=functions.inputs + INPUT_RATE * change[number])
        expected = outputs(plain, weights[number, :n_layers], tables, positions)
        torch.testing.assert_close(own, expected)


def test_only_the_knots_beside_a_row_are_trained():
    model, functions, _ = trained_inputs_problem()
    weights = draw_stack(model.architecture, 1).requires_grad_()
    positions = torch.tensor([[0.5, 2.5]])
    (gradient,) = grad(outputs(model, weights, functions, positions).sum(), weights)
    by_knot = gradient[0, model.architecture.n_layer_weights :].reshape(2, 4, 3).abs().sum(-1)
    assert (by_knot > 0).tolist() == [[True, True, False, False], [False, False, True, True]]
