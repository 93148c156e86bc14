"""Time and memory of meta-learning: one outer step, and one inner step of plain training.

An outer step draws t batches and a validation batch, trains every restart's network of two hidden
layers for t steps, differentiates the validation loss through all of them and moves what is
learned. It is measured for

    spline      `engine.metalearn.outer_step` on the values of a function of 50 knots per restart
    tanh        the same with tanh(a z), a learned number a per restart, in place of the spline
    reference   `reference.py`: one restart after the other, a spline that indexes its values

and an inner step, with nothing learned, for spline and tanh. They take turns, ratios are taken
within every turn, and medians printed: "outer/tanh" is the spline's outer step over that of tanh.
"MB" is the most that torch held at once beyond weights and data (an outer step holds the graph of
t steps). Afterwards: 16 stacked restarts of 2 x 64 networks over 16 single runs. On generated data
of 1,000 rows and 10 columns, in batches of 256; on one thread, which is how learning runs, and on
a GPU if there is one.

    python examples/benchmarks/bench_meta_step.py --output meta.csv
    python examples/benchmarks/bench_meta_step.py --quick
"""

import argparse
import itertools
import os
import statistics
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from reference import reference_gradient
from tables import Report, median_ratios
from timing import interleave, peak_mb, places

from skibias.engine import splines
from skibias.engine.activations import fixed_activation
from skibias.engine.episodes import Rows, random_split
from skibias.engine.losses import log_loss
from skibias.engine.metalearn import (
    MetaSettings,
    Population,
    Task,
    draw_batch,
    inner_steps,
    new_population,
    outer_step,
    unrolled_loss,
)
from skibias.engine.networks import Architecture, Functions, Model
from skibias.engine.optim import OPTIMIZERS

N_ROWS, N_COLUMNS, N_CLASSES = 1000, 10, 2
BATCH_SIZE = 256
DOMAIN = (-5.0, 5.0)
N_KNOTS = 50
OUTER_RATE = 0.2
INNER_STEPS = 10  # that are timed together
SECONDS = 20  # for the turns of a cell, unless they are fewer than three
STACK, STACK_WIDTH = 16, 64
QUICK = {"restarts": [1, 2], "widths": [16], "steps": [1, 2], "turns": 3, "stack": 2}
COLUMNS = {
    "place": 14,
    "restarts": "d",
    "width": "d",
    "steps": "d",
    "turns": "d",
    "outer ms": ".1f",
    "outer/tanh": ".2f",
    "outer/reference": ".3f",
    "MB": ".1f",
    "MB tanh": ".1f",
    "inner ms": ".2f",
    "inner/tanh": ".2f",
    "status": 8,
}
STACK_COLUMNS = {
    "place": 14,
    "restarts": "d",
    "steps": "d",
    "outer / single": ".3f",
    "inner / single": ".3f",
}


class Case(NamedTuple):
    """A stack of restarts, one network each, and what they learn."""

    task: Task
    functions: Functions  # (S, 1, K)
    prefactors: torch.Tensor  # (S, 1, 1): what tanh learns
    population: Population
    settings: MetaSettings
    n_steps: int
    domain: tuple[float, float] = DOMAIN


