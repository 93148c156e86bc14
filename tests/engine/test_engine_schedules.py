"""The two schedules against a plain Algorithm 1, and what must hold for restarts of one stack."""

import copy
import math
from itertools import islice, pairwise

import pytest
import torch
from torch.autograd import grad

from skibias.engine import splines
from skibias.engine.episodes import Rows, draw_rows, random_split, stream
from skibias.engine.losses import squared_error
from skibias.engine.metalearn import (
    MetaSettings,
    Task,
    draw_batch,
    new_population,
    outer_step,
    unrolled_loss,
)
from skibias.engine.networks import Architecture, Functions, Model
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.schedules import SCHEDULES, ScheduleSettings, schedule_steps

LOW, HIGH = -2.0, 2.0
N_KNOTS = (7, 9, 5)  # of the functions of restarts 0, 1, 2
N_UNITS = 16  # of the hidden layer


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def make_task(restarts=(0, 1), n_inputs=2, n_rows=40, dtype=torch.float64, split=None):
    """Return a regression with one hidden layer whose function is to be learned."""
    inputs = normal(n_rows, n_inputs, seed=n_inputs, dtype=dtype)
    weights = torch.arange(n_rows, dtype=dtype) % 3 + 1
    rows = Rows(inputs, (3 * inputs[:, :1]).sin(), weights)
    grids = [splines.uniform_grid(LOW, HIGH, N_KNOTS[restart]) for restart in restarts]
    model = Model(Architecture(n_inputs, (N_UNITS,), 1), grid=splines.stack_grids(grids))
    return Task(rows, split or random_split(n_rows, 0.4), model, squared_error)


def make_functions(restarts=(0, 1), dtype=torch.float64):
    return Functions(0.5 * normal(3, 1, max(N_KNOTS), seed=5, dtype=dtype)[list(restarts)])


def make_settings(restarts=(0, 1), **changes):
    """Return settings of a schedule; changes may be of its own or of its outer steps."""
    meta = MetaSettings(
        outer_learning_rate=torch.tensor([0.125, 0.5, 0.25])[list(restarts)],
        unroll_steps=torch.full((len(restarts),), 3),
        n_networks=1,
        optimizer=OPTIMIZERS["sgd"],
        learning_rate=0.1,
        batch_size=12,
        first_restart=restarts[0],
    )
    settings = ScheduleSettings(meta, n_outer_steps=8, horizon=10, steps_between=3, patience=1000)
    return with_changes(settings, **changes)


def with_changes(settings, **changes):
    own = {name: changes.pop(name) for name in settings._fields if name in changes}
    return settings._replace(meta=settings.meta._replace(**changes), **own)


def steps_of(schedule, *args, **kwargs):
    return schedule_steps(SCHEDULES[schedule], *args, **kwargs)


def hat_basis_spline(values, z):
    """Linear spline, constant outside: sum of values * triangles, written without any table."""
    knots = torch.linspace(LOW, HIGH, len(values), dtype=z.dtype)
    step = (HIGH - LOW) / (len(values) - 1)
    triangles = torch.relu(1 - (z.clamp(LOW, HIGH)[..., None] - knots).abs() / step)
    return triangles @ values


def weighted_loss(theta, psi, data, rows):
    """Loss of a network with one hidden layer, one output and 2 or 3 inputs."""
    n_inputs = data.inputs.shape[1]
    matrix, bias, vector, constant = theta.split([N_UNITS * n_inputs, N_UNITS, N_UNITS, 1])
    hidden = hat_basis_spline(psi, data.inputs[rows] @ matrix.view(n_inputs, N_UNITS) + bias)
    errors = (hidden @ vector + constant - data.targets[rows, 0]) ** 2
    return (errors * data.weights[rows]).mean()


def algorithm_1(tasks, psi, restart, rate, unroll_steps, settings):
    """Yield (psi, validation loss) of P Algorithm 1 for one restart, one network at a time."""
    best = [math.inf] * len(tasks)
    waited = 0
    for n_tr in range(1, settings.n_outer_steps + 1):
        chosen = (n_tr - 1) % len(tasks)
        task = tasks[chosen]
        generator = stream(settings.meta.seed, "episode", restart, n_tr)
        train, validation = task.split(generator)
        theta = task.model.architecture.layout.draw(generator).double().requires_grad_()
        psi = psi.detach().requires_grad_()
        for inner in range(n_tr):
            is_kept = n_tr - inner <= unroll_steps  # among the last t steps
            batch = draw_rows(train, settings.meta.batch_size, generator).numbers
            loss = weighted_loss(theta, psi if is_kept else psi.detach(), task.data, batch)
            (gradient,) = grad(loss, theta, create_graph=True)
            theta = theta - settings.meta.learning_rate * gradient
            if not is_kept:
                theta = theta.detach().requires_grad_()
        batch = draw_rows(validation, settings.meta.batch_size, generator).numbers
        loss = weighted_loss(theta, psi, task.data, batch)
        (gradient,) = grad(loss, psi)
        # Differs from the paper as the engine does: a long gradient is clipped.
        psi = psi - rate * gradient * min(1.0, settings.meta.max_norm / float(gradient.norm()))
        yield psi.detach(), loss.item()
        waited = 0 if loss.item() < best[chosen] else waited + 1
        best[chosen] = min(best[chosen], loss.item())
        if waited >= settings.patience:
            return


