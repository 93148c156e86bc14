"""What matters in learning an activation: restarts, interpolation, and the outer loss.

P App. D, Tables 1-3: Fashion-MNIST as regression, one hidden layer. The paper's claims: every
restart gains over ReLU, and the best one a little more; linear and cubic splines are alike,
nearest-neighbour interpolation is worse; an outer loss on held-out data is better than one on
training data, and as good as one on the test data themselves.

Table 1: an activation is learned from zeros with four seeds. The best one is chosen by the
validation accuracy of fresh networks. ReLU is also given three times the steps, since it learns
more slowly. Table 2: fresh networks with the best one, interpolated in
three ways between the same knots. Table 3: the outer loss is that on the training rows, on 10,000
other training images, or on the test images. The last one is cheating, as in the paper, and only
says what there is to gain.

Differs from the paper: its activations were learned with the interpolation that they are used
with, here all are learned as linear splines. The nearest knot's value has no slope to train
with: networks get the slope of the linear spline. Seeds are those of fresh networks: activations
are learned once. Sizes as in `image_tasks.py`.

    SKIBIAS_DATA=folder python examples/reproduction/image_ablations.py
    python examples/reproduction/image_ablations.py --quick
"""

from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import torch
from experiment import Report, learned_once, make_parser, parse, progress
from image_records import column, draw_gains, gains, name_markers, select
from image_tasks import (
    FIXED,
    FULL,
    QUICK,
    Task,
    accuracy_on,
    learning_rows,
    load_images,
    make_learner,
    train_networks,
)
from scipy.interpolate import CubicSpline
from tabular.figures import INK, figure, plain

from skibias import SplineActivation

TASK = Task("fashion", "regression", depth=1)
SEEDS = (0, 1, 2)
RESTARTS = (0, 1, 2, 3)
OUTER_SEEDS = (0, 1)  # restarts of Table 3
OUTER_PARTS = {"training data": "train", "held-out data": "spare", "test data": "test"}
CUBIC_CELLS = 8  # linear pieces that stand for a cubic one
COLUMNS = {
    "variant": 15,
    "restart": "d",
    "seed": "d",
    "step": "d",
    "validation": ".4f",
    "test": ".4f",
}
PAPER_RELU = 53.1
PAPER = {
    "mean of restarts": 56.6,
    "best restart": 57.2,
    "nearest": 55.1,
    "linear": 57.2,
    "cubic": 57.3,
    "training data": 56.7,
    "held-out data": 57.2,
    "test data": 56.9,
}


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else FULL
    report = Report(COLUMNS, 3, options.results / "image_ablations.csv")
    run(report, setting, options.activations)
    tables = tables_of(report.records)
    show(report.records, tables)
    picture = draw(report.records, tables, options.activations)
    picture.savefig(options.results / "image_ablations.png", dpi=100)


# Learning and training.


def run(report, setting, folder):
    """Learn and measure what the report and the folder of activations lack."""
    images = load_images(TASK.name, setting)
    measure = partial(measure_networks, report, images, setting)
    measure("ReLU", 0, FIXED["ReLU"])
    longer = setting._replace(n_steps=3 * setting.n_steps)
    measure_networks(report, images, longer, "ReLU, 3 x steps", 0, FIXED["ReLU"])
    for restart in progress(RESTARTS, len(RESTARTS), "restarts"):
        learner = make_learner(TASK, setting, "zeros", seed=restart)
        measure("linear", restart, learn(learner, images, restart_path(folder, restart)))
    best = best_restart(report.records)
    function = read(restart_path(folder, best))
    measure("nearest", best, NearestActivation(function))
    measure("cubic", best, cubic_activation(function))
    units = list(product(OUTER_SEEDS, OUTER_PARTS))
    for restart, name in progress(units, len(units), "outer losses"):
        outer_rows = learning_rows(getattr(images, OUTER_PARTS[name]), TASK.kind)
        learner = make_learner(TASK, setting, "zeros", seed=restart, validation=outer_rows)
        measure(name, restart, learn(learner, images, outer_path(folder, name, restart)))


def learn(learner, images, path):
    """Return the activation of a file; learn it if it is missing."""
    return learned_once(path, partial(learner.learn, *learning_rows(images.train, TASK.kind)))[0]


def read(path):
    """Return the activation of a file."""
    return SplineActivation.from_json(path.read_text())


def restart_path(folder, restart):
    """Return the file of a restart of Table 1."""
    return folder / f"fashion_regression_zeros_restart{restart}.json"


def outer_path(folder, name, restart):
    """Return the file of a restart of Table 3."""
    return folder / f"fashion_regression_zeros_outer_{OUTER_PARTS[name]}_restart{restart}.json"


def measure_networks(report, images, setting, variant, restart, activation):
    """Train the fresh networks of a variant that the report lacks."""
    seeds = [seed for seed in SEEDS if not report.is_done(variant, restart, seed)]
    for network in train_networks([activation], seeds, TASK, images, setting):
        cells = (
            variant,
            restart,
            network.seed,
            network.step,
            round(network.validation, 4),
            round(accuracy_on(network, images.test), 4),
        )
        report.add(dict(zip(COLUMNS, cells, strict=True)))


def best_restart(records):
    """Return the restart of Table 1 whose networks are best on validation rows, on average."""
    own = select(records, variant="linear")
    return max(RESTARTS, key=lambda r: column(select(own, restart=r), "validation").mean())


# Interpolation.


