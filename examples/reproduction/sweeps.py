"""Activations over a range of prefactors, beside ReLU and a learned one.

A command measures one or several cases: data of which it says in training what two cues tell, and
in tests which of them a network has come to rely on.
"""

import itertools
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cues import Contender, Cues, Key, Part, add_curves, draw_function, percent
from experiment import Report, learned_once
from stacks import Training

from skibias import ActivationLearner, SplineActivation
from skibias.functions.fixed import FixedActivation

COLORS = {"relu": "black", "learned": "tab:red"}
COLORS |= {"tanh": "tab:blue", "sin": "tab:orange", "hat": "tab:green"}
KEYS = ("case", "activation", "prefactor")  # the first columns of a report
KEY_COLUMNS = {"case": 6, "activation": 10, "prefactor": 9, "seed": "d", "step": "d"}


class Sweep(NamedTuple):
    """What is trained, and how."""

    functions: tuple[str, ...]  # beside ReLU and the learned one
    prefactors: tuple[float, ...]  # of them
    seeds: tuple[int, ...]  # of first weights
    training: Training
    learning_rate: float  # of ReLU; that of others is divided by the prefactor (P App. E.4)
    learner: dict  # settings of the `ActivationLearner` beside those of training


def fixed_contenders(case: str, sweep: Sweep) -> dict[Key, Contender]:
    """Return x -> g(prefactor * x) by (case, name of g, prefactor), first ReLU."""
    pairs = [("relu", 1), *itertools.product(sweep.functions, sweep.prefactors)]
    return {
        (case, name, f"{prefactor:g}"): Contender(
            (FixedActivation(name, prefactor),), sweep.learning_rate / prefactor
        )
        for name, prefactor in pairs
    }


def learn(cues: Cues, validation: Part, sweep: Sweep) -> SplineActivation:
    """Learn an activation with which fresh networks do best on the validation rows."""
    learner = ActivationLearner(
        hidden_layer_sizes=sweep.training.hidden_layer_sizes,
        loss=sweep.training.loss,
        optimizer=sweep.training.optimizer,
        learning_rate=sweep.learning_rate,
        batch_size=sweep.training.batch_size,
        scaling=None,
        validation=validation,
        random_state=0,
        verbose=sys.stderr.isatty(),
        **sweep.learner,
    )
    return learner.learn(cues.train.inputs.numpy(), cues.train.targets.numpy())


def measure(
    case: str, data: tuple[Cues, Part], path: Path, report: Report, sweep: Sweep
) -> SplineActivation:
    """Train all contenders and add their curves; return the learned activation.

    It is read from the file ``path``, or learned with the validation rows beside the cues.
    """
    cues, validation = data
    learned = learned_once(path, partial(learn, cues, validation, sweep))
    contenders = fixed_contenders(case, sweep)
    contenders[(case, "learned", "1")] = Contender(learned, sweep.learning_rate)
    add_curves(report, contenders, sweep.seeds, cues, sweep.training)
    return learned[0]


def last_shares(curves: Sequence[Sequence[dict]], column: str) -> list[float]:
    """Return the number of every network after its last step."""
    return [curve[-1][column] for curve in curves]


def print_sweep(kinds: dict[Key, list[list[dict]]], columns: Sequence[str]) -> None:
    """Print what networks are worth after the last step."""
    print("\nAfter the last step, in percent: median (range) over the seeds")
    print("  ".join([" ".join(KEYS).ljust(26), *(column.rjust(20) for column in columns)]))
    for kind, curves in kinds.items():
        cells = (percent(last_shares(curves, column)).rjust(20) for column in columns)
        print("  ".join([" ".join(kind).ljust(26), *cells]))


def draw_sweep(
    kinds: dict[Key, list[list[dict]]],
    cues: dict[str, str],
    learned: dict[str, SplineActivation],
    path: Path,
) -> None:
    """Draw for every case accuracy over prefactors, cue by cue, and the learned function.

    ``cues`` gives for a column what the accuracy there shows to be used.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(learned), len(cues) + 1, figsize=(13, 4 * len(learned)), squeeze=False
    )
    for row, (case, function) in zip(axes, learned.items(), strict=True):
        own = {kind[1:]: curves for kind, curves in kinds.items() if kind[0] == case}
        for ax, (column, used) in zip(row, cues.items(), strict=False):
            _draw_accuracy(ax, own, column)
            ax.set_title(f"{case}: accuracy by the {used} alone, %")
        domain = function.knots[0], function.knots[-1]
        draw_function(row[-1], function, domain, color=COLORS["learned"])
        row[-1].set_title(f"{case}: learned activation")
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _draw_accuracy(ax, kinds, column) -> None:
    """Draw medians and ranges over the prefactor; what has none is a horizontal line.

    ``kinds`` are by (name of the function, prefactor).
    """
    for name in dict.fromkeys(name for name, _ in kinds):
        own = {float(factor): curves for (other, factor), curves in kinds.items() if other == name}
        shares = 100 * np.array([last_shares(curves, column) for curves in own.values()])
        middle = np.median(shares, axis=1)
        look = {"color": COLORS[name], "label": name}
        if name in ("relu", "learned"):
            ax.axhline(middle[0], linestyle="--", **look)
        else:
            ax.plot(list(own), middle, marker="o", markersize=4, **look)
            ax.fill_between(list(own), shares.min(1), shares.max(1), color=COLORS[name], alpha=0.15)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("prefactor")
    ax.set_ylim(0, 102)
    ax.grid(alpha=0.3)