def assert_follows_algorithm_1(tasks, settings, unroll_steps):
    """Compare every step of two restarts in a stack; return the number of steps each made."""
    functions = make_functions()
    references = [
        list(
            algorithm_1(
                tasks,
                functions.activation[restart, 0, : N_KNOTS[restart]],
                restart,
                float(settings.meta.outer_learning_rate[restart]),
                unroll_steps[restart],
                settings,
            )
        )
        for restart in (0, 1)
    ]
    states = list(steps_of("episodic", tasks, functions, settings))
    lengths = [len(reference) for reference in references]
    assert len(states) == max(lengths)
    for number, state in enumerate(states):
        assert state.step == number + 1
        for restart, reference in enumerate(references):
            psi, loss = reference[min(number, len(reference) - 1)]
            result = state.functions.activation[restart, 0, : N_KNOTS[restart]]
            torch.testing.assert_close(result, psi, rtol=1e-9, atol=1e-12)
            if number < len(reference):
                assert float(state.validation_loss[restart]) == pytest.approx(loss, rel=1e-9)
            else:
                assert state.validation_loss[restart].isnan()
            ended_early = number + 1 >= len(reference) < settings.n_outer_steps
            assert bool(state.stopped[restart]) == ended_early
    return lengths


@pytest.mark.parametrize("batch_size", [None, 12])
@pytest.mark.parametrize("max_norm", [1e9, 0.02])
def test_episodic_steps_equal_algorithm_1(max_norm, batch_size):
    unroll_steps = (2, 5)
    settings = make_settings(
        unroll_steps=torch.tensor(unroll_steps), max_norm=max_norm, batch_size=batch_size
    )
    assert assert_follows_algorithm_1([make_task()], settings, unroll_steps) == [8, 8]


def test_episodic_steps_over_two_tasks_equal_algorithm_1_with_one_function():
    # The tasks differ in columns and rows; step k is an episode of task k modulo 2.
    settings = make_settings()
    tasks = [make_task(n_inputs=2), make_task(n_inputs=3, n_rows=25)]
    assert assert_follows_algorithm_1(tasks, settings, (3, 3)) == [8, 8]


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("n_tasks", [1, 2])
def test_early_stopping_ends_where_algorithm_1_ends(n_tasks, patience):
    # patience=1 is the first worsening, to the letter; restarts of a stack end one by one.
    settings = make_settings(patience=patience, n_outer_steps=20)
    tasks = [make_task(n_inputs=2), make_task(n_inputs=3, n_rows=25)][:n_tasks]
    lengths = assert_follows_algorithm_1(tasks, settings, (3, 3))
    assert lengths[0] != lengths[1]
    assert max(lengths) < 20


def test_an_easy_task_does_not_stop_a_hard_one():
    # Losses of two tasks have nothing to do with each other.
    easy = make_task(restarts=(0,))
    easy = easy._replace(data=easy.data._replace(targets=easy.data.targets * 1e-3))
    hard = make_task(restarts=(0,))
    settings = make_settings(restarts=(0,), patience=1, n_outer_steps=2)
    *_, last = steps_of("episodic", [easy, hard], make_functions(restarts=(0,)), settings)
    assert last.step == 2
    assert not last.stopped.any()


@pytest.mark.parametrize(
    ("n_networks", "horizon", "n_inner", "expected"),
    [
        # Ages 0 and 5 at first: one of the two reaches 10 at every step.
        (2, 10, 5, [(0, -1), (1, -1), (1, 1), (0, 2), (1, 3), (0, 4), (1, 5), (0, 6)]),
        # Ages 3, 6, 9: replaced at the first age that is no less than 7.
        (1, 7, 3, [(0, -1), (0, 3), (0, 6)]),
    ],
)
def test_networks_are_replaced_when_they_reach_the_horizon(n_networks, horizon, n_inner, expected):
    # Every fresh network draws a split from the stream of (network, step): its seed tells which.
    seeds = []

    def split(generator):
        seeds.append(generator.initial_seed())
        return random_split(40, 0.4)(generator)

    settings = make_settings(
        restarts=(0,),
        n_networks=n_networks,
        horizon=horizon,
        unroll_steps=torch.tensor([n_inner]),
        steps_between=n_inner,
        n_outer_steps=6,
    )
    task = make_task(restarts=(0,), split=split)
    assert len(list(steps_of("staggered", [task], make_functions(restarts=(0,)), settings))) == 6
    assert seeds == [stream(0, "episode", *key).initial_seed() for key in expected]


