"""What the commands about algorithmic tasks share: pairs, learning an activation, judging networks.

A task is a table of n x n results. Networks see both operands as one-hot vectors and are trained,
as in the paper (P E.6), by gradient descent on the squared error of the one-hot result, without
averaging of weights. The error is a mean over the outputs; the paper does not say whether its own
is a mean or a sum. Learning rates are in proportion to the number of outputs, which makes up for
the mean: what is trained is the sum at one rate. They are given for 27 outputs.

Notation: n elements, m pairs of a part, A networks.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from experiment import learned_once
from stacks import Evaluation, Predict, Scores, accuracy, make_rows, one_hot
from torch import Tensor

from skibias import ActivationLearner, SplineActivation
from skibias.datasets import make_algorithmic_task
from skibias.engine.episodes import Rows
from skibias.engine.networks import unpack_layers
from skibias.functions.fixed import FixedActivation

SPLIT_SEED = 0  # one test part for all networks and activations of a task
REACHED = 0.95  # of the test pairs
JUDGED_PAIRS = 2000  # of the training part, at most
BATCH_SIZE = 4096  # P E.6
RATE_ELEMENTS = 27  # learning rates are given for tasks of this size
LEARNING_RATE = 5.0  # of networks that an activation is learned in
BASELINES = {name: (FixedActivation(name),) for name in ("relu", "gelu", "tanh")}
LEARNER = {
    "n_knots": 100,
    "domain": (-1, 1),  # where the pre-activations lie
    "init": "zeros",
    "n_restarts": 4,
    "n_networks": 2,
    "n_outer_steps": 1000,
    "horizon": 1000,
    "outer_step": "normalized",
    "outer_learning_rate": 0.1,
    "hidden_layer_sizes": (128,),
    "batch_size": BATCH_SIZE,
    "validation": 0.1,  # of the training pairs: a rule is not found from too few of them
    "loss": "squared_error",
    "optimizer": "sgd",
    "scaling": None,
    "target_type": "multiclass",
}


FILE_NAMES = {  # of an operation
    "a+b": "add",
    "a-b": "subtract",
    "ab": "multiply",
    "b odd: ab, else a+b": "multiply_or_add",
    "a^2+b^2": "squares",
    "a^2+ab+b^2": "quadratic_form",
    "a^2+ab+b^2+a": "quadratic_form_plus_a",
    "a^3+ab": "cubic",
    "a*b": "product",
    "a*b*a": "product_aba",
    "a*b*a^-1": "conjugate",
}


class Problem(NamedTuple):
    """A task with its pairs divided into a training and a test part."""

    name: str
    X: np.ndarray  # (m, 2 n), training part
    y: np.ndarray  # (m,)
    X_test: np.ndarray
    y_test: np.ndarray
    n_elements: int

    @property
    def rows(self) -> Rows:
        """The training part for the engine."""
        return make_rows(self.X, one_hot(self.y, self.n_elements))


def make_problem(name: str, fraction: float = 0.8) -> Problem:
    """Return a task, with this share of its pairs for training."""
    task = make_algorithmic_task(name)
    order = np.random.RandomState(SPLIT_SEED).permutation(len(task.target))
    train, test = np.split(order, [round(fraction * len(order))])
    X, y = task.data.astype(np.float32), task.target
    return Problem(task.name, X[train], y[train], X[test], y[test], task.n_elements)


def file_name(task: str) -> str:
    """Return "add_mod27" for "a+b mod 27": where the activation of a task is kept."""
    operation, domain = task.replace("mod ", "mod").rsplit(" ", 1)
    return f"{FILE_NAMES[operation]}_{domain.lower()}"


def scaled_rate(rate: float, *problems: Problem) -> float:
    """Return a learning rate for tasks of another size, of the mean one where there are several."""
    return rate * np.mean([problem.n_elements for problem in problems]).item() / RATE_ELEMENTS


def learn(problems: Sequence[Problem], path: Path, **settings) -> tuple[SplineActivation, ...]:
    """Return the activation of a file, or learn it on the training parts of all problems."""
    rate = scaled_rate(LEARNING_RATE, *problems)
    learner = ActivationLearner(**LEARNER | {"learning_rate": rate} | settings)
    pairs = [(problem.X, problem.y) for problem in problems]
    return learned_once(path, lambda: learner.learn(pairs))


def make_judge(problem: Problem) -> Callable[[Predict], Scores]:
    """Return a function that takes the accuracy of networks on either part."""
    train_part = problem.X[:JUDGED_PAIRS], problem.y[:JUDGED_PAIRS]
    parts = {"train": train_part, "test": (problem.X_test, problem.y_test)}
    tensors = {name: tuple(map(torch.as_tensor, part)) for name, part in parts.items()}

    def judge(predict: Predict) -> Scores:
        return {name: accuracy(predict(X), y) for name, (X, y) in tensors.items()}

    return judge


def has_reached(scores: Scores) -> Tensor:
    """Tell which networks (A,) predict enough of the test pairs."""
    return scores["test"] >= REACHED


class Curve(NamedTuple):
    """The accuracy of one network along its training."""

    steps: list[int]
    train: list[float]
    test: list[float]

    @property
    def steps_to_reach(self) -> int | None:
        """The first step at which enough of the test pairs were predicted, if there was one."""
        points = zip(self.steps, self.test, strict=True)
        return next((step for step, own in points if own >= REACHED), None)


def collect(evaluations: Iterable[Evaluation], n_networks: int) -> list[Curve]:
    """Return the curve of every network."""
    curves = [Curve([], [], []) for _ in range(n_networks)]
    for evaluation in evaluations:
        for position, number in enumerate(evaluation.numbers):
            curves[number].steps.append(evaluation.step)
            for part in ("train", "test"):
                getattr(curves[number], part).append(float(evaluation.scores[part][position]))
    return curves


def pre_activations(evaluation: Evaluation, X: np.ndarray) -> np.ndarray:
    """Return what reaches the activation (A, m, h) in networks of one hidden layer."""
    matrix, bias = next(unpack_layers(evaluation.weights, evaluation.model.architecture))
    return (torch.as_tensor(X) @ matrix + bias).numpy()


class SineFit(NamedTuple):
    """How well one sine a sin(2 pi f z) + b cos(2 pi f z) + c describes a function."""

    frequency: float  # f, in cycles per unit of z
    r2: float


def fit_sine(function: Callable, z: np.ndarray, frequencies: Iterable[float]) -> SineFit:
    """Return the sine of one of the frequencies that is closest to a function at the points z."""
    values = function(z)
    spread = np.square(values - values.mean()).sum()

    def fit(frequency: float) -> SineFit:
        angle = 2 * np.pi * frequency * z
        design = np.stack([np.sin(angle), np.cos(angle), np.ones_like(z)], axis=1)
        coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
        return SineFit(frequency, 1 - np.square(values - design @ coefficients).sum() / spread)

    return max(map(fit, frequencies), key=lambda own: own.r2)