def generated_rows(dtype, device):
    """Return rows of two classes that no plane separates."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(N_ROWS, N_COLUMNS, generator=generator, dtype=dtype)
    targets = (inputs[:, 0] * inputs[:, 1] + inputs[:, 2] > 0).long()
    return Rows(inputs, targets, torch.ones(N_ROWS, dtype=dtype)).to(device)


def make_case(n_restarts, width, n_steps, device="cpu", dtype=torch.float32, first_restart=0):
    """Return restarts ``first_restart`` … of the same stack, with fresh networks."""
    data = generated_rows(dtype, device)
    grid = splines.stack_grids([splines.uniform_grid(*DOMAIN, N_KNOTS)] * n_restarts)
    values = torch.tanh(splines.grid_knots(grid, N_KNOTS)).to(device, dtype)[:, None]
    architecture = Architecture(N_COLUMNS, (width, width), N_CLASSES)
    model = Model(architecture, grid=grid.to(values))
    task = Task(data, random_split(N_ROWS, 0.3), model, log_loss)
    settings = make_settings(n_restarts, n_steps)
    numbers = range(first_restart, first_restart + n_restarts)
    population = new_population(task, [(number, 1) for number in numbers], settings)
    prefactors = torch.ones(n_restarts, 1, 1, dtype=dtype, device=device)
    return Case(task, Functions(values), prefactors, population, settings, n_steps)


def make_settings(n_restarts, n_steps):
    """Return settings whose gradient flows through all inner steps."""
    return MetaSettings(
        outer_learning_rate=torch.full((n_restarts,), OUTER_RATE),
        unroll_steps=torch.full((n_restarts,), n_steps),
        n_networks=1,
        optimizer=OPTIMIZERS["rmsprop"],
        learning_rate=0.001,
        batch_size=BATCH_SIZE,
    )


def draw(case):
    """Return the training batches of an outer step, and the validation batch."""
    task, population, settings = case.task, case.population, case.settings
    batches = [
        draw_batch(task, population.train_rows, population, settings) for _ in range(case.n_steps)
    ]
    return batches, draw_batch(task, population.validation_rows, population, settings)


def spline_outer_step(case):
    """Make the engine's outer step."""
    ended = torch.zeros(len(case.settings.outer_learning_rate), dtype=torch.bool)
    return outer_step(
        case.task, case.functions, case.population, case.n_steps, 1.0, ended, case.settings
    )


def spline_gradient(case, batches, validation):
    """Return the gradient (S, K) that the engine's outer step follows."""
    leaf = case.functions.activation.detach().requires_grad_()
    loss, _, _ = unrolled_loss(
        case.task, Functions(leaf), case.population, batches, validation, case.settings
    )
    return torch.autograd.grad(loss.sum(), leaf)[0][:, 0]


def tanh_task(case, prefactors):
    """Return the task with tanh(prefactor * z) as activation."""
    model = case.task.model._replace(activation=fixed_activation("tanh", prefactors), grid=None)
    return case.task._replace(model=model)


def tanh_outer_step(case):
    """Make the same step on the prefactors of tanh."""
    leaf = case.prefactors.detach().requires_grad_()
    loss, weights, state = unrolled_loss(
        tanh_task(case, leaf), Functions(), case.population, *draw(case), case.settings
    )
    (gradient,) = torch.autograd.grad(loss.sum(), leaf)
    return leaf.detach() - OUTER_RATE * gradient, weights.detach(), [s.detach() for s in state]


def reference_outer_step(case):
    """Make the step on the values of all restarts, one after the other."""
    batches, validation = draw(case)
    values = case.functions.activation[:, 0]
    gradients = [
        reference_gradient(case, restart, batches, validation) for restart in range(len(values))
    ]
    return values - OUTER_RATE * torch.stack(gradients)


def plain_steps(task, functions, case):
    """Train for `INNER_STEPS` with nothing learned."""
    return inner_steps(task, functions, case.population, INNER_STEPS, case.settings)


def calls_of(case):
    """Return the calls that take turns, by name."""
    prefactors = case.prefactors
    return {
        "outer": partial(spline_outer_step, case),
        "outer tanh": partial(tanh_outer_step, case),
        "outer reference": partial(reference_outer_step, case),
        "inner": partial(plain_steps, case.task, case.functions, case),
        "inner tanh": partial(plain_steps, tanh_task(case, prefactors), Functions(), case),
    }