def test_a_replaced_network_starts_with_fresh_weights_split_and_optimiser_state():
    # A horizon of one outer step: each is an episode of its own, here made one by one.
    settings = make_settings(horizon=3, optimizer=OPTIMIZERS["adam"], max_norm=1e9)
    task, functions = make_task(), make_functions()
    ended = torch.tensor([False, False])
    for state in steps_of("staggered", [task], functions, settings):
        episode = -1 if state.step == 1 else state.step - 1
        population = new_population(task, [(0, episode), (1, episode)], settings.meta)
        annealing = (1 + math.cos(math.pi * (state.step - 1) / 8)) / 2
        functions, _, loss, _ = outer_step(
            task, functions, population, 3, annealing, ended, settings.meta
        )
        assert torch.equal(state.functions.activation, functions.activation)
        assert torch.equal(state.validation_loss, loss)


def test_networks_grow_older_from_step_to_step_of_the_staggered_schedule():
    # With a horizon out of reach, two outer steps of 3 inner ones are one training of 6.
    settings = make_settings(restarts=(0,), horizon=1000, n_outer_steps=2)
    settings = with_changes(settings, optimizer=OPTIMIZERS["momentum"])
    still = with_changes(settings, outer_learning_rate=torch.zeros(1))  # the functions do not move
    task, functions = make_task(restarts=(0,)), make_functions(restarts=(0,))
    *_, last = steps_of("staggered", [task], functions, still)
    population = new_population(task, [(0, -1)], settings.meta)
    draws = ["train"] * 3 + ["validation"] + ["train"] * 3 + ["validation"]
    batches = [
        draw_batch(task, getattr(population, f"{part}_rows"), population, settings.meta)
        for part in draws
    ]
    train = batches[:3] + batches[4:7]
    loss, _, _ = unrolled_loss(task, functions, population, train, batches[-1], settings.meta)
    torch.testing.assert_close(last.validation_loss, loss.detach(), rtol=1e-12, atol=0)


def test_steps_of_the_staggered_schedule_are_annealed_to_nothing():
    # A normalised step is as long as its rate says: half a cosine, from the full rate to about 0.
    n_steps = 20
    settings = make_settings(normalize=True, max_norm=0.3, n_outer_steps=n_steps)
    functions = make_functions()
    states = steps_of("staggered", [make_task()], functions, settings)
    tables = [functions.activation] + [state.functions.activation for state in states]
    lengths = torch.stack(tables).diff(dim=0).flatten(2).norm(dim=-1)  # (steps, S)
    share = (1 + torch.cos(math.pi * torch.arange(n_steps, dtype=torch.float64) / n_steps)) / 2
    expected = 0.3 * share[:, None] * settings.meta.outer_learning_rate
    torch.testing.assert_close(lengths, expected, rtol=1e-6, atol=0)
    assert float(share[-1]) < 0.01


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_functions_move_along_the_mean_gradient_of_their_networks(schedule):
    settings = make_settings(n_networks=3, max_norm=1e9, n_outer_steps=1, horizon=1)
    settings = with_changes(settings, unroll_steps=torch.tensor([1, 1]), steps_between=1)
    task, functions = make_task(), make_functions()
    (state,) = steps_of(schedule, [task], functions, settings)
    episode = 1 if schedule == "episodic" else -1
    for restart in (0, 1):
        own_settings = make_settings(restarts=(restart,)).meta
        own_task = make_task(restarts=(restart,))
        table = functions.activation[restart : restart + 1].clone().requires_grad_()
        losses = []
        for network in range(3 * restart, 3 * restart + 3):
            population = new_population(own_task, [(network, episode)], own_settings)
            batch, validation = (
                draw_batch(own_task, rows, population, own_settings)
                for rows in (population.train_rows, population.validation_rows)
            )
            episode_parts = population, [batch], validation
            loss, _, _ = unrolled_loss(own_task, Functions(table), *episode_parts, own_settings)
            losses.append(loss)
        mean = torch.cat(losses).mean()
        rate = float(settings.meta.outer_learning_rate[restart])
        expected = table.detach() - rate * grad(mean, table)[0]
        torch.testing.assert_close(state.functions.activation[restart], expected[0])
        assert float(state.validation_loss[restart]) == pytest.approx(mean.item(), rel=1e-12)


