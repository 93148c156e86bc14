"""What inner steps buy: the staggered schedule of meta-learning beside the episodic one.

Each run learns an activation from zeros with a given number of inner steps per restart, all its
networks counted: n (n + 1) / 2 in n episodic outer steps (P Algorithm 1), n * t * networks in n
staggered ones. Its quality is the loss of fresh networks, trained from scratch with the learned
function, on rows that learning has not seen; lower is better. Every number of steps is a run of its
own, since the staggered schedule anneals its outer rate over all of them, and no run stops early.

Tasks, both of which learned functions do better on than ReLU:

    digits   scikit-learn's handwritten digits as a regression on the one-hot code: a few outer
             steps bring most of the gain
    waves    2,000 points of a sum of three cosines of five half-waves each across a square, which
             ReLU hardly learns in the same time

The last lines tell for each how many inner steps the staggered schedule needs, of those measured,
for the best median loss of the episodic one.

    python examples/benchmarks/bench_schedules.py --output schedules.csv
    python examples/benchmarks/bench_schedules.py --quick
"""

import argparse
import itertools
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from tables import Report

from skibias import ActivationLearner

BUDGETS = (100, 200, 500, 1000, 2000, 5000)
SEEDS = (0, 1, 2, 3, 4)
UNROLL_STEPS = 5
N_NETWORKS = 2  # of a staggered restart
NEVER = 10**6  # outer steps without improvement
LEARNER = {
    "n_restarts": 2,
    "unroll_steps": UNROLL_STEPS,
    "outer_step": "normalized",
    "outer_learning_rate": 0.1,
    "hidden_layer_sizes": (64,),
    "loss": "squared_error",
    "patience": NEVER,
}
QUICK = {"budgets": [20, 100], "seeds": [0]}
COLUMNS = {
    "task": 6,
    "schedule": 9,
    "budget": "d",
    "seed": "d",
    "outer steps": "d",
    "inner steps": "d",
    "seconds": ".1f",
    "loss": ".5f",
}


class Task(NamedTuple):
    """What is learned on."""

    load: Callable  # () -> X (n, d), y (n,)
    settings: dict  # of the learner


def waves(n_rows=2000, n_waves=3, half_waves=5):
    """Return points of a square, and the sum of as many plane waves at each."""
    generator = np.random.default_rng(0)
    X = generator.uniform(-1, 1, (n_rows, 2))
    angles = generator.uniform(0, np.pi, n_waves)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    return X, np.cos(np.pi / 2 * half_waves * X @ directions).sum(1)


TASKS = {
    "digits": Task(partial(load_digits, return_X_y=True), {"scaling": "minmax", "horizon": 300}),
    "waves": Task(waves, {"scaling": None, "domain": (-2, 2), "horizon": 500}),
}


def outer_steps(schedule, budget):
    """Return the most outer steps for this many inner steps per restart, at least one."""
    if schedule == "episodic":
        return max(1, (math.isqrt(8 * budget + 1) - 1) // 2)
    return max(1, budget // (UNROLL_STEPS * N_NETWORKS))


def inner_steps(schedule, n_outer):
    """Return the inner steps per restart of this many outer steps."""
    if schedule == "episodic":
        return n_outer * (n_outer + 1) // 2
    return n_outer * UNROLL_STEPS * N_NETWORKS


def heldout_loss(task, seed, **settings):
    """Learn, and return the median over the restarts of their fresh networks' loss.

    Restarts that diverge count as infinite.
    """
    learner = ActivationLearner(**LEARNER | task.settings | settings, random_state=seed)
    learner.learn(*task.load())
    losses = [-float(score) for score in learner.candidates_["validation_score"]]
    return statistics.median(math.inf if math.isnan(loss) else loss for loss in losses)


def measure(task, schedule, budget, seed):
    """Return the cells of a table's line."""
    settings = {"schedule": schedule, "init": "zeros"}
    settings["n_networks"] = 1 if schedule == "episodic" else N_NETWORKS
    settings["n_outer_steps"] = n_outer = outer_steps(schedule, budget)
    start = time.perf_counter()
    loss = heldout_loss(task, seed, **settings)
    seconds = time.perf_counter() - start
    steps = inner_steps(schedule, n_outer)
    return {"outer steps": n_outer, "inner steps": steps, "seconds": seconds, "loss": loss}


def measure_unlearned(task, start, seed):
    """Return the cells of a function that stays as it is."""
    loss = heldout_loss(task, seed, init=start, n_outer_steps=0)
    return {"outer steps": 0, "inner steps": 0, "loss": loss}


def calls_of(options):
    """Yield (task, schedule, budget, seed) and the call that measures it.

    ReLU and zeros, which are not learned, take the place of a schedule, with a budget of 0.
    """
    for seed, name in itertools.product(options.seeds, TASKS):
        task = TASKS[name]
        for start in ("zeros", "relu"):
            yield (name, start, 0, seed), partial(measure_unlearned, task, start, seed)
        for budget, schedule in itertools.product(options.budgets, ("episodic", "staggered")):
            yield (name, schedule, budget, seed), partial(measure, task, schedule, budget, seed)


def run(options, report):
    """Measure what the report lacks."""
    for key, call in calls_of(options):
        if not report.is_done(*key):
            report.add(dict(zip(COLUMNS, key, strict=False)) | call())


def curves(records):
    """Return by schedule a list of (inner steps, median loss over the seeds), in order of steps."""
    losses = {}
    for record in records:
        steps = int(record["inner steps"])
        own = losses.setdefault(record["schedule"], {})
        own.setdefault(steps, []).append(float(record["loss"]))
    return {
        schedule: [(steps, statistics.median(own[steps])) for steps in sorted(own)]
        for schedule, own in losses.items()
    }


def best_of(curve):
    """Return the (steps, loss) of the lowest loss of a curve, the fewest steps of equal ones."""
    return min(curve, key=lambda point: (point[1], point[0]))


def steps_to_reach(curve, loss):
    """Return the fewest measured steps with at most this loss, or None."""
    return next((steps for steps, own in curve if own <= loss), None)


def show(task, curve_of):
    """Print the curves, and what the episodic schedule's best costs the staggered one."""
    print(f"\n{task}: {'schedule':>10}  inner steps  median loss")
    for schedule, curve in curve_of.items():
        for steps, loss in curve:
            print(f"{task}: {schedule:>10}  {steps:>11,}  {loss:>11.5f}")
    steps, loss = best_of(curve_of["episodic"])
    print(f"{task}: episodic, at its best: {loss:.5f} after {steps:,} inner steps")
    reached = steps_to_reach(curve_of["staggered"], loss)
    if reached is None:
        print(f"{task}: staggered: not reached")
    else:
        print(f"{task}: staggered: reached after {reached:,}, a ratio of {reached / steps:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = {"type": int, "nargs": "+"}
    parser.add_argument("--budgets", **numbers, default=BUDGETS, help="inner steps per restart")
    parser.add_argument("--seeds", **numbers, default=SEEDS)
    parser.add_argument("--output", help="CSV file of the runs; those it holds are kept")
    parser.add_argument("--quick", action="store_true", help="few steps, one seed")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    torch.set_num_threads(1)
    report = Report(COLUMNS, 4, options.output)
    run(options, report)
    for task in TASKS:
        show(task, curves(record for record in report.records if record["task"] == task))


if __name__ == "__main__":
    main()
