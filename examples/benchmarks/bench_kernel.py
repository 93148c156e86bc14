"""Time and memory of a spline of 50 knots beside torch's own ReLU, tanh and GELU, in float32.

Functions: one for all numbers ("shared"), four that each see a quarter of them ("per layer": a
stack, as in meta-learning), or one per column of ten ("per feature": input functions, which pass
no gradient to the columns). Passes:

    forward     values only
    frozen      forward and backward to the arguments; the heights at the knots are fixed
    knots       forward and backward to the arguments and to the heights at the knots
    double      that gradient, and backward through it (`create_graph`)

ReLU, tanh and GELU have no heights; their "knots" pass is the "frozen" one. The four take turns on
the same numbers and ratios are taken within every turn, so that a busy machine slows all alike;
printed are medians: "/ tanh" is the spline's time over that of tanh. "MB" is the most that torch
held at once beyond the arguments.

    python examples/benchmarks/bench_kernel.py --output kernel.csv
    python examples/benchmarks/bench_kernel.py --quick
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from tables import Report, median_ratios
from timing import interleave, peak_mb, places

from skibias import SplineActivation
from skibias.engine import splines

N_KNOTS = 50
N_LAYERS = 4
N_FEATURES = 10
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
HEADLINE = ("shared", "frozen", 1_000_000)
SECONDS = 5  # for the turns of a cell, unless they are fewer than three
QUICK = {"pairs": 3, "sizes": [10_000], "seconds": 0.1}
OTHERS = {"relu": torch.relu, "tanh": torch.tanh, "gelu": torch.nn.functional.gelu}
PASSES = ("forward", "frozen", "knots", "double")
COLUMNS = {
    "place": 14,
    "functions": 11,
    "pass": 7,
    "size": ",d",
    "turns": "d",
    "ms": ".3f",
    **dict.fromkeys((f"/ {name}" for name in OTHERS), ".2f"),
    "MB": ".2f",
    **dict.fromkeys((f"MB {name}" for name in OTHERS), ".2f"),
}


class Problem(NamedTuple):
    """A spline and its arguments."""

    evaluate: Callable  # x -> its values; the fast path where ``values`` need no gradient
    x: torch.Tensor
    values: torch.Tensor  # at the knots
    differentiable: bool = True  # in x


def shared_problem(size, device):
    """Return the module that users put into their own networks."""
    module = SplineActivation.from_function(np.tanh, n_knots=N_KNOTS).as_module().to(device)
    return Problem(module, normal(size, device=device), module.values)


def layer_problem(size, device):
    """Return a stack of functions, one per part of the numbers."""
    grid = splines.stack_grids([splines.uniform_grid(-5.0, 5.0, N_KNOTS)] * N_LAYERS)
    values = torch.tanh(splines.grid_knots(grid, N_KNOTS)).float().to(device)
    grid = grid.to(values)

    def evaluate(x):
        form = splines.evaluate if values.requires_grad else splines.evaluate_frozen
        return form(splines.uniform_table(values, grid), x, splines.uniform_cell(x, grid))

    return Problem(evaluate, normal(N_LAYERS, size // N_LAYERS, device=device), values)


def feature_problem(size, device):
    """Return one function of one channel per column, whose arguments are positions on knots."""
    positions = (N_KNOTS - 1) * normal(size // N_FEATURES, N_FEATURES, device=device).sigmoid()
    values = torch.linspace(-1, 1, N_KNOTS, device=device)[None, :, None].repeat(N_FEATURES, 1, 1)
    evaluate = partial(splines.evaluate_features, values)
    return Problem(evaluate, positions, values, differentiable=False)


PROBLEMS = {"shared": shared_problem, "per layer": layer_problem, "per feature": feature_problem}


def normal(*shape, device, seed=0):
    """Return numbers of standard deviation 2, by which a few lie outside the knots."""
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(*shape, generator=generator)).to(device)


def passes_of(problem):
    """Return the passes that there are: nothing is fixed in columns without gradient."""
    return PASSES if problem.differentiable else [name for name in PASSES if name != "frozen"]


def spline_call(problem, name):
    """Return a call without arguments: a pass of the spline."""
    needs_values = name in ("knots", "double")
    x = problem.x.clone().requires_grad_(problem.differentiable and name != "forward")
    problem.values.requires_grad_(needs_values)
    sources = ([x] if problem.differentiable else []) + ([problem.values] if needs_values else [])
    return pass_call(lambda: problem.evaluate(x), sources, name)


def other_call(problem, name, function):
    """Return a call without arguments: the same pass of another function."""
    x = problem.x.clone().requires_grad_(name != "forward")
    return pass_call(lambda: function(x), [x], name)


def pass_call(evaluate, sources, name):
    """Return the call of a pass for ``evaluate()``, a function of the tensors ``sources``."""
    if name == "forward":
        return torch.no_grad()(evaluate)
    with torch.no_grad():
        upstream = torch.ones_like(evaluate()).requires_grad_(name == "double")
    if name != "double":
        return lambda: torch.autograd.grad(evaluate(), sources, upstream)
    directions = [torch.ones_like(source) for source in sources]

    def double():
        gradients = torch.autograd.grad(evaluate(), sources, upstream, create_graph=True)
        # Through the upstream gradient as well: it is what layers further on depend on.
        return torch.autograd.grad(gradients, [upstream, *sources], directions, allow_unused=True)

    return double


def calls_of(problem, name):
    """Return the pass of every function, by name."""
    others = {other: other_call(problem, name, own) for other, own in OTHERS.items()}
    return {"spline": spline_call(problem, name), **others}


def measure(calls, device, n_pairs, budget):
    """Return the cells of a table's line."""
    seconds = interleave(calls, n_pairs, device, budget, n_warm_up=2)
    ratios = median_ratios(seconds, "spline")
    memory = {name: peak_mb(call, device) for name, call in calls.items()}
    return {
        "turns": len(seconds["spline"]),
        "ms": 1e3 * statistics.median(seconds["spline"]),
        **{f"/ {name}": ratios[name] for name in OTHERS},
        "MB": memory["spline"],
        **{f"MB {name}": memory[name] for name in OTHERS},
    }