def measure(case, device, options):
    """Return the cells of a table's line."""
    calls = calls_of(case)
    memory = {name: peak_mb(calls[name], device) for name in ("outer", "outer tanh")}
    seconds = interleave(calls, options.turns, device, options.seconds)
    outer, inner = (median_ratios(seconds, name) for name in ("outer", "inner"))
    return {
        "turns": len(seconds["outer"]),
        "outer ms": 1e3 * statistics.median(seconds["outer"]),
        "outer/tanh": outer["outer tanh"],
        "outer/reference": outer["outer reference"],
        "MB": memory["outer"],
        "MB tanh": memory["outer tanh"],
        "inner ms": 1e3 * statistics.median(seconds["inner"]) / INNER_STEPS,
        "inner/tanh": inner["inner tanh"],
        "status": "ok",
    }


def memory_of(device):
    """Return the bytes that a place has."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def run(place, options, report):
    """Measure the cells of one place, smallest stacks first; those that do not fit are named."""
    torch.set_num_threads(place.n_threads)
    limit = 0.5e-6 * memory_of(place.device)
    for n_steps, width, n_restarts in itertools.product(
        options.steps, options.widths, options.restarts
    ):
        key = (place.name, n_restarts, width, n_steps)
        if report.is_done(*key):
            continue
        one = partial(spline_outer_step, make_case(1, width, n_steps, place.device))
        needed = peak_mb(one, place.device) * n_restarts
        if needed > limit:
            cells = {"MB": needed, "status": "too large"}
        else:
            cells = measure(
                make_case(n_restarts, width, n_steps, place.device), place.device, options
            )
        report.add(dict(zip(COLUMNS, key, strict=False)) | cells)


def compare_with_single_runs(place, options, report):
    """Measure a stack beside as many runs of one restart each."""
    torch.set_num_threads(place.n_threads)
    for n_steps in options.steps:
        key = (place.name, options.stack, n_steps)
        if report.is_done(*key):
            continue
        make = partial(make_case, width=STACK_WIDTH, n_steps=n_steps, device=place.device)
        singles = [make(1, first_restart=restart) for restart in range(options.stack)]
        together = calls_of(make(options.stack))
        apart = [calls_of(case) for case in singles]
        cells = {}
        for name in ("outer", "inner"):
            calls = {
                "stacked": together[name],
                "single": partial(call_all, [calls[name] for calls in apart]),
            }
            seconds = interleave(calls, options.turns, place.device, options.seconds)
            cells[f"{name} / single"] = median_ratios(seconds, "stacked")["single"]
        report.add(dict(zip(STACK_COLUMNS, key, strict=False)) | cells)


def call_all(calls):
    """Make calls one after the other."""
    for call in calls:
        call()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = {"type": int, "nargs": "+"}
    parser.add_argument("--restarts", **numbers, default=[1, 4, 16, 64])
    parser.add_argument("--widths", **numbers, default=[32, 64, 128, 256])
    parser.add_argument("--steps", **numbers, default=[1, 5, 20], help="t")
    parser.add_argument("--turns", type=int, default=10, help="per cell, at most (default: 10)")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"per cell (default: {SECONDS})"
    )
    parser.add_argument(
        "--threads",
        type=int,
        nargs="*",
        default=[1],
        help="of the CPU (default: 1; no number: GPU only)",
    )
    parser.add_argument(
        "--output",
        help="CSV file of the first table (…_stacked of the second); lines it holds are kept",
    )
    parser.add_argument("--quick", action="store_true", help="tiny stacks, three turns")
    parser.set_defaults(stack=STACK)
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    everywhere = places(options.threads)
    report = Report(COLUMNS, 4, options.output)
    for place in everywhere:
        run(place, options, report)
    print(
        f"\n{options.stack} stacked restarts of 2 x {STACK_WIDTH} over {options.stack} single runs"
    )
    path = options.output and Path(options.output)
    stacked = Report(STACK_COLUMNS, 3, path and path.with_stem(f"{path.stem}_stacked"))
    for place in everywhere:
        compare_with_single_runs(place, options, stacked)


if __name__ == "__main__":
    main()