@pytest.mark.parametrize("max_norm", [0.5, 2.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_normalised_step_has_the_same_length_per_function_whatever_the_gradient(
    schedule, max_norm
):
    # Two layers with functions of their own: the length is the root mean square over the two.
    task = make_task()
    task = task._replace(model=task.model._replace(architecture=Architecture(2, (N_UNITS,) * 2, 1)))
    functions = Functions(0.5 * normal(2, 2, max(N_KNOTS), seed=5))
    settings = make_settings(n_outer_steps=1, max_norm=1e9)
    (plain,) = steps_of(schedule, [task], functions, settings)
    settings = with_changes(settings, max_norm=max_norm, normalize=True)
    (normalised,) = steps_of(schedule, [task], functions, settings)
    plain_step, step = (
        (state.functions.activation - functions.activation).flatten(1)
        for state in (plain, normalised)
    )
    lengths = step.norm(dim=1) / 2**0.5
    torch.testing.assert_close(lengths, max_norm * settings.meta.outer_learning_rate.double())
    torch.testing.assert_close(torch.cosine_similarity(step, plain_step), torch.ones_like(lengths))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_restarts_of_a_stack_equal_each_alone_bit_for_bit(schedule, optimizer):
    # So that a stack can be run in chunks; float32 as in use.
    def run(restarts):
        settings = make_settings(restarts, n_networks=2, optimizer=OPTIMIZERS[optimizer])
        settings = with_changes(settings, learning_rate=0.02, patience=2, n_outer_steps=12)
        tasks = [make_task(restarts, n_inputs, dtype=torch.float32) for n_inputs in (2, 3)]
        return list(steps_of(schedule, tasks, make_functions(restarts, torch.float32), settings))

    together = run((0, 1, 2))
    for restart, n_knots in enumerate(N_KNOTS):
        alone = run((restart,))
        for whole, single in zip(together, alone, strict=False):
            own = whole.functions.activation[restart, :, :n_knots]
            assert torch.equal(own, single.functions.activation[0, :, :n_knots])
            assert torch.equal(whole.validation_loss[restart], single.validation_loss[0])
        assert len(together) >= len(alone)
        assert bool(together[len(alone) - 1].stopped[restart]) == bool(alone[-1].stopped[0])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("cause", "n_good"), [("start", 0), ("huge step", 1), ("overflow", 0)])
def test_a_diverged_restart_is_flagged_and_leaves_the_other_alone(cause, n_good, schedule):
    # The huge step itself is finite, the loss after it is not; an infinite step is not taken.
    def run(restarts):
        functions, settings = make_functions(restarts, torch.float32), make_settings(restarts)
        if cause == "start":
            functions.activation[1:] = math.nan
        else:
            settings.meta.outer_learning_rate[1:] = 1e30 if cause == "huge step" else math.inf
        task = make_task(restarts, dtype=torch.float32)
        return functions, list(steps_of(schedule, [task], functions, settings))

    start, states = run((0, 1))
    _, alone = run((0,))
    for state, single in zip(states, alone, strict=True):
        assert torch.equal(state.functions.activation[0], single.functions.activation[0])
        assert torch.equal(state.validation_loss[0], single.validation_loss[0])
        assert not state.diverged[0]

    assert [bool(state.diverged[1]) for state in states] == [False] * n_good + [True] * (8 - n_good)
    kept = states[0].functions if n_good else start
    for state in states[n_good:]:
        same = dict(rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(state.functions.activation[1], kept.activation[1], **same)
        assert not state.stopped[1]
    assert all(state.validation_loss[1].isnan() for state in states[n_good + 1 :])
    assert bool(kept.activation[1].isfinite().all()) == (cause != "start")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_ends_when_all_its_restarts_have_diverged(schedule):
    functions = make_functions().map(lambda table: table * math.nan)
    (state,) = steps_of(schedule, [make_task()], functions, make_settings())
    assert state.diverged.all()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_step_follows_a_loss_that_is_not_finite(schedule):
    # Even where its gradient is finite.
    task = make_task()._replace(loss=lambda *rows: squared_error(*rows) + math.inf)
    functions = make_functions()
    (state,) = steps_of(schedule, [task], functions, make_settings())
    assert state.diverged.all()
    assert torch.equal(state.functions.activation, functions.activation)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_nothing_that_is_given_is_changed(schedule):
    functions, task = make_functions(), make_task()
    before = torch.get_rng_state()
    list(steps_of(schedule, [task], functions, make_settings()))
    assert torch.equal(functions.activation, make_functions().activation)
    assert not functions.activation.requires_grad
    assert all(map(torch.equal, task.data, make_task().data))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_generator_of_states_can_be_left_at_any_time(schedule):
    # The caller stops; the states so far are those of the whole run.
    settings = make_settings()
    whole = list(steps_of(schedule, [make_task()], make_functions(), settings))
    part = list(islice(steps_of(schedule, [make_task()], make_functions(), settings), 3))
    for state, expected in zip(part, whole, strict=False):
        assert torch.equal(state.functions.activation, expected.functions.activation)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_done", [0, 1, 5, 8])
def test_a_run_can_go_on_from_a_state_that_was_kept(schedule, n_done):
    # Two tasks and a short horizon: populations alternate, and networks are replaced.
    settings = make_settings(optimizer=OPTIMIZERS["adam"], n_networks=2, horizon=6)
    tasks = [make_task(n_inputs=n_inputs) for n_inputs in (2, 3)]
    kept, whole = None, []
    for state in steps_of(schedule, tasks, make_functions(), settings):
        whole.append(state)
        if state.step == n_done:
            kept = copy.deepcopy(state)  # before the next step draws from its generators
    rest = list(steps_of(schedule, tasks, make_functions(), settings, start=kept))
    assert len(rest) == len(whole) - n_done
    for state, expected in zip(rest, whole[n_done:], strict=True):
        assert state.step == expected.step
        assert torch.equal(state.functions.activation, expected.functions.activation)
        assert torch.equal(state.validation_loss, expected.validation_loss)


def test_a_run_that_goes_on_stops_where_it_would_have_stopped():
    settings = make_settings(n_outer_steps=60, patience=3)
    tasks = [make_task()]
    whole = []
    for state in steps_of("episodic", tasks, make_functions(), settings):
        whole.append(copy.deepcopy(state))
    assert 4 < len(whole) < 60
    for kept in (whole[0], whole[-3], whole[-1]):
        rest = list(steps_of("episodic", tasks, make_functions(), settings, start=kept))
        assert [state.step for state in rest] == [state.step for state in whole[kept.step :]]
        assert not rest or torch.equal(rest[-1].stopped, whole[-1].stopped)


def test_staggered_steps_train_the_tasks_in_turn():
    settings = make_settings(restarts=(0,), horizon=100, n_outer_steps=5)
    tasks = [make_task((0,), n_inputs) for n_inputs in (2, 3)]
    ages = [
        [population.ages for population in state.progress]
        for state in steps_of("staggered", tasks, make_functions((0,)), settings)
    ]
    assert ages == [[(3,), (0,)], [(3,), (3,)], [(6,), (3,)], [(6,), (6,)], [(9,), (6,)]]


class Elapsed:
    """The share of the time that has passed, where every question takes a part of it."""

    def __init__(self, n_questions):
        self.n_questions = n_questions
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.asked / self.n_questions


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_step_follows_the_end_of_the_time(schedule):
    settings = make_settings(n_outer_steps=100, elapsed=Elapsed(20))
    states = list(steps_of(schedule, [make_task()], make_functions(), settings))
    assert 9 <= len(states) <= 20
    late = with_changes(settings, elapsed=lambda: 1.0)
    assert list(steps_of(schedule, [make_task()], make_functions(), late)) == []


def test_the_outer_rate_is_annealed_to_zero_by_the_end_of_the_time():
    settings = make_settings(
        restarts=(0,), n_outer_steps=10_000, horizon=10_000, normalize=True, elapsed=Elapsed(120)
    )
    functions = make_functions((0,))
    tables = [functions.activation]
    for state in steps_of("staggered", [make_task((0,))], functions, settings):
        tables.append(state.functions.activation)
    steps = [float((new - old).norm()) for old, new in pairwise(tables)]
    assert 50 < len(steps) < 120
    assert steps[0] > 0.99 * float(settings.meta.outer_learning_rate)
    assert steps[-1] < 0.01 * steps[0]
    assert all(later <= earlier for earlier, later in pairwise(steps))


def test_time_that_is_not_short_changes_nothing():
    def run(elapsed):
        settings = make_settings(restarts=(0,), n_outer_steps=20, elapsed=elapsed)
        return list(steps_of("staggered", [make_task((0,))], make_functions((0,)), settings))

    for state, expected in zip(run(Elapsed(45)), run(lambda: 0.0), strict=True):
        assert torch.equal(state.functions.activation, expected.functions.activation)