def cells_of(sizes):
    """Yield (functions, pass, size); the headline comes first."""
    yield HEADLINE
    for size in sizes:
        for functions, make_problem in PROBLEMS.items():
            for name in passes_of(make_problem(N_FEATURES * N_LAYERS, "cpu")):
                if (functions, name, size) != HEADLINE:
                    yield functions, name, size


def run(place, cells, options, report):
    """Measure the cells of one place."""
    torch.set_num_threads(place.n_threads)
    for functions, name, size in cells:
        if report.is_done(place.name, functions, name, size):
            continue
        problem = PROBLEMS[functions](size, place.device)
        # The headline is never cut short.
        budget = float("inf") if (functions, name, size) == HEADLINE else options.seconds
        result = measure(calls_of(problem, name), place.device, options.pairs, budget)
        report.add(
            {"place": place.name, "functions": functions, "pass": name, "size": size} | result
        )


def show_headline(records):
    """Print the ratio to tanh that the documentation quotes."""
    for record in records:
        if (record["functions"], record["pass"], int(record["size"])) == HEADLINE:
            print(
                f"{record['place']}: a frozen spline takes {float(record['/ tanh']):.2f} times as "
                f"long as tanh, forward and backward on {HEADLINE[2]:,} numbers "
                f"(median of {record['turns']} pairs)"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pairs", type=int, default=30, help="turns per cell, at most (default: 30)"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers per call")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"per cell (default: {SECONDS})"
    )
    parser.add_argument(
        "--threads",
        type=int,
        nargs="*",
        default=[1, torch.get_num_threads()],
        help="of the CPU (default: 1, and all; no number: GPU only)",
    )
    parser.add_argument("--output", help="CSV file of the table; lines it holds are kept")
    parser.add_argument("--quick", action="store_true", help="small sizes, three turns")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    everywhere = places(options.threads)
    report = Report(COLUMNS, 4, options.output)
    for place in everywhere:
        run(place, cells_of(options.sizes), options, report)
    show_headline(report.records)


if __name__ == "__main__":
    main()
