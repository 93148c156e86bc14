"""Collages: which of two tiles a network relies on, with ReLU and with learned activations.

P 3.4, E.5, Figs. 9, 25 and 26. In training both tiles of a collage show its class. In two further
pairs of sets (validation and test) one tile shows it, and the other shows a random class, so that
the accuracy there tells how far a network relies on the one tile. The paper's claims: ReLU relies
on the simple tile alone (the other one is left at chance, 10 %); activations learned with
validation rows of either kind shift the preference to that tile; with long training networks drift
back to the simple tile; the shift is clearest with spectral normalisation, when learning and when
using the activation.

The activations are learned once for each tile, with and without spectral normalisation, from
training images only; one more is learned for the complex tile with the squared error. Fresh
networks are then trained with them and with ReLU, from the same first weights on the same batches
and with the log loss. Two functions made by hand are trained beside them: a ReLU of small slope,
and one with a dead zone. For what could be had at most, networks with ReLU are also trained where
the simple tile is random.

Differs from the paper: images of half the resolution, in grey; columns centred and divided by their
deviation; 20,000 collages, batches of 256 and larger learning rates, where the paper has batches
of 4,096 and 0.01; the staggered schedule of `ActivationLearner`; Fashion-MNIST, where the paper has
SVHN as the second complex tile. With --quick the tiles are scikit-learn's digits, upright and
upside down.

    SKIBIAS_DATA=folder python examples/reproduction/collages.py
    python examples/reproduction/collages.py --quick
"""

import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cues import (
    Contender,
    Cues,
    Key,
    Part,
    add_curves,
    best_point,
    curves_of,
    draw_function,
    kinds_of,
    make_cues,
    median_curve,
    percent,
)
from experiment import Report, learned_once, make_parser, parse
from sklearn.datasets import load_digits
from stacks import Training

from skibias import ActivationLearner, SplineActivation
from skibias.datasets import fetch_images, make_collages
from skibias.functions.fixed import FixedActivation

IMAGE_SETS = {"MNIST": "mnist", "CIFAR-10": "cifar10", "Fashion": "fashion"}
TILES = ("simple", "complex")
RELU = (FixedActivation("relu"),)
# Made by hand, after trials on validation images: what a small slope does, and what it does to
# respond to large pre-activations mainly.
HAND_MADE = {
    "small ReLU": SplineActivation((-1, 0, 1), (0, 0, 0.02), extrapolation="linear"),
    "dead zone": SplineActivation(
        (-16, -6, 6, 16), (-1.32, -0.12, 0.12, 1.32), extrapolation="linear"
    ),
}
CEILING = "ceiling"  # ReLU, trained where the simple tile is random
GREY = (0.299, 0.587, 0.114)
SOFTENING = 0.05  # added to the deviation of a column, since some pixels are hardly ever on
KEYS = ("collage", "spectral", "activation")
JUDGED = tuple(f"{share} {tile}" for share in ("validation", "test") for tile in TILES)
COLUMNS = {"collage": 14, "spectral": 8, "activation": 10, "seed": "d", "step": "d"}
COLUMNS |= dict.fromkeys(JUDGED, ".3f")
RATES = {"no": 0.03, "yes": 0.3}  # of SGD, without and with spectral normalisation
# Colours that colour-blind readers can tell apart (Okabe and Ito).
COLORS = {"ReLU": "black", "simple": "#0072B2", "complex": "#D55E00", "squared": "#E69F00"}
COLORS |= {CEILING: "#7f7f7f"}
COLORS |= dict(zip(HAND_MADE, ("#009E73", "#CC79A7"), strict=True))


class Aim(NamedTuple):
    """What an activation is learned for."""

    tile: str  # that shows the class in the validation rows
    loss: str  # inner and outer
    rate_factor: float = 1.0  # of the inner learning rate


SQUARED = "squared"  # networks that use this activation are trained with the log loss, as all are
AIMS = {tile: Aim(tile, "log_loss") for tile in TILES}
# The gradient of the squared error is a mean over ten outputs.
AIMS[SQUARED] = Aim("complex", "squared_error", rate_factor=10.0)


class Setting(NamedTuple):
    """What is measured, and how."""

    collages: tuple[str, ...]  # names of the simple and the complex tile, with a slash between
    n_train: int
    n_test: int  # and as many for validation
    seeds: tuple[int, ...]  # of first weights
    training: Training
    learner: dict  # settings of the `ActivationLearner` beside those of training


