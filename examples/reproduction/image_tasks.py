"""What the commands on images share: the images, their two tasks, learning and training.

The images of MNIST and Fashion-MNIST are classified (log loss), or the number of their class is
predicted as a value: 0 ... 9 spread evenly over [-1, 1], squared error, prediction rounded to the
nearest class (P 3.1, 3.2 and E.2). Networks are fully connected, with a residual connection after
every hidden layer where widths agree.

Differs from the paper: every second pixel of every second line, where the paper crops MNIST by
5 pixels; 20,000 of the 60,000 training images, and 5,000 others to stop early; batches of 256,
where the paper's are typically 4,096; width 128.

Notation
--------
R : networks of a stack
n, d, o : rows, inputs, outputs
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import stacks
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from skibias import ActivationLearner, SplineActivation
from skibias.complexity import Paths, sample_paths, tv_complexity
from skibias.datasets import fetch_images
from skibias.engine.networks import Functions, Model
from skibias.engine.training import predict
from skibias.functions.fixed import FixedActivation

Activation = FixedActivation | SplineActivation

SETS = ("mnist", "fashion")
KINDS = ("classification", "regression")
N_CLASSES = 10
# Chosen with ReLU on validation rows, by `image_tuning.py`, and used for every activation (P E.1).
TUNED = {
    "classification": {"optimizer": "rmsprop", "learning_rate": 0.003, "batch_size": 256},
    "regression": {"optimizer": "rmsprop", "learning_rate": 0.001, "batch_size": 256},
}
PATIENCE = 10  # evaluations without any improvement that end the training of a network
LOSSES = {"classification": "log_loss", "regression": "squared_error"}
FIXED = {
    "ReLU": FixedActivation("relu"),
    "GELU": FixedActivation("gelu"),
    "tanh(4z)": FixedActivation("tanh", 4.0),
}
KNOTS = {"n_knots": 50, "domain": (-5.0, 5.0)}  # P App. C
# Both within P App. C: [0.01, 0.2]. From ReLU, small steps: what is wanted is its neighbourhood.
OUTER_RATES = {"relu": 0.02, "zeros": 0.2}


class Task(NamedTuple):
    """What is predicted of which images, and by networks of how many hidden layers."""

    name: str  # one of SETS
    kind: str  # one of KINDS
    depth: int


class Schedule(NamedTuple):
    """How long activations are learned."""

    n_outer_steps: int
    horizon: int  # inner steps in the life of a network


class Setting(NamedTuple):
    """How large everything is."""

    n_rows: int  # for training
    n_validation: int  # to stop early
    n_spare: int  # further training rows, which the ablations ask for
    width: int
    n_steps: int
    interval: int  # steps between evaluations
    n_paths: int  # of TV complexity
    learned_width: int  # of the networks that activations are learned in
    shallow: Schedule  # of learning in one hidden layer
    deep: Schedule  # in several


# Schedules were chosen on validation rows (`image_choices.py`).
FULL = Setting(
    20_000, 5_000, 10_000, 128, 3_000, 100, 200, 64, Schedule(800, 2_000), Schedule(300, 600)
)
QUICK = Setting(400, 200, 300, 32, 40, 20, 10, 16, Schedule(4, 20), Schedule(4, 20))


class Part(NamedTuple):
    """Some images with their classes."""

    X: np.ndarray  # (n, d) float32, from 0 for black to 1 for white
    y: np.ndarray  # (n,) class numbers


class Images(NamedTuple):
    """The parts of a data set; all but the last one are from the source's training images."""

    train: Part
    validation: Part
    spare: Part
    test: Part


def load_images(name: str, setting: Setting) -> Images:
    """Return one of SETS; for the quick setting, scikit-learn's digits in its place."""
    if setting == QUICK:
        train, test = _small_images(name)
    else:
        images = fetch_images(name)
        train, test = _every_second_pixel(*images.train), _every_second_pixel(*images.test)
    order = np.random.default_rng(0).permutation(len(train.y))
    counts = [setting.n_rows, setting.n_validation, setting.n_spare]
    numbers = np.split(order, np.cumsum(counts))[:3]
    return Images(*(Part(train.X[own], train.y[own]) for own in numbers), test)


def _every_second_pixel(images, y) -> Part:
    pixels = images[:, ::2, ::2].reshape(len(images), -1)
    return Part((pixels / 255).astype(np.float32), y)


def _small_images(name: str) -> tuple[Part, Part]:
    """Return training and test digits; on their side and with other numbers for "fashion"."""
    X, y = load_digits(return_X_y=True)
    if name == "fashion":
        X, y = X.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(len(X), -1), 7 * y % N_CLASSES
    X = (X / 16).astype(np.float32)
    return Part(X[:1300], y[:1300]), Part(X[1300:], y[1300:])


def class_values(y) -> np.ndarray:
    """Return the values (n,) float32 that stand for class numbers, evenly spread over [-1, 1]."""
    return (2 * np.asarray(y) / (N_CLASSES - 1) - 1).astype(np.float32)


def nearest_class(values: Tensor) -> Tensor:
    """Return the numbers of the classes whose values are nearest."""
    return ((values + 1) * (N_CLASSES - 1) / 2).round().clamp(0, N_CLASSES - 1)


def targets(y, kind: str) -> np.ndarray:
    """Return what networks are trained to predict: class numbers, or their values."""
    return np.asarray(y) if kind == "classification" else class_values(y)


