"""What inner steps buy: the staggered schedule of meta-learning beside the episodic one.

Each run learns an activation from zeros with a given number of inner steps per restart, all its
networks counted: n (n + 1) / 2 in n episodic outer steps (P Algorithm 1), n * t * networks in n
staggered ones. Its quality is the loss of fresh networks, trained from scratch with the learned
function, on rows that learning has not seen; lower is better. Every number of steps is a run of its
own, since the staggered schedule anneals its outer rate over all of them, and no run stops early.

The task is scikit-learn's handwritten digits as a regression on the one-hot code, where a learned
function does better than ReLU. The last lines tell how many inner steps the staggered schedule
needs, of those measured, for the best median loss of the episodic one.

    python examples/benchmarks/bench_schedules.py --output schedules.csv
    python examples/benchmarks/bench_schedules.py --quick
"""

import argparse
import math
import statistics
import time

import torch
from sklearn.datasets import load_digits
from tables import Report

from skibias import ActivationLearner

BUDGETS = (200, 500, 1000, 2000, 5000, 10_000)
SEEDS = (0, 1, 2, 3, 4)
N_RESTARTS = 2
UNROLL_STEPS = 5
N_NETWORKS = 2  # of a staggered restart
NEVER = 10**6  # outer steps without improvement
LEARNER = {
    "n_restarts": N_RESTARTS,
    "unroll_steps": UNROLL_STEPS,
    "horizon": 300,
    "outer_step": "normalized",
    "outer_learning_rate": 0.1,
    "hidden_layer_sizes": (64,),
    "loss": "squared_error",
    "scaling": "minmax",
    "patience": NEVER,
}
QUICK = {"budgets": [20, 100], "seeds": [0]}
COLUMNS = {
    "schedule": 10,
    "budget": "d",
    "seed": "d",
    "outer steps": "d",
    "inner steps": "d",
    "seconds": ".1f",
    "loss": ".5f",
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


def heldout_loss(data, seed, **settings):
    """Learn, and return the median over the restarts of their fresh networks' loss.

    Restarts that diverge count as infinite.
    """
    learner = ActivationLearner(**LEARNER | settings, random_state=seed)
    learner.learn(*data)
    losses = [-float(score) for score in learner.candidates_["validation_score"]]
    return statistics.median(math.inf if math.isnan(loss) else loss for loss in losses)


def measure(data, schedule, budget, seed):
    """Return the cells of a table's line."""
    n_outer = outer_steps(schedule, budget)
    n_networks = 1 if schedule == "episodic" else N_NETWORKS
    start = time.perf_counter()
    loss = heldout_loss(
        data,
        seed,
        schedule=schedule,
        init="zeros",
        n_outer_steps=n_outer,
        n_networks=n_networks,
    )
    return {
        "outer steps": n_outer,
        "inner steps": inner_steps(schedule, n_outer),
        "seconds": time.perf_counter() - start,
        "loss": loss,
    }


def measure_unlearned(data, start, seed):
    """Return the cells of a function that stays as it is."""
    loss = heldout_loss(data, seed, init=start, n_outer_steps=0)
    return {"outer steps": 0, "inner steps": 0, "loss": loss}


def run(data, options, report):
    """Measure both schedules, and the functions that are not learned, for every seed."""
    for seed in options.seeds:
        for start in ("zeros", "relu"):
            if not report.is_done(start, 0, seed):
                key = {"schedule": start, "budget": 0, "seed": seed}
                report.add(key | measure_unlearned(data, start, seed))
        for budget in options.budgets:
            for schedule in ("episodic", "staggered"):
                if not report.is_done(schedule, budget, seed):
                    key = {"schedule": schedule, "budget": budget, "seed": seed}
                    report.add(key | measure(data, schedule, budget, seed))


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


def show(curve_of):
    """Print the curves, and what the episodic schedule's best costs the staggered one."""
    print(f"\n{'schedule':>10}  {'inner steps':>11}  median loss")
    for schedule, curve in curve_of.items():
        for steps, loss in curve:
            print(f"{schedule:>10}  {steps:>11,}  {loss:>11.5f}")
    steps, loss = best_of(curve_of["episodic"])
    print(f"episodic, at its best: {loss:.5f} after {steps:,} inner steps")
    reached = steps_to_reach(curve_of["staggered"], loss)
    if reached is None:
        print("staggered: not reached")
    else:
        print(f"staggered: reached after {reached:,}, a ratio of {reached / steps:.2f}")


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
    report = Report(COLUMNS, 3, options.output)
    run(load_digits(return_X_y=True), options, report)
    show(curves(report.records))


if __name__ == "__main__":
    main()