def cubic_activation(activation):
    """Return the natural cubic spline through the knots, as a linear one on many more knots."""
    cubic = CubicSpline(activation.knots, activation.values, bc_type="natural")
    n_knots = CUBIC_CELLS * (len(activation.knots) - 1) + 1
    return SplineActivation.from_function(cubic, activation.knots[[0, -1]], n_knots)


@dataclass(frozen=True)
class NearestActivation:
    """The value at the nearest knot, with the slope of the linear spline for training."""

    activation: SplineActivation  # with equally spaced knots

    def as_module(self, dtype=torch.float32):
        """Return the function as a module."""
        return NearestModule(self.activation, dtype)


class NearestModule(torch.nn.Module):
    """A `NearestActivation` for networks."""

    def __init__(self, activation, dtype):
        super().__init__()
        self.linear = activation.as_module(dtype)
        self.first, self.last = activation.knots[[0, -1]].tolist()
        self.spacing = (self.last - self.first) / (len(activation.knots) - 1)

    def forward(self, z):
        """Return the values at the knots nearest to z, any shape."""
        linear = self.linear(z)
        number = ((z.detach().clamp(self.first, self.last) - self.first) / self.spacing).round()
        nearest = self.linear(self.first + self.spacing * number)
        return linear + (nearest - linear).detach()


# What the records say.


def tables_of(records):
    """Return by table and line the gains over ReLU (seeds,), in points."""
    relu = select(records, variant="ReLU")

    def mean_gains(own):
        """Return the mean over the restarts for every seed."""
        return np.array([gains(select(own, seed=s), relu, ("seed",)).mean() for s in SEEDS])

    linear = select(records, variant="linear")
    best = mean_gains(select(linear, restart=best_restart(records)))
    interpolations = {
        name: mean_gains(select(records, variant=name)) for name in ("nearest", "cubic")
    }
    return {
        "Table 1: restarts": {
            "ReLU, 3 x steps": mean_gains(select(records, variant="ReLU, 3 x steps")),
            "mean of restarts": mean_gains(linear),
            "best restart": best,
        },
        "Table 2: interpolation": {
            "nearest": interpolations["nearest"],
            "linear": best,
            "cubic": interpolations["cubic"],
        },
        "Table 3: outer loss on": {
            name: mean_gains(select(records, variant=name)) for name in OUTER_PARTS
        },
    }


def show(records, tables):
    """Print the tables."""
    relu = 100 * column(select(records, variant="ReLU"), "test")
    print(f"\nReLU: {relu.mean():.1f} ± {relu.std(ddof=1):.1f} % (paper {PAPER_RELU})")
    for restart in RESTARTS:
        own = select(records, variant="linear", restart=restart)
        validation, test = (100 * column(own, name).mean() for name in ("validation", "test"))
        print(f"restart {restart}: validation {validation:.1f} %, test {test:.1f} %")
    for title, table in tables.items():
        print(f"\n{title}, gain over ReLU in points (paper)")
        for name, numbers in table.items():
            text = f"  {name:17} median {np.median(numbers):+.1f}, mean {numbers.mean():+.1f} "
            text += f"± {numbers.std(ddof=1):.1f}"
            print(text, f"({PAPER[name] - PAPER_RELU:+.1f})" if name in PAPER else "")


# The figure: gains above, the functions that they belong to below.


def draw(records, tables, folder):
    """Return the figure of the three tables."""
    own = figure(12, 6.5)
    grid = own.subplots(2, len(tables), height_ratios=(2, 3))
    paper = {name: accuracy - PAPER_RELU for name, accuracy in PAPER.items()}
    for axes, (title, table) in zip(grid[0], tables.items(), strict=True):
        plain(axes)
        axes.set_title(title, fontsize=11)
        draw_gains(axes, table, paper)
    best = best_restart(records)
    _draw_restarts(grid[1, 0], best, folder)
    _draw_interpolations(grid[1, 1], upright(read(restart_path(folder, best))))
    _draw_outer_losses(grid[1, 2], folder)
    for axes in grid[1]:
        plain(axes)
        axes.set_xlabel("pre-activation")
        axes.legend(frameon=False, fontsize=8)
    grid[1, 0].set_ylabel("learned activation")
    name_markers(own)
    return own


def upright(function):
    """Return a function or its negative, with which networks are the same, whichever rises."""
    sign = 1.0 if function.knots @ function.values >= 0 else -1.0
    return SplineActivation(function.knots, sign * function.values)


def _draw_restarts(axes, best, folder):
    for restart in RESTARTS:
        function = upright(read(restart_path(folder, restart)))
        label = f"restart {restart}" + (" (best)" if restart == best else "")
        axes.plot(function.knots, function.values, linewidth=1.2, label=label)


def _draw_interpolations(axes, function):
    """Draw the three interpolations over the knots in the middle."""
    z = torch.linspace(-1.5, 1.5, 1501, dtype=torch.float64)
    nearest = NearestActivation(function).as_module(torch.float64)(z).detach()
    shown = np.abs(function.knots) <= 1.5
    axes.plot(z, nearest, linewidth=1, label="nearest")
    axes.plot(z, function(z), linewidth=1.2, label="linear")
    axes.plot(z, cubic_activation(function)(z), linewidth=1.2, label="cubic")
    axes.plot(function.knots[shown], function.values[shown], ".", color=INK)


def _draw_outer_losses(axes, folder):
    for name in OUTER_PARTS:
        function = upright(read(outer_path(folder, name, OUTER_SEEDS[0])))
        axes.plot(function.knots, function.values, linewidth=1.2, label=name)


if __name__ == "__main__":
    main()