LEARNER = {"domain": (-16.0, 16.0), "n_knots": 33, "init": "zeros", "unroll_steps": 10}
LEARNER |= {"outer_step": "normalized", "outer_learning_rate": (0.1, 0.2, 0.3, 0.5)}
FULL = Setting(
    collages=("MNIST/CIFAR-10", "MNIST/Fashion"),
    n_train=20_000,
    n_test=4000,
    seeds=(0, 1, 2),
    training=Training((32,), 1200, 30, loss="log_loss", batch_size=256, averages=True),
    learner=LEARNER | {"n_restarts": 4, "horizon": 300, "n_outer_steps": 120},
)
QUICK = FULL._replace(
    collages=("digits/turned",),
    n_train=1000,
    n_test=300,
    seeds=(0, 1),
    training=FULL.training._replace(n_steps=60),
    learner=LEARNER | {"n_restarts": 2, "horizon": 20, "n_outer_steps": 6},
)


# The data.


def halve(part: Part) -> Part:
    """Return images in grey, from 0 to 1, with the mean of 2 by 2 pixels as one."""
    images, labels = part
    grey = images @ np.array(GREY) if images.ndim == 4 else images
    n, height, width = grey.shape
    blocks = grey.reshape(n, height // 2, 2, width // 2, 2)
    return blocks.mean(axis=(2, 4)) / 255, labels


def load_tile(name: str) -> tuple[Part, Part | None]:
    """Return the images of a source for training, and those for the tests if they are apart."""
    if name in IMAGE_SETS:
        images = fetch_images(IMAGE_SETS[name])
        return halve(images.train), halve(images.test)
    digits = load_digits()
    images = digits.images / 16
    return (images[:, ::-1] if name == "turned" else images, digits.target), None


def load(collage: str, setting: Setting) -> tuple[Cues, Cues]:
    """Return collages, and those whose simple tile is random in training."""
    (simple, simple_test), (complex_, complex_test) = map(load_tile, collage.split("/"))
    data = make_collages(
        simple,
        complex_,
        simple_test=simple_test,
        complex_test=complex_test,
        n_train=setting.n_train,
        n_test=setting.n_test,
        random_state=0,
    )
    scale = make_scale(data.train.data)
    judged = {}
    for name in JUDGED:
        own = data[name.replace(" ", "_")]
        judged[name] = scale(own.data), own.target
    without_cue = with_random_left_tile(data.train.data, data.image_shape)
    trains = (data.train.data, without_cue)
    cues, ceiling = (make_cues((scale(X), data.train.target), judged) for X in trains)
    return cues, ceiling


def make_scale(X: np.ndarray):
    """Return the function that centres columns and divides them by their softened deviation."""
    center = X.mean(axis=0)
    width = np.sqrt(X.var(axis=0) + SOFTENING**2)
    return lambda rows: ((rows - center) / width).astype(np.float32)


def with_random_left_tile(X: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Return collages (n, h * 2w) whose left tiles have changed places with one another."""
    images = X.reshape(-1, *image_shape).copy()
    half = image_shape[1] // 2
    order = np.random.default_rng(0).permutation(len(images))
    images[:, :, :half] = images[order, :, :half]
    return images.reshape(len(images), -1)


# Learning and training.


def learn(cues: Cues, aim: Aim, spectral: str, setting: Setting) -> SplineActivation:
    """Learn an activation with which fresh networks do best where one tile shows the class."""
    X, y = cues.judged[f"validation {aim.tile}"]
    learner = ActivationLearner(
        hidden_layer_sizes=setting.training.hidden_layer_sizes,
        loss=aim.loss,
        optimizer=setting.training.optimizer,
        learning_rate=aim.rate_factor * RATES[spectral],
        batch_size=setting.training.batch_size,
        spectral_normalization=spectral == "yes",
        scaling=None,
        validation=(X.double().numpy(), y.numpy()),
        random_state=0,
        verbose=sys.stderr.isatty(),
        **setting.learner,
    )
    return learner.learn(cues.train.inputs.numpy(), cues.train.targets.numpy())


def activation_path(folder: Path, collage: str, spectral: str, aim: str) -> Path:
    """Return the file of a learned activation."""
    name = collage.replace("/", "_").lower()
    return folder / f"collages_{name}_{aim}{'_spectral' if spectral == 'yes' else ''}.json"


def measure(collage: str, report: Report, setting: Setting, folder: Path) -> None:
    """Learn what is missing, train all networks on a kind of collages and add their curves."""
    cues, ceiling = load(collage, setting)
    for spectral, rate in RATES.items():
        functions = {"ReLU": RELU, CEILING: RELU}
        if spectral == "yes":  # without it, weights grow until a small slope is a large one
            functions |= {name: (own,) for name, own in HAND_MADE.items()}
        for name, aim in AIMS.items():
            if name == SQUARED and spectral == "no":
                continue
            path = activation_path(folder, collage, spectral, name)
            functions[name] = learned_once(path, partial(learn, cues, aim, spectral, setting))
        training = setting.training._replace(spectral_normalization=spectral == "yes")
        for name, own in functions.items():
            contender = {(collage, spectral, name): Contender(own, rate)}
            data = ceiling if name == CEILING else cues
            add_curves(report, contender, setting.seeds, data, training)


# What the curves say.


def chosen_and_last(curves: list[list[dict]], tile: str) -> tuple[list[float], list[float]]:
    """Return test accuracies by a tile, per network: at the best validation step, and at the end.

    The step is chosen on the validation set where only that tile shows the class.
    """
    chosen = [best_point(curve, f"validation {tile}")[f"test {tile}"] for curve in curves]
    return chosen, [curve[-1][f"test {tile}"] for curve in curves]


def show(kinds: dict[Key, list[list[dict]]]) -> None:
    """Print accuracies on both tiles, at the step that validation rows choose and at the end."""
    print("\nTest accuracy by one tile alone, in percent: median (range) over the seeds")
    names = [f"{tile}, {when}" for tile in TILES for when in ("chosen", "last")]
    print(" ".join(KEYS).ljust(36) + "  ".join(name.rjust(17) for name in names))
    for kind, curves in kinds.items():
        shares = [own for tile in TILES for own in chosen_and_last(curves, tile)]
        print(" ".join(kind).ljust(36) + "  ".join(percent(own).rjust(17) for own in shares))


def draw(kinds: dict[Key, list[list[dict]]], setting: Setting, folder: Path, path: Path) -> None:
    """Draw for every kind of collages the ways of training, and the learned functions."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shape = len(setting.collages), 4
    figure, axes = pyplot.subplots(
        *shape, figsize=(17, 4.3 * shape[0]), squeeze=False, layout="constrained"
    )
    for row, collage in zip(axes, setting.collages, strict=True):
        names = dict(zip(TILES, collage.split("/"), strict=True))
        plain, normalized = (
            {kind[2]: curves for kind, curves in kinds.items() if kind[:2] == (collage, spectral)}
            for spectral in RATES
        )
        _draw_ways(row[0], plain, names)
        row[0].set_title("without spectral normalisation")
        _draw_ways(row[1], normalized, names)
        row[1].set_title("with spectral normalisation")
        _draw_curves(row[2], normalized, names)
        _draw_functions(row[3], folder, collage)
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def _label(name: str) -> str:
    """Return how a kind of networks is called in the legend."""
    if name in AIMS:
        text = f"learned for the {AIMS[name].tile} tile"
        return f"{text}, squared error" if name == SQUARED else text
    return "ReLU, simple tile random" if name == CEILING else name


def _draw_ways(ax, own, names) -> None:
    """Draw how accuracies on both tiles move in training: a line per network, a dot at its end."""
    for name, curves in own.items():
        for number, curve in enumerate(curves):
            x, y = (100 * np.array([point[f"test {tile}"] for point in curve]) for tile in TILES)
            ax.plot(x, y, color=COLORS[name], linewidth=1, alpha=0.8)
            label = _label(name) if number == 0 else None
            ax.plot(x[-1:], y[-1:], "o", color=COLORS[name], label=label)
    ax.set_xlabel(f"accuracy by the {names['simple']} tile alone, %")
    ax.set_ylabel(f"accuracy by the {names['complex']} tile alone, %")
    ax.grid(alpha=0.3)


def _draw_curves(ax, own, names) -> None:
    """Draw accuracy by the complex tile over the steps: median and range over the seeds."""
    for name, curves in own.items():
        steps, shares = median_curve(curves, "test complex")
        ax.plot(steps[1:], 100 * shares[1][1:], color=COLORS[name])
        ax.fill_between(
            steps[1:], *100 * shares[::2, 1:], color=COLORS[name], alpha=0.15, linewidth=0
        )
    ax.set_xscale("log")
    ax.set(xlabel="steps", ylabel=f"accuracy by the {names['complex']} tile alone, %")
    ax.set_title("with spectral normalisation")
    ax.grid(alpha=0.3)


def _draw_functions(ax, folder, collage) -> None:
    """Draw the functions that were learned with spectral normalisation."""
    for aim in AIMS:
        function = learned_once(activation_path(folder, collage, "yes", aim), learn=None)[0]
        draw_function(ax, function, (function.knots[0], function.knots[-1]), color=COLORS[aim])
    ax.set_title("learned with spectral normalisation")


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else FULL
    report = Report(COLUMNS, 5, options.results / "collages.csv")
    for collage in setting.collages:
        measure(collage, report, setting, options.activations)
    kinds = kinds_of(curves_of(report.records, KEYS))
    show(kinds)
    draw(kinds, setting, options.activations, options.results / "collages.png")


if __name__ == "__main__":
    main()
