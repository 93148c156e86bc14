"""Until how many samples two-layer networks interpolate, and what they do beyond.

The claim ("Simplicity bias and optimization threshold in two-layer ReLU networks", 2024): although
they have more weights than there are samples, such networks cease to interpolate beyond some
number of samples, the optimization threshold. They then stay near the simple solution that the
neurons' early alignment leads to, and generalise far better than interpolating ones. The abstract
gives no number for the threshold.

Measured here: inputs of 5 normal columns, a linear teacher of slope 1 and noise of variance 0.25;
one hidden layer of 256 units, which has more weights than the largest number of samples; gradient
descent with momentum on all rows from first weights that are 0.001 of the usual ones. Four models:

    relu               the claim's
    relu, usual start  the same from first weights of the usual size, where neurons do not align
    tanh               from small first weights
    learned            from small first weights, with a function that was learned on other samples
                       of the teacher

The first of them also with 2 and with 10 columns, and in some cases for five times as many steps,
which tells whether networks that do not interpolate would do so later.

The training loss is compared with that of linear regression (1: the simple solution, 0: an
interpolating one), and the threshold is where the median of this ratio over the seeds passes 1/2.
The test loss is the mean squared distance from the teacher, noise left out.

Differs from the article: momentum in place of gradient flow, a fixed number of steps in place of
convergence, and biases.

    python examples/reproduction/optimization_threshold.py
    python examples/reproduction/optimization_threshold.py --quick
"""

import itertools
import math
import statistics
import sys
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from experiment import Report, add_missing, learned_once, make_parser, parse, progress
from stacks import Network, Training, make_rows, train

from skibias import ActivationLearner
from skibias.engine.episodes import Rows
from skibias.functions.fixed import FixedActivation

N_COLUMNS = 5
NOISE = 0.5  # standard deviation
N_TEST = 2000
SMALL = 0.001  # factor on the first weights
LEARNING_RATE = 0.02
N_EVALUATIONS = 8  # after the first one
OTHER_SEED = 1000  # of the samples that the activation is learned on
TEST_SEED = 2000
SIMPLE = 0.5  # ratio of the training losses from which a network does not interpolate
MODELS = {  # by name, the factor on the first weights
    "relu": SMALL,
    "relu, usual start": 1.0,
    "tanh": SMALL,
    "learned": SMALL,
}
COLUMNS = {
    "columns": "d",
    "samples": "d",
    "model": 17,
    "seed": "d",
    "step": "d",
    "train loss": ".5f",
    "test loss": ".5f",
    "linear train loss": ".5f",
    "linear test loss": ".5f",
}
N_KEYS = 5


class Setting(NamedTuple):
    """How much is measured."""

    sizes: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024)
    seeds: tuple[int, ...] = (0, 1, 2)
    width: int = 256
    n_steps: int = 6000
    n_outer_steps: int = 200
    n_learning_samples: int = 128
    other_columns: tuple[int, ...] = (2, 10)  # for ReLU
    long_steps: int = 30_000  # for ReLU
    long_runs: tuple[tuple[int, int], ...] = ((2, 512), (5, 512))  # (columns, samples)


QUICK = Setting((8, 64), (0, 1), 32, 400, 10, 40, (), 800, ((5, 64),))


class Samples(NamedTuple):
    """Rows of the linear teacher."""

    X: np.ndarray  # (n, d)
    y: np.ndarray  # (n,), with noise
    truth: np.ndarray  # (n,), without