def hit_rates(outputs: Tensor, y: Tensor) -> Tensor:
    """Return the share (R,) of rows whose class is right; a single output is a value."""
    if outputs.shape[-1] == 1:
        return (nearest_class(outputs[..., 0]) == y).float().mean(-1)
    return stacks.accuracy(outputs, y)


# Learning.


def make_learner(task: Task, setting: Setting, start: str, seed: int, **changes):
    """Return a learner for a task; ``start`` is "relu" or "zeros"."""
    schedule = setting.shallow if task.depth == 1 else setting.deep
    parameters = {
        "init": start,
        "n_restarts": 1,
        "n_networks": 4,
        **schedule._asdict(),
        "outer_step": "clipped",
        "outer_learning_rate": OUTER_RATES[start],
        "hidden_layer_sizes": (setting.learned_width,) * task.depth,
        "loss": LOSSES[task.kind],
        "target_type": "multiclass" if task.kind == "classification" else "continuous",
        "scaling": None,
        "random_state": seed,
        "verbose": int(sys.stderr.isatty()),
    }
    return ActivationLearner(**parameters | KNOTS | TUNED[task.kind] | changes)


def learning_rows(part: Part, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what a learner takes."""
    return part.X, targets(part.y, kind)


# Training.


class Trained(NamedTuple):
    """A network at the step at which it did best on validation rows."""

    activation: Activation
    seed: int
    step: int
    validation: float  # share of right classes
    weights: Tensor  # (P,), means over the last 50 steps
    model: Model


def train_networks(
    activations: Sequence[Activation],
    seeds: Sequence[int],
    task: Task,
    images: Images,
    setting: Setting,
    **changes,
) -> list[Trained]:
    """Train a network for every activation and seed, activation by activation."""
    if not seeds:
        return []
    tuned = TUNED[task.kind] | changes
    networks = [
        stacks.Network((activation,), seed, tuned["learning_rate"])
        for activation in activations
        for seed in seeds
    ]
    training = stacks.Training(
        (setting.width,) * task.depth,
        setting.n_steps,
        setting.interval,
        tuned["optimizer"],
        LOSSES[task.kind],
        tuned["batch_size"],
        averages=True,
    )
    rows = stacks.make_rows(images.train.X, targets(images.train.y, task.kind))
    judge = partial(_validation_scores, *map(torch.as_tensor, images.validation))
    is_finished = _ends_after(PATIENCE)
    return _best_of(networks, stacks.train(networks, rows, training, judge, is_finished))


def _validation_scores(X: Tensor, y: Tensor, network_outputs: stacks.Predict) -> stacks.Scores:
    return {"accuracy": hit_rates(network_outputs(X), y)}


def _ends_after(patience: int) -> Callable[[stacks.Scores], Tensor]:
    """Return what tells which networks of a stack have not improved for so many evaluations."""
    best, waited = torch.tensor(-1.0), torch.tensor(0)

    def is_finished(scores):
        nonlocal best, waited
        improved = scores["accuracy"] > best
        best = torch.where(improved, scores["accuracy"], best)
        waited = torch.where(improved, 0, waited + 1)
        finished = waited >= patience
        best, waited = best[~finished], waited[~finished]  # the others leave the stack
        return finished

    return is_finished


def _best_of(networks: list[stacks.Network], evaluations) -> list[Trained]:
    """Return every network at its first best evaluation (P E.1: early stopping)."""
    best = torch.full((len(networks),), -1.0)
    steps = torch.zeros(len(networks), dtype=torch.int64)
    weights = None
    for evaluation in evaluations:
        weights = evaluation.weights.clone() if weights is None else weights
        scores = evaluation.scores["accuracy"]
        numbers = torch.tensor(evaluation.numbers)
        improved = scores > best[numbers]
        best[numbers[improved]] = scores[improved]
        steps[numbers[improved]] = evaluation.step
        weights[numbers[improved]] = evaluation.weights[improved]
    return [
        Trained(
            network.activations[0],
            network.seed,
            int(step),
            float(score),
            own,
            evaluation.model._replace(activation=stacks.mixed_activation([network.activations])),
        )
        for network, step, score, own in zip(networks, steps, best, weights, strict=True)
    ]


# Measuring.


def network_outputs(network: Trained, X) -> Tensor:
    """Return raw outputs (n, o): logits, or values."""
    X = torch.as_tensor(np.asarray(X), dtype=torch.float32)
    return predict(network.model, network.weights, Functions(), X)


def accuracy_on(network: Trained, part: Part) -> float:
    """Return the share of right classes."""
    return float(hit_rates(network_outputs(network, part.X), torch.as_tensor(part.y)))


def make_paths(images: Images, setting: Setting) -> Paths:
    """Return the paths between training images of different classes that all models share."""
    return sample_paths(*images.train, n_paths=setting.n_paths)


def complexity_on(network: Trained, paths: Paths) -> float:
    """Return the TV complexity of raw outputs."""
    return tv_complexity(partial(network_outputs, network), paths)


def preactivations(network: Trained, X) -> np.ndarray:
    """Return what reaches the activation in all hidden layers for rows X, in one vector."""
    seen = []
    activation = network.model.activation

    def watched(z, layer):
        seen.append(z.flatten())
        return activation(z, layer)

    model = network.model._replace(activation=watched)
    network_outputs(network._replace(model=model), X)
    return torch.cat(seen).numpy()
