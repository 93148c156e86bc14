"""Activations learned on one set of images and used on another.

P E.3, Table 4: images as regression, 4 hidden layers. The paper's claims: an activation learned on
a set is better than ReLU there, and often on others; one learned on all sets at once gains less.

Activations are learned from zeros on MNIST, on Fashion-MNIST, and on both at once, with an episode
of each in turn and twice the outer steps. Fresh networks are then trained with each on either set.

Differs from the paper: two of its four sets; 3 hidden layers; activations are learned in networks
of one hidden layer, which on Fashion-MNIST is better than learning in three (see `images.py`).
Sizes as in `image_tasks.py`.

    SKIBIAS_DATA=folder python examples/reproduction/image_transfer.py
    python examples/reproduction/image_transfer.py --quick
"""

from functools import partial
from itertools import product

import numpy as np
from experiment import Report, learned_once, make_parser, parse, progress
from image_records import column, draw_gains, gains, name_markers, select
from image_tasks import (
    FIXED,
    FULL,
    QUICK,
    SETS,
    Task,
    accuracy_on,
    learning_rows,
    load_images,
    make_learner,
    train_networks,
)
from tabular.figures import figure, plain

DEPTH, LEARNED_DEPTH = 3, 1
SEEDS = (0, 1, 2)
LEARNED_ON = {"learned on mnist": ("mnist",), "learned on fashion": ("fashion",)}
LEARNED_ON["learned on both"] = SETS
COLUMNS = {
    "set": 8,
    "activation": 18,
    "seed": "d",
    "step": "d",
    "validation": ".4f",
    "test": ".4f",
}
PAPER = {
    "ReLU": (76.7, 73.9),
    "learned on mnist": (79.7, 73.0),
    "learned on fashion": (64.3, 75.1),
    "learned on both": (76.2, 72.8),  # on all four sets
}


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else FULL
    report = Report(COLUMNS, 3, options.results / "image_transfer.csv")
    run(report, setting, options.activations)
    show(report.records)
    draw(report.records).savefig(options.results / "image_transfer.png", dpi=100)


def run(report, setting, folder):
    """Learn and measure what the report and the folder of activations lack."""
    images = {name: load_images(name, setting) for name in SETS}
    units = list(product(("ReLU", *LEARNED_ON), SETS))
    for activation, name in progress(units, len(units), "networks"):
        seeds = [seed for seed in SEEDS if not report.is_done(name, activation, seed)]
        function = find_activation(activation, images, setting, folder)
        task = Task(name, "regression", DEPTH)
        for network in train_networks([function], seeds, task, images[name], setting):
            cells = (
                name,
                activation,
                network.seed,
                network.step,
                round(network.validation, 4),
                round(accuracy_on(network, images[name].test), 4),
            )
            report.add(dict(zip(COLUMNS, cells, strict=True)))


def find_activation(name, images, setting, folder):
    """Return an activation by its name in the table; a learned one is learned, if need be."""
    if name in FIXED:
        return FIXED[name]
    sets = LEARNED_ON[name]
    task = Task("_".join(sets), "regression", LEARNED_DEPTH)
    n_outer_steps = len(sets) * setting.shallow.n_outer_steps
    learner = make_learner(task, setting, "zeros", seed=0, n_outer_steps=n_outer_steps)
    tasks = [learning_rows(images[own].train, task.kind) for own in sets]
    path = folder / f"{task.name}_regression_zeros_depth{LEARNED_DEPTH}.json"
    return learned_once(path, partial(learner.learn, tasks))[0]


def gains_on(records, name):
    """Return by activation the gains over ReLU (seeds,) on a set, in points."""
    own = select(records, set=name)
    relu = select(own, activation="ReLU")
    return {
        activation: gains(select(own, activation=activation), relu, ("seed",))
        for activation in LEARNED_ON
    }


def show(records):
    """Print the medians of the table, and gains over ReLU."""
    for number, name in enumerate(SETS):
        print(f"\ntrained on {name}: median test accuracy and gain over ReLU (paper)")
        gains_of = gains_on(records, name) | {"ReLU": np.zeros(len(SEEDS))}
        for activation, paper in PAPER.items():
            accuracies = 100 * column(select(records, set=name, activation=activation), "test")
            paper_gain = paper[number] - PAPER["ReLU"][number]
            print(
                f"  {activation:18} {np.median(accuracies):5.1f} %  "
                f"{np.median(gains_of[activation]):+5.1f}  ({paper[number]:.1f} %  "
                f"{paper_gain:+.1f})"
            )


def draw(records):
    """Return the figure: gains over ReLU, a panel per set."""
    own = figure(10, 3.2)
    grid = own.subplots(1, len(SETS), sharey=True)
    for number, (axes, name) in enumerate(zip(grid, SETS, strict=True)):
        plain(axes)
        axes.set_title(f"trained on {name}, {DEPTH} hidden layers", fontsize=11)
        paper = {
            activation: numbers[number] - PAPER["ReLU"][number]
            for activation, numbers in PAPER.items()
        }
        draw_gains(axes, gains_on(records, name), paper)
    name_markers(own)
    return own


if __name__ == "__main__":
    main()
