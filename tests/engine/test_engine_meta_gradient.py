"""The gradient through inner training against finite differences and a graph cut by hand.

Everything is float64; S = 2 restarts of one network each unless said otherwise.
"""

import pytest
import torch
from torch.autograd import grad

from skibias.engine import splines
from skibias.engine.activations import fixed_activation
from skibias.engine.episodes import Rows, random_split
from skibias.engine.losses import squared_error
from skibias.engine.metalearn import (
    MetaSettings,
    Task,
    draw_batch,
    inner_steps,
    new_population,
    unrolled_loss,
)
from skibias.engine.networks import Architecture, Functions, Model, outputs
from skibias.engine.optim import OPTIMIZERS

N_KNOTS = 7
N_STEPS = 4
EPSILON = 1e-6


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def make_problem(learned, n_restarts=2, spectral_normalization=False):
    """Return a task and functions to learn: an "activation", the "inputs" or "both"."""
    inputs = (N_KNOTS - 1) * normal(40, 2).sigmoid()  # positions on knots, or plain numbers
    rows = Rows(inputs, normal(40, 1, seed=1), torch.ones(40, dtype=torch.float64))
    activation = 0.5 * normal(n_restarts, 2, N_KNOTS, seed=2)  # one per hidden layer
    tables = normal(n_restarts, 2, N_KNOTS, 2, seed=3)
    functions = Functions(
        None if learned == "inputs" else activation, None if learned == "activation" else tables
    )
    n_inputs = 2 if learned == "activation" else 4
    architecture = Architecture(n_inputs, (5, 5), 1, spectral_normalization)
    grid = splines.stack_grids([splines.uniform_grid(-2.0, 2.0, N_KNOTS)] * n_restarts)
    # Behind learned inputs stands tanh, which has no kinks for a finite difference to cross.
    model = Model(architecture, fixed_activation("tanh"), grid)
    return Task(rows, random_split(40, 0.4), model, squared_error), functions


def make_settings(optimizer="sgd", unroll_steps=(N_STEPS, N_STEPS)):
    return MetaSettings(
        outer_learning_rate=torch.full((len(unroll_steps),), 0.125),
        unroll_steps=torch.tensor(unroll_steps),
        n_networks=1,
        optimizer=OPTIMIZERS[optimizer],
        learning_rate=0.1 if optimizer in ("sgd", "momentum") else 0.02,
        batch_size=12,
    )


def draw_episode(task, settings, networks=(0, 1)):
    """Return what `unrolled_loss` takes: the networks, N_STEPS batches and validation rows."""
    population = new_population(task, [(network, 1) for network in networks], settings)
    batches = [
        draw_batch(task, population.train_rows, population, settings) for _ in range(N_STEPS)
    ]
    return population, batches, draw_batch(task, population.validation_rows, population, settings)


def meta_gradient(task, functions, episode, settings):
    leaves = functions.map(lambda table: table.clone().requires_grad_())
    loss, _, _ = unrolled_loss(task, leaves, *episode, settings)
    return grad(loss.sum(), [leaf for leaf in leaves if leaf is not None])


@pytest.mark.parametrize("spectral_normalization", [False, True])
@pytest.mark.parametrize("learned", ["activation", "inputs", "both"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_meta_gradient_equals_central_differences(optimizer, learned, spectral_normalization):
    task, functions = make_problem(learned, spectral_normalization=spectral_normalization)
    settings = make_settings(optimizer)
    episode = draw_episode(task, settings)
    gradients = meta_gradient(task, functions, episode, settings)

    def loss_at(table, entry, change):
        original = table[entry].clone()
        table[entry] += change
        loss = unrolled_loss(task, functions, *episode, settings)[0].sum().item()
        table[entry] = original
        return loss

    for table, gradient in zip([t for t in functions if t is not None], gradients, strict=True):
        largest = float(gradient.abs().max())
        assert largest > 1e-3
        for entry in list(torch.cartesian_prod(*map(torch.arange, table.shape)))[::3]:
            entry = tuple(entry.tolist())
            # Pre-activations are nowhere so near to a knot that a difference would cross it.
            above, below = loss_at(table, entry, EPSILON), loss_at(table, entry, -EPSILON)
            difference = (above - below) / (2 * EPSILON)
            assert float(gradient[entry]) == pytest.approx(difference, rel=1e-6, abs=1e-6 * largest)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("unroll_steps", [1, 2, 3])
def test_a_truncated_gradient_equals_that_of_a_graph_cut_by_hand(unroll_steps, optimizer):
    # P App. C: only the last t inner steps; weights and optimiser state arrive as constants.
    task, functions = make_problem("both", n_restarts=1)
    settings = make_settings(optimizer, unroll_steps=(unroll_steps,))
    population, batches, validation = draw_episode(task, settings, networks=(0,))

    leaves = functions.map(lambda table: table.clone().requires_grad_())
    weights, state = population.weights.clone().requires_grad_(), population.optimizer_state
    for steps_left, batch in zip(range(N_STEPS, 0, -1), batches, strict=True):
        if steps_left == unroll_steps:
            weights = weights.detach().requires_grad_()
            state = tuple(part.detach() for part in state)
        predictions = outputs(task.model, weights, leaves, batch.inputs)
        loss = squared_error(predictions, batch.targets, batch.weights).sum()
        (gradient,) = grad(loss, weights, create_graph=True)
        update, rate = settings.optimizer.update, settings.learning_rate
        weights, state = update(weights, gradient, state, rate)
    predictions = outputs(task.model, weights, leaves, validation.inputs)
    loss = squared_error(predictions, validation.targets, validation.weights).sum()
    by_hand = grad(loss, list(leaves))

    episode = population, batches, validation
    truncated = meta_gradient(task, functions, episode, settings)
    whole = meta_gradient(task, functions, episode, make_settings(optimizer, (N_STEPS,)))
    for result, expected, full in zip(truncated, by_hand, whole, strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-14)
        assert not torch.allclose(result, full, rtol=1e-3)  # else the test would show nothing


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_restarts_with_different_unroll_steps_equal_each_alone(optimizer):
    unroll_steps = (1, 3, 2, 10)
    task, functions = make_problem("both", n_restarts=4)
    settings = make_settings(optimizer, unroll_steps)
    episode = draw_episode(task, settings, networks=range(4))
    together = meta_gradient(task, functions, episode, settings)
    for restart, steps in enumerate(unroll_steps):
        alone_task, _ = make_problem("both", n_restarts=1)
        alone_settings = make_settings(optimizer, (steps,))
        alone = meta_gradient(
            alone_task,
            functions.map(lambda table, restart=restart: table[restart : restart + 1]),
            draw_episode(alone_task, alone_settings, networks=(restart,)),
            alone_settings,
        )
        for stacked, single in zip(together, alone, strict=True):
            assert torch.equal(stacked[restart], single[0])


def test_unrolling_returns_the_weights_that_plain_inner_steps_reach():
    # The graph is for the gradient only: it must not change the training.
    task, functions = make_problem("both")
    settings = make_settings("adam", unroll_steps=(1, 3))
    population, batches, validation = draw_episode(task, settings)
    _, weights, state = unrolled_loss(task, functions, population, batches, validation, settings)
    fresh = new_population(task, [(0, 1), (1, 1)], settings)
    trained = inner_steps(task, functions, fresh, N_STEPS, settings)
    assert trained.ages == (N_STEPS, N_STEPS)
    torch.testing.assert_close(weights, trained.weights)
    for part, expected in zip(state, trained.optimizer_state, strict=True):
        torch.testing.assert_close(part, expected)
