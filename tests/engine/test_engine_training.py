"""Training of stacks against each network alone, a plain loop, and the meaning of the window."""

import math

import pytest
import torch
from torch.autograd import grad

from skibias.engine import splines, training
from skibias.engine.activations import fixed_activation
from skibias.engine.episodes import Rows, stream
from skibias.engine.losses import squared_error
from skibias.engine.networks import Architecture, Functions, Model, outputs
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.steps import Descent
from skibias.engine.training import BestSoFar, StackRows, TrainingSettings, training_steps

ARCHITECTURE = Architecture(3, (16, 16), 2)
TRAIN, VALIDATION = torch.arange(30), torch.arange(30, 40)


def make_rows(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 3, generator=generator, dtype=dtype)
    return Rows(inputs, inputs[:, :2].sin(), torch.ones(40, dtype=dtype))


def draw_stack(n_networks, dtype=torch.float32):
    drawn = [ARCHITECTURE.layout.draw(stream(0, number)) for number in range(n_networks)]
    return torch.stack(drawn).to(dtype)


def settings(n_networks, **changes):
    """Return settings; changes may be of the descent, too."""
    descent = Descent(OPTIMIZERS["sgd"], squared_error, torch.full((n_networks, 1), 0.05))
    own = {name: changes.pop(name) for name in descent._fields if name in changes}
    return TrainingSettings(descent._replace(**own), **(dict(batch_size=7, n_steps=60) | changes))