def draw_samples(n_samples, seed, n_columns=N_COLUMNS) -> Samples:
    """Draw samples of a linear teacher, whose slope is one along the first column."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n_samples, n_columns))
    return Samples(X, X[:, 0] + NOISE * generator.normal(size=n_samples), X[:, 0])


def linear_losses(samples: Samples, test: Samples) -> tuple[float, float]:
    """Return the training and the test loss of linear regression with an intercept."""
    with_ones = [np.c_[part.X, np.ones(len(part.X))] for part in (samples, test)]
    slopes, *_ = np.linalg.lstsq(with_ones[0], samples.y, rcond=None)
    residuals = with_ones[0] @ slopes - samples.y, with_ones[1] @ slopes - test.truth
    return tuple(float(np.mean(own**2)) for own in residuals)


def learn(setting: Setting):
    """Learn an activation on samples that no network is trained or tested with."""
    learner = ActivationLearner(
        n_outer_steps=setting.n_outer_steps,
        horizon=setting.n_steps // 10,
        hidden_layer_sizes=(64,),
        learning_rate=0.01,
        scaling=None,
        random_state=0,
        verbose=int(sys.stderr.isatty()),
    )
    samples = draw_samples(setting.n_learning_samples, OTHER_SEED)
    return learner.learn(samples.X, samples.y)


def run(setting: Setting, learned, report: Report):
    """Train the networks of all models and numbers of samples that the report lacks."""
    models = {N_COLUMNS: list(MODELS)} | {number: ["relu"] for number in setting.other_columns}
    for n_columns, size in itertools.product(models, setting.sizes):
        run_size(setting, (n_columns, size), models[n_columns], learned, report)


def run_long(setting: Setting, report: Report):
    """Train ReLU networks for longer."""
    for case in setting.long_runs:
        run_size(setting._replace(n_steps=setting.long_steps), case, ["relu"], None, report)


def run_size(setting: Setting, case, models, learned, report: Report):
    """Train the networks of a case (columns, samples) side by side."""
    # Equal activations follow one another, so that they are evaluated at once.
    missing = [
        (model, seed)
        for model, seed in itertools.product(models, setting.seeds)
        if not report.is_done(*case, model, seed, setting.n_steps)
    ]
    if missing:
        add_missing(report, measure(setting, *case, missing, learned), N_KEYS)


def measure(setting: Setting, n_columns, size, runs, learned):
    """Return the records of networks (model, seed), each on samples of its own seed."""
    test = draw_samples(N_TEST, TEST_SEED, n_columns)
    networks = [network_of(model, seed, learned) for model, seed in runs]
    samples = [draw_samples(size, seed, n_columns) for _, seed in runs]
    rows = side_by_side([make_rows(own.X, own.y) for own in samples])
    judge = partial(losses, rows=rows, test=make_rows(test.X, test.truth))
    interval = setting.n_steps // N_EVALUATIONS
    training = Training((setting.width,), setting.n_steps, interval, optimizer="momentum")
    steps = train(networks, rows, training, judge)
    linear = [linear_losses(own, test) for own in samples]
    records = []
    for evaluation in progress(steps, N_EVALUATIONS + 1, f"{size} samples of {n_columns} columns"):
        losses_of = zip(*(part.tolist() for part in evaluation.scores.values()), strict=True)
        for (model, seed), own, own_linear in zip(runs, losses_of, linear, strict=True):
            numbers = [float(f"{loss:.4g}") for loss in (*own, *own_linear)]
            cells = (n_columns, size, model, seed, evaluation.step, *numbers)
            records.append(dict(zip(COLUMNS, cells, strict=True)))
    return records


def network_of(model, seed, learned) -> Network:
    """Return the network of a model."""
    name = model.split(",")[0]
    activations = learned if name == "learned" else (FixedActivation(name),)
    return Network(activations, seed, LEARNING_RATE, scale=MODELS[model])


def side_by_side(rows: list[Rows]) -> Rows:
    """Return the rows (R, n, …) of networks that have rows of their own."""
    return Rows(*map(torch.stack, zip(*rows, strict=True)))


def losses(predict, rows: Rows, test: Rows):
    """Return the training and the test losses (R,)."""
    return {
        "train": (predict(rows.inputs) - rows.targets).square().mean((-2, -1)),
        "test": (predict(test.inputs) - test.targets).square().mean((-2, -1)),
    }


def last_step(records) -> int:
    """Return the number of steps of the whole training."""
    return max(int(record["step"]) for record in records)


def select(records, model, step, n_columns=N_COLUMNS):
    """Return the records of a model after some step."""
    wanted = {"model": model, "step": str(step), "columns": str(n_columns)}
    return [r for r in records if all(r[name] == value for name, value in wanted.items())]


def medians(records, column):
    """Return the (samples, median over the seeds) of a column of selected records."""
    by_size = {}
    for record in records:
        by_size.setdefault(int(record["samples"]), []).append(column_value(record, column))
    return [(size, statistics.median(by_size[size])) for size in sorted(by_size)]


def column_value(record, column) -> float:
    """Return a number of a record; "ratio" is its training loss by that of linear regression."""
    if column == "ratio":
        return float(record["train loss"]) / float(record["linear train loss"])
    return float(record[column])


def threshold(ratios) -> float:
    """Return the number of samples at which the ratio passes `SIMPLE`, between sizes in logarithms.

    The last passing counts; inf if the ratio is lower at the largest size, and the smallest size
    if it is never lower.
    """
    below = [number for number, (_, ratio) in enumerate(ratios) if ratio < SIMPLE]
    if not below:
        return float(ratios[0][0])
    if below[-1] == len(ratios) - 1:
        return math.inf
    (size, ratio), (next_size, next_ratio) = ratios[below[-1] : below[-1] + 2]
    share = (SIMPLE - ratio) / (next_ratio - ratio)
    return size * (next_size / size) ** share


def show(records):
    """Print the medians over the seeds, the thresholds, and what the last half changed."""
    last = last_step(records)
    for column in ("ratio", "test loss"):
        sizes = [size for size, _ in medians(select(records, "relu", last), column)]
        print(f"\nmedian {column}".ljust(26) + "".join(f"{size:>9}" for size in sizes))
        for model in MODELS:
            print_values(model, medians(select(records, model, last), column))
        for model, n_columns in other_runs(records):
            own = select(records, model, last, n_columns)
            print_values(f"{model}, {n_columns} columns", medians(own, column))
    print_values("linear regression", medians(select(records, "relu", last), "linear test loss"))
    print()
    for model, n_columns in [*((model, N_COLUMNS) for model in MODELS), *other_runs(records)]:
        at, half_way = (
            threshold(medians(select(records, model, step, n_columns), "ratio"))
            for step in (last, last // 2)
        )
        print(
            f"{model}, {n_columns} columns: threshold at {at:.0f} samples, "
            f"{half_way:.0f} after half of the steps"
        )


def show_long(records):
    """Print the ratio while networks train for longer."""
    print("\nmedian ratio in longer training, by columns, samples and step")
    for (n_columns, size), points in long_curves(records).items():
        values = "  ".join(f"{step}: {ratio:.3f}" for step, ratio in points)
        print(f"{n_columns:>4} {size:>5}  {values}")


def long_curves(records):
    """Return the (step, median ratio), from the second evaluation on, by (columns, samples)."""
    curves = {}
    for n_columns, step in sorted({(int(r["columns"]), int(r["step"])) for r in records}):
        for size, ratio in medians(select(records, "relu", step, n_columns), "ratio"):
            curves.setdefault((n_columns, size), []).append((step, ratio))
    return {case: points[1:] for case, points in curves.items()}


def print_values(name, points):
    """Print a line of a table."""
    print(name.ljust(25) + "".join(f"{value:>9.4f}" for _, value in points))


def other_runs(records):
    """Return the (model, columns) that there are beside the usual number of columns."""
    counts = {int(record["columns"]) for record in records} - {N_COLUMNS}
    return [("relu", n_columns) for n_columns in sorted(counts)]


def draw(records, long_records, path):
    """Draw both losses against the number of samples, and the ratio against the steps."""
    from matplotlib.figure import Figure

    last = last_step(records)
    figure = Figure(figsize=(14, 4.2), layout="constrained")
    ratio, test, time = figure.subplots(1, 3)
    for number, model in enumerate(MODELS):
        own = select(records, model, last)
        draw_seeds(ratio, own, "ratio", model, f"C{number}")
        draw_seeds(test, own, "test loss", model, f"C{number}")
    for style, (model, n_columns) in zip(("--", ":"), other_runs(records), strict=False):
        points = medians(select(records, model, last, n_columns), "ratio")
        ratio.plot(
            *zip(*points, strict=True), style, color="C0", label=f"relu, {n_columns} columns"
        )
    linear = medians(select(records, "relu", last), "linear test loss")
    test.plot(*zip(*linear, strict=True), "k--", label="linear regression")
    ratio.axhline(SIMPLE, color="grey", linewidth=0.8)
    sizes = [size for size, _ in linear]
    for axes in (ratio, test):
        axes.set(xscale="log", xlabel="training samples")
        axes.set_xticks(sizes, labels=sizes)
        axes.minorticks_off()
        axes.legend(fontsize=8)
    ratio.set_title("0: interpolates, 1: is as simple as a line")
    ratio.set(ylabel="training loss / that of linear regression", ylim=(-0.05, 1.1))
    test.set(yscale="log", ylabel="mean squared distance from the teacher", title="Test loss")
    draw_time(time, records, long_records)
    figure.savefig(path, dpi=90)


def draw_seeds(axes, records, column, label, color):
    """Draw the medians of selected records as a line, and the seeds as points."""
    axes.plot(*zip(*medians(records, column), strict=True), color=color, label=label)
    sizes = [int(record["samples"]) for record in records]
    values = [column_value(record, column) for record in records]
    axes.plot(sizes, values, ".", color=color, alpha=0.5)


def draw_time(axes, records, long_records):
    """Draw how the ratio of ReLU networks falls, by number of samples."""
    from matplotlib import colormaps

    usual = [record for record in records if int(record["columns"]) == N_COLUMNS]
    curves = long_curves(usual)
    colors = dict(zip(curves, colormaps["viridis"](np.linspace(0, 0.9, len(curves))), strict=True))
    for (n_columns, size), points in curves.items():
        color = colors[n_columns, size]
        axes.plot(*zip(*points, strict=True), ".-", color=color, label=f"{size} samples")
    for (n_columns, size), points in long_curves(long_records).items():
        color = colors.get((n_columns, size))
        label = None if color is not None else f"{size} samples, {n_columns} columns"
        axes.plot(*zip(*points, strict=True), "x--", color=color, label=label)
    axes.set(xlabel="steps", xscale="log", ylim=(-0.05, 1.1))
    axes.set(ylabel="training loss / that of linear regression")
    axes.set_title("relu while it trains; dashed: for longer")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else Setting()
    learned = learned_once(options.activations / "linear_teacher.json", partial(learn, setting))
    report = Report(COLUMNS, N_KEYS, options.results / "optimization_threshold.csv")
    run(setting, learned, report)
    long_report = Report(COLUMNS, N_KEYS, options.results / "optimization_threshold_long.csv")
    run_long(setting, long_report)
    show(report.records)
    show_long(long_report.records)
    path = options.results / "optimization_threshold.png"
    draw(report.records, long_report.records, path)


if __name__ == "__main__":
    main()
