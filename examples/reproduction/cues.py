"""Networks on data in which two cues tell the label: on which of them they come to rely.

Both cues are as good in training. In the sets that a network is judged on one of them is random,
so that the accuracy there tells how far the network relies on the other. What the commands on
collages, coloured digits and slabs share.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from experiment import Report, progress
from stacks import Network, Predict, Scores, Training, accuracy, make_rows, train
from torch import Tensor

from skibias.engine.episodes import Rows

Key = tuple  # what tells one kind of networks from the others: the first cells of a record
Part = tuple[np.ndarray, np.ndarray]  # X (n, d), labels (n,)
MARGIN = 0.25  # of the axis beside the domain of a function that is drawn


class Cues(NamedTuple):
    """Rows to train on, and named sets to be judged on."""

    train: Rows
    judged: dict[str, tuple[Tensor, Tensor]]  # inputs (n, d) and labels (n,) of every set


class Contender(NamedTuple):
    """One kind of networks, of which several are trained from different first weights."""

    activations: tuple
    learning_rate: float


def make_cues(train_part: Part, judged: dict[str, Part]) -> Cues:
    """Return data as tensors; labels are class numbers."""
    parts = {name: make_rows(*part) for name, part in judged.items()}
    return Cues(
        make_rows(*train_part), {name: (rows.inputs, rows.targets) for name, rows in parts.items()}
    )


def judge_on(cues: Cues, predict: Predict) -> Scores:
    """Return the accuracy (A,) on every set."""
    return {name: accuracy(predict(inputs), y) for name, (inputs, y) in cues.judged.items()}


def add_curves(
    report: Report,
    contenders: dict[Key, Contender],
    seeds: Sequence[int],
    cues: Cues,
    training: Training,
) -> None:
    """Train networks side by side, and add a record of every evaluation that the report lacks.

    The columns of the report are those of the keys, then seed, step and the judged sets.
    """
    names = [(*key, seed) for key in contenders for seed in seeds]
    if all(report.is_done(*name, training.n_steps) for name in names):
        return
    networks = [
        Network(contender.activations, seed, contender.learning_rate)
        for contender in contenders.values()
        for seed in seeds
    ]
    evaluations = train(networks, cues.train, training, partial(judge_on, cues))
    total = 1 + -(-training.n_steps // training.interval)
    for evaluation in progress(evaluations, total, " ".join(map(str, names[0][:-2]))):
        for number, name in enumerate(names):
            key = (*name, evaluation.step)
            if report.is_done(*key):
                continue
            shares = [f"{float(scores[number]):.4f}" for scores in evaluation.scores.values()]
            report.add(dict(zip(report.columns, (*key, *shares), strict=True)))


def curves_of(records: Iterable[dict], keys: Sequence[str]) -> dict[Key, list[dict]]:
    """Group the records of every network, in order of steps; cells of other columns are numbers.

    ``keys`` are the columns that tell the kinds of networks apart; the seed is added to them.
    """
    curves: dict[Key, list[dict]] = {}
    for record in records:
        name = (*(record[key] for key in keys), int(record["seed"]))
        numbers = {
            column: float(cell) for column, cell in record.items() if column not in (*keys, "seed")
        }
        curves.setdefault(name, []).append(numbers)
    return {name: sorted(curve, key=lambda own: own["step"]) for name, curve in curves.items()}


def kinds_of(curves: dict[Key, list[dict]]) -> dict[Key, list[list[dict]]]:
    """Put together the curves of all seeds of every kind of networks."""
    kinds: dict[Key, list[list[dict]]] = {}
    for name, curve in curves.items():
        kinds.setdefault(name[:-1], []).append(curve)
    return kinds


def best_point(curve: Sequence[dict], by: str) -> dict:
    """Return the point of a curve that is best on a set: where training would be stopped.

    Of equal ones it is the first.
    """
    return max(curve, key=lambda point: (point[by], -point["step"]))


def median_curve(curves: Sequence[Sequence[dict]], column: str) -> tuple[list, np.ndarray]:
    """Return the steps, and the lowest, median and highest number (3, steps) over the networks."""
    steps = [point["step"] for point in curves[0]]
    numbers = np.array([[point[column] for point in curve] for curve in curves])
    return steps, np.stack([numbers.min(0), np.median(numbers, 0), numbers.max(0)])


def percent(numbers: Iterable[float]) -> str:
    """Return the median and the range of shares as percentages: ``12.3 (10.1-14.0)``."""
    shares = 100 * np.asarray(list(numbers))
    return f"{np.median(shares):.1f} ({shares.min():.1f}-{shares.max():.1f})"


def draw_function(ax, function: Callable, domain: tuple[float, float], **style) -> None:
    """Draw an activation function over its domain and a little beside it."""
    width = MARGIN * (domain[1] - domain[0])
    z = np.linspace(domain[0] - width, domain[1] + width, 400)
    ax.plot(z, function(z), **style)
    ax.set_xlabel("pre-activation")
    ax.grid(alpha=0.3)
