"""Scale of the images and schedules of learning: what was chosen, on validation images.

Regression (P 3.2); one activation per line, learned from zeros, and three fresh networks with it
and with ReLU, judged by validation images. Test images are not looked at.

*Scales*: Fashion-MNIST, one hidden layer, pixels as they are and in other ranges. Networks are
trained for twice the steps of `images.py`, since ReLU takes long where pixels are not centred.
*Schedules*: MNIST with one hidden layer and Fashion-MNIST with three, each with both schedules of
`image_tasks.py`.

    SKIBIAS_DATA=folder python examples/reproduction/image_choices.py
    python examples/reproduction/image_choices.py --quick
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from experiment import Report, learned_once, make_parser, parse, progress
from image_records import column, select
from image_tasks import (
    FIXED,
    FULL,
    QUICK,
    Task,
    learning_rows,
    load_images,
    make_learner,
    train_networks,
)

SEEDS = (0, 1, 2)
LEARNED = "learned from zeros"
COLUMNS = {
    "choice": 18,
    "set": 8,
    "depth": "d",
    "activation": 18,
    "seed": "d",
    "step": "d",
    "validation": ".4f",
}
FASHION, DEEP_FASHION = Task("fashion", "regression", 1), Task("fashion", "regression", 3)
MNIST = Task("mnist", "regression", 1)


class Choice(NamedTuple):
    """One line: what is learned on which images, and how."""

    name: str
    task: Task
    scale: str = "from 0 to 1"
    schedule: str = "shallow"  # field of a setting
    length: int = 1  # times the steps of a setting


SCALES = {
    "from 0 to 1": lambda X, mean, spread: X,
    "from -1 to 1": lambda X, mean, spread: 2 * X - 1,
    "centred": lambda X, mean, spread: (X - mean) / spread,
    "centred, halved": lambda X, mean, spread: (X - mean) / (2 * spread),
}
CHOICES = (
    *(Choice(name, FASHION, scale=name, length=2) for name in SCALES),
    Choice("long schedule", MNIST),
    Choice("short schedule", MNIST, schedule="deep"),
    Choice("long schedule", DEEP_FASHION),
    Choice("short schedule", DEEP_FASHION, schedule="deep"),
)


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else FULL
    report = Report(COLUMNS, 5, options.results / "image_choices.csv")
    run(report, setting, options.activations)
    show(report.records)


def run(report, setting, folder):
    """Learn and measure what the report and the folder of activations lack."""
    for choice in progress(CHOICES, len(CHOICES), "choices"):
        images = scaled(load_images(choice.task.name, setting), SCALES[choice.scale])
        own = setting._replace(n_steps=choice.length * setting.n_steps)
        learner = make_learner(
            choice.task, own, "zeros", seed=0, **getattr(setting, choice.schedule)._asdict()
        )
        learn = partial(learner.learn, *learning_rows(images.train, choice.task.kind))
        functions = {
            "ReLU": FIXED["ReLU"],
            LEARNED: learned_once(activation_path(folder, choice), learn)[0],
        }
        for name, function in functions.items():
            key = choice.name, choice.task.name, choice.task.depth, name
            seeds = [seed for seed in SEEDS if not report.is_done(*key, seed)]
            for network in train_networks([function], seeds, choice.task, images, own):
                numbers = network.seed, network.step, round(network.validation, 4)
                report.add(dict(zip(COLUMNS, (*key, *numbers), strict=True)))


def scaled(images, scale):
    """Return images in another range; mean image and spread are those of the training images."""
    mean = images.train.X.mean(0)
    spread = np.sqrt(((images.train.X - mean) ** 2).mean())
    return images._replace(
        **{
            name: part._replace(X=scale(part.X, mean, spread).astype(np.float32))
            for name, part in images._asdict().items()
        }
    )


def activation_path(folder, choice):
    """Return the file of a learned activation."""
    words = f"{choice.task.name} {choice.name}".replace(",", "").replace("-", "minus ")
    return folder / f"choice_{words.replace(' ', '_')}_depth{choice.task.depth}.json"


def show(records):
    """Print medians over the seeds, and those of the gains."""
    for choice in CHOICES:
        own = select(records, choice=choice.name, set=choice.task.name, depth=choice.task.depth)
        relu, learned = (
            100 * column(select(own, activation=name), "validation") for name in ("ReLU", LEARNED)
        )
        print(
            f"{choice.task.name}, hidden layers: {choice.task.depth}, {choice.name}: "
            f"ReLU {np.median(relu):.1f} %, learned {np.median(learned):.1f} %, "
            f"gain {np.median(learned - relu):+.1f} points"
        )


if __name__ == "__main__":
    main()