def train(model, functions, weights, own_settings, rows=None, data=None):
    """Return the states of a training; by default on rows that all networks share."""
    data = make_rows(weights.dtype) if data is None else data
    stack = StackRows(data, *(rows or ([TRAIN], [VALIDATION])))
    return list(training_steps(model, functions, weights, stack, own_settings, stream(0)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_stack_equals_each_network_alone_bit_for_bit(optimizer):
    # Candidates are compared in one stack: none may depend on those that stand beside it.
    weights, rates = draw_stack(3), torch.tensor([[0.05], [0.01], [0.001]])
    values = torch.randn(3, 1, 9, generator=torch.Generator().manual_seed(1))
    grids = [splines.uniform_grid(-2.0, 2.0, count) for count in (9, 5, 9)]

    def run(part):
        own = settings(0, optimizer=OPTIMIZERS[optimizer], learning_rate=rates[part])
        model = Model(ARCHITECTURE, grid=splines.stack_grids(grids[part]))
        return train(model, Functions(values[part]), weights[part], own)

    together = run(slice(0, 3))
    for number in range(3):
        for whole, alone in zip(together, run(slice(number, number + 1)), strict=True):
            assert torch.equal(whole.averaged_weights[number], alone.averaged_weights[0])
            assert torch.equal(whole.validation_loss[number], alone.validation_loss[0])


def test_networks_on_the_same_fold_see_the_same_batches():
    # Two candidates on three folds of different sizes: none may depend on the other candidate.
    folds = [torch.arange(30), torch.arange(8, 40), torch.arange(5, 31)], [VALIDATION] * 3
    weights = draw_stack(1).expand(6, -1).clone()
    model, functions = Model(ARCHITECTURE, fixed_activation("tanh")), Functions()
    both = train(model, functions, weights, settings(6), folds)[-1].averaged_weights
    alone = train(model, functions, weights[:3], settings(3), folds)[-1].averaged_weights
    assert torch.equal(both[:3], alone)
    assert torch.equal(both[3:], alone)


def test_input_functions_train_alike_in_a_stack_and_alone():
    architecture = Architecture(3 * 4, (16, 16), 2, trained_inputs=(3, 5, 4))
    weights = torch.stack([architecture.layout.draw(stream(0, number)) for number in range(3)])
    functions = Functions(inputs=torch.linspace(-1, 1, 5)[:, None].expand(3, 5, 4))
    data = make_rows()
    data = data._replace(inputs=data.inputs.clamp(-2, 2) + 2)
    model, own = Model(architecture, fixed_activation("relu")), settings(1, n_steps=50)
    together = train(model, functions, weights, own, data=data)[-1]
    change = together.averaged_weights[:, architecture.n_layer_weights :]
    assert (change.abs().amax(1) > 0.001).all()
    for number in range(3):
        alone = train(model, functions, weights[number : number + 1], own, data=data)[-1]
        assert torch.equal(together.averaged_weights[number], alone.averaged_weights[0])


def test_kept_weights_are_the_mean_of_the_last_fifty_steps_of_gradient_descent():
    # P E.1. Batches of all rows, so that a plain loop can follow; loss on the averaged weights.
    rows, weights = make_rows(torch.float64), draw_stack(2, torch.float64)
    model = Model(ARCHITECTURE, fixed_activation("tanh"))
    own = settings(2, batch_size=30, n_steps=120, evaluation_interval=30)
    states = {state.step: state for state in train(model, Functions(), weights, own)}
    assert list(states) == [30, 60, 90, 120]

    path = [weights]
    for _ in range(120):
        last = path[-1].requires_grad_()
        errors = outputs(model, last, Functions(), rows.inputs[:30]) - rows.targets[:30]
        path.append((last - 0.05 * grad(errors.square().mean((1, 2)).sum(), last)[0]).detach())
    for step, state in states.items():
        expected = torch.stack(path[1:][max(0, step - 50) : step]).mean(0)
        torch.testing.assert_close(state.averaged_weights, expected, rtol=1e-6, atol=1e-9)
        errors = outputs(model, expected, Functions(), rows.inputs[30:]) - rows.targets[30:]
        expected_loss = errors.square().mean((1, 2))
        torch.testing.assert_close(state.validation_loss, expected_loss, rtol=1e-6, atol=0)


def test_networks_can_be_evaluated_together_and_by_another_loss_than_their_own():
    model, weights = Model(ARCHITECTURE, fixed_activation("tanh")), draw_stack(4)

    def largest_error(predictions, targets, row_weights):
        return (predictions - targets).abs().amax((-1, -2))

    alone = train(model, Functions(), weights, settings(1))[-1]
    pairs = train(
        model, Functions(), weights, settings(1, n_averaged=2, validation_loss=largest_error)
    )
    assert torch.equal(pairs[-1].averaged_weights, alone.averaged_weights)
    rows = make_rows()
    predictions = outputs(model, alone.averaged_weights, Functions(), rows.inputs[30:])
    means = predictions.reshape(2, 2, 10, 2).mean(1)
    expected = largest_error(means, rows.targets[30:], None)
    torch.testing.assert_close(pairs[-1].validation_loss, expected)


def test_the_last_step_is_evaluated_between_intervals_too():
    model = Model(ARCHITECTURE, fixed_activation("relu"))
    states = train(model, Functions(), draw_stack(1), settings(1, n_steps=70))
    assert [state.step for state in states] == [50, 70]


def test_a_diverged_network_has_infinite_loss_and_leaves_the_others_alone():
    # nan would win or lose a comparison by accident; inf always loses.
    model, rates = Model(ARCHITECTURE, fixed_activation("relu")), torch.tensor([0.05, 1e20, 0.02])
    results = []
    for part in (slice(0, 3), slice(0, 3, 2)):
        own = settings(0, learning_rate=rates[part, None])
        results.append(train(model, Functions(), draw_stack(3)[part], own)[-1].validation_loss)
    assert results[0][1] == math.inf
    assert torch.equal(results[0][::2], results[1])


def test_every_row_is_seen_once_per_epoch_in_a_new_order():
    # The loss sees the targets, and the targets are the numbers of the rows.
    seen = []

    def loss(predictions, targets, weights):
        seen.append(targets[:, 0].long().tolist())
        return squared_error(predictions, targets, weights)

    data = make_rows()._replace(targets=torch.arange(40.0)[:, None].expand(40, 2))
    own = settings(1, loss=loss, batch_size=8, n_steps=8, evaluation_interval=99)
    model = Model(ARCHITECTURE, fixed_activation("tanh"))
    train(model, Functions(), draw_stack(1), own, data=data)
    batches = seen[:8]  # the ninth is the evaluation
    assert [len(batch) for batch in batches] == [8, 8, 7, 7] * 2
    epochs = [[row for batch in part for row in batch] for part in (batches[:4], batches[4:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == TRAIN.tolist()
    assert epochs[0] != epochs[1]


def test_networks_with_rows_of_their_own_never_see_those_of_others():
    # As in cross-validation: network 1 must come out the same whatever network 0 trains on.
    model, weights = Model(ARCHITECTURE, fixed_activation("tanh")), draw_stack(2)
    rows = (
        [torch.arange(15), torch.arange(15, 30)],
        [torch.arange(30, 35), torch.arange(35, 40)],
    )
    broken = make_rows()
    broken.targets[:15] = math.nan
    good, damaged = (
        train(model, Functions(), weights, settings(2), rows, data)[-1]
        for data in (make_rows(), broken)
    )
    assert torch.equal(good.averaged_weights[1], damaged.averaged_weights[1])
    assert damaged.averaged_weights[0].isnan().any()
    errors = outputs(model, good.averaged_weights, Functions(), make_rows().inputs)
    errors = (errors - make_rows().targets).square().mean(-1)
    expected = torch.stack([errors[0, 30:35].mean(), errors[1, 35:40].mean()])
    torch.testing.assert_close(good.validation_loss, expected)


def test_the_best_so_far_waits_for_lower_losses_and_ends_one_by_one():
    best = BestSoFar.start(3)
    for losses in ([2.0, 1.0, math.inf], [1.0, 1.0, math.nan], [1.5, 3.0, math.inf]):
        best = best.update(torch.tensor(losses), patience=2)
    assert best.losses.tolist() == [1.0, 1.0, math.inf]
    assert best.waited.tolist() == [1, 2, 3]
    assert not best.have_ended(2)
    # The second and the third have ended: no later loss counts.
    best = best.update(torch.tensor([2.0, 0.5, 0.5]), patience=2)
    assert best.losses.tolist() == [1.0, 1.0, math.inf]
    assert best.have_ended(2)


def test_training_leaves_the_given_weights_as_they_were():
    weights = draw_stack(2)
    train(Model(ARCHITECTURE, fixed_activation("tanh")), Functions(), weights, settings(2))
    assert torch.equal(weights, draw_stack(2))
    assert not weights.requires_grad


@pytest.mark.parametrize(("n_blocks", "more_rows"), [(0, 1), (1, 0), (1, 1), (2, 333)])
def test_prediction_in_blocks_equals_prediction_at_once(n_blocks, more_rows):
    architecture = Architecture(3, (512,), 2)
    weights = torch.stack([architecture.layout.draw(stream(0, n)) for n in range(3)]).double()
    block = training.PREDICTED_VALUES["cpu"] // (512 * len(weights))
    n_rows = n_blocks * block + more_rows
    inputs = torch.randn(n_rows, 3, generator=stream(1), dtype=torch.float64)
    blocks = []

    def recorded_tanh(z, layer):
        blocks.append(z.shape[-2])
        return z.tanh()

    model = Model(architecture, recorded_tanh)
    found = training.predict(model, weights, Functions(), inputs)
    assert blocks == [block] * n_blocks + [more_rows] * (more_rows > 0)
    assert found.shape == (3, n_rows, 2)
    at_once = outputs(model, weights, Functions(), inputs, frozen=True)
    torch.testing.assert_close(found, at_once, rtol=1e-12, atol=1e-14)


def test_predictions_apart_are_those_of_the_stack(large_stack):
    model, weights, functions, inputs = large_stack
    expected = training.predict(model, weights, functions, inputs)
    n_calls = []

    def run(calls):
        n_calls.append(len(calls))
        return [call() for call in calls]

    assert torch.equal(training.predict_apart(model, weights, functions, inputs, run), expected)
    few = training.predict_apart(model, weights, functions, inputs[:9], run)
    assert torch.equal(few, training.predict(model, weights, functions, inputs[:9]))
    assert n_calls == [3]
