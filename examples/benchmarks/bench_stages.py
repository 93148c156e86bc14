"""Where the time of a default fit goes, and how far its final training is from the limit.

A fit on generated data is timed stage by stage. Of the final training also: seconds per epoch, the
floating-point operations of its matrix products, and their rate as a share of what one large matrix
product reaches in the same run, on one thread or on the GPU ("of the limit"; two threads can reach
2). Everything else that training does, looking up functions, activations, optimiser steps,
averages, evaluation, counts as time without operations.

    python examples/benchmarks/bench_stages.py --output stages.csv
    python examples/benchmarks/bench_stages.py --rows 10000 100000 1000000 --time-limit 300
    python examples/benchmarks/bench_stages.py --rows 1000000 --columns 50 --device cuda
"""

import argparse
import statistics
import time
import warnings
from contextlib import ExitStack
from unittest.mock import patch

import torch
from bench_fit import generated
from sklearn.exceptions import ConvergenceWarning
from tables import Report
from timing import interleave

from skibias import LearnedActivationMLPClassifier, _base_mlp
from skibias._choose import selection as _selection
from skibias._train import skorch_loop as _skorch

N_COLUMNS = 10
PRODUCT_SIZES, N_PRODUCTS = {"cpu": 1024, "cuda": 8192}, 10
TIMED = ((_base_mlp, "choose_network"), (_selection, "compare"), (_skorch, "train_networks"))
PASSES = 3  # matrix products of a training step: forward, and two backward
COLUMNS = {
    "rows": ",d",
    "learning": ".1f",
    "screening": ".1f",
    "contest": ".1f",
    "training": ".1f",
    "fit": ".1f",
    "epochs": "d",
    "s / epoch": ".3f",
    "GFLOP / epoch": ".1f",
    "of the limit": ".2f",
    "accuracy": ".4f",
}


class Stopwatch:
    """Seconds of the calls of some functions, by name, in their order."""

    def __init__(self):
        self.calls = []

    def around(self, name, function):
        """Return the function, timed."""

        def timed(*arguments, **settings):
            start = time.perf_counter()
            result = function(*arguments, **settings)
            self.calls.append((name, time.perf_counter() - start))
            return result

        return timed

    def of(self, name):
        """Return the seconds of every call of a function."""
        return [seconds for called, seconds in self.calls if called == name]


def stage_seconds(watch, n_fit):
    """Return the seconds of every stage; activations and input functions are learned together."""
    screening, contest = [*watch.of("compare"), 0.0, 0.0][:2]
    training = sum(watch.of("train_networks"))
    learning = sum(watch.of("choose_network")) - screening - contest
    stages = {"learning": learning, "screening": screening, "contest": contest}
    return {**stages, "training": training, "fit": n_fit}


def limit_gflops(device):
    """Return the rate of a large matrix product on the device, on one thread if it is a CPU."""
    size = PRODUCT_SIZES[device.type]
    matrix = torch.randn(size, size, device=device)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    turns = interleave({"product": lambda: matrix @ matrix}, N_PRODUCTS, device)
    torch.set_num_threads(n_threads)
    return 2 * size**3 / statistics.median(turns["product"]) / 1e9


def epoch_gflop(model, n_rows):
    """Return the operations of the matrix products of one epoch: training rows, held-out rows."""
    n_products = sum(n_in * n_out for n_in, n_out in model.networks_.architecture.layer_shapes)
    n_held_out = round(model.validation_fraction * n_rows)
    n_passes = PASSES * (n_rows - n_held_out) + n_held_out
    return 2 * n_products * n_passes * model.n_estimators / 1e9


def measure(n_rows, n_columns=N_COLUMNS, device="cpu", time_limit=None):
    """Return the record of one fit."""
    data, watch = generated(n_rows, n_columns), Stopwatch()
    model = LearnedActivationMLPClassifier(random_state=0, device=device, time_limit=time_limit)
    with ExitStack() as stack:
        for module, name in TIMED:
            timed = watch.around(name, getattr(module, name))
            stack.enter_context(patch.object(module, name, timed))
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(data["X"], data["y"])
        stages = stage_seconds(watch, time.perf_counter() - start)
    per_epoch = stages["training"] / model.n_iter_
    gflop = epoch_gflop(model, n_rows)
    return {
        "rows": n_rows,
        **stages,
        "epochs": model.n_iter_,
        "s / epoch": per_epoch,
        "GFLOP / epoch": gflop,
        "of the limit": gflop / per_epoch / limit_gflops(torch.device(device)),
        "accuracy": float(model.score(data["X_test"], data["y_test"])),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000], help="default: 10,000")
    parser.add_argument("--columns", type=int, default=N_COLUMNS, help=f"default: {N_COLUMNS}")
    parser.add_argument("--device", default="cpu", help="of the fits (default: cpu)")
    parser.add_argument("--time-limit", type=float, help="seconds of a fit (default: none)")
    parser.add_argument("--output", help="CSV file of the runs; those it holds are kept")
    options = parser.parse_args()
    report = Report(COLUMNS, 1, options.output)
    for n_rows in options.rows:
        if not report.is_done(n_rows):
            report.add(measure(n_rows, options.columns, options.device, options.time_limit))


if __name__ == "__main__":
    main()
