"""Transfer: do activations learned for one algorithmic task help on others?

An activation is learned for each of the 22 tasks, one for all of them at once, and one for the 11
tasks modulo 27 and in S4. All of them and ReLU are then tried on every task, in fresh networks.
The paper's score (P Fig. 14) of an activation on a task: where ReLU predicts 95 % of the test pairs
within the limit, the fewest steps of any activation over its own (0 if it never does); on other
tasks, its best test accuracy over the best of any. An activation's score is its mean over the
tasks.

Differs from the paper: 3,000 steps instead of 60,000, with a learning rate of 10 for 27 outputs
(its scale: see `algorithmic`); one network per cell; training ends where 95 % are reached, so that
no accuracy above counts for more. Functions are learned from batches of 512 pairs, and networks
trained on batches of 600, which are all pairs of the smaller tasks.

With `--tasks`, tasks and the functions learned for them are restricted; "all" is then learned on
these. A run on more tasks takes over what is there, but for "all".

    python examples/reproduction/transfer.py
    python examples/reproduction/transfer.py --tasks mod27 S4
    python examples/reproduction/transfer.py --quick
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from algorithmic import (
    BASELINES,
    Problem,
    collect,
    file_name,
    has_reached,
    learn,
    make_judge,
    make_problem,
    scaled_rate,
)
from experiment import Report, make_parser, parse, progress
from stacks import Network, Training, train

from skibias.datasets import list_algorithmic_tasks

RELU = "relu"
DOMAINS = ("mod27", "S4", "mod53", "S5")
SMALL = ("mod27", "S4")
CELLS = {
    "task": 28,
    "activation": 28,
    "steps": "d",  # until 95 % of the test pairs were predicted; empty: not within the limit
    "limit": "d",
    "best_test": ".3f",
}
SEED = 0


class Setting(NamedTuple):
    """The size of the experiment."""

    tasks: tuple[str, ...]
    width: int = 256
    batch_size: int = 600  # all pairs of the small tasks
    learning_rate: float = 10.0
    limit: int = 3000
    interval: int = 20
    learner: dict = {"n_outer_steps": 700, "batch_size": 512, "random_state": SEED}
    all_steps: int = 300  # outer steps per task where all are learned on at once


QUICK = {
    "tasks": ("a+b mod 5", "a*b S4"),
    "width": 32,
    "limit": 60,
    "learner": {"n_restarts": 1, "n_outer_steps": 10, "horizon": 60, "random_state": SEED},
    "all_steps": 5,
}


def domain_of(task: str) -> str:
    """Return "mod27", "S4", … of a task's name."""
    return task.replace("mod ", "mod").rsplit(" ", 1)[1]


def all_name(tasks: Sequence[str]) -> str:
    """Return the name of the activation that is learned on all of these tasks."""
    return "all " + " ".join(dict.fromkeys(map(domain_of, tasks)))


def joint_groups(tasks: Sequence[str]) -> list[Sequence[str]]:
    """Return the tasks that are learned on together: the smaller ones, and all."""
    small = [task for task in tasks if domain_of(task) in SMALL]
    return [small, tasks] if 1 < len(small) < len(tasks) else [tasks]


def learn_all(problems: dict[str, Problem], setting: Setting, folder: Path) -> dict:
    """Return every activation by name: ReLU, one of each task, those of several."""
    functions = {RELU: BASELINES[RELU]}
    for task, problem in progress(problems.items(), len(problems), "learning"):
        functions[task] = learn([problem], folder / f"{file_name(task)}.json", **setting.learner)
    for tasks in joint_groups(setting.tasks):
        name = all_name(tasks)
        settings = setting.learner | {"n_outer_steps": setting.all_steps * len(tasks)}
        path = folder / f"{name.replace(' ', '_').lower()}.json"
        functions[name] = learn([problems[task] for task in tasks], path, **settings)
    return functions


def measure_row(problem: Problem, functions: dict, setting: Setting, report: Report) -> None:
    """Train a network with every activation that is missing in the row of a task."""
    missing = [name for name in functions if not report.is_done(problem.name, name)]
    if not missing:
        return
    rate = scaled_rate(setting.learning_rate, problem)
    networks = [Network(functions[name], SEED, rate) for name in missing]
    training = Training(
        (setting.width,), setting.limit, setting.interval, batch_size=setting.batch_size
    )
    evaluations = train(networks, problem.rows, training, make_judge(problem), has_reached)
    total = setting.limit // setting.interval + 1
    curves = collect(progress(evaluations, total, problem.name), len(networks))
    for name, curve in zip(missing, curves, strict=True):
        steps = curve.steps_to_reach
        cells = (problem.name, name, "" if steps is None else steps, setting.limit, max(curve.test))
        report.add(dict(zip(CELLS, cells, strict=True)))


def row_scores(steps: np.ndarray, accuracies: np.ndarray, is_easy: bool) -> np.ndarray:
    """Return the scores of the activations on one task (P Fig. 14).

    Parameters
    ----------
    steps : ndarray of shape (n_activations,)
        Until 95 % of the test pairs were predicted; inf: never.
    accuracies : ndarray of shape (n_activations,)
        The best ones on the test pairs.
    is_easy : bool
        Whether ReLU got there.
    """
    return steps.min() / steps if is_easy else accuracies / accuracies.max()


def score_matrix(records: list[dict], tasks: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return the scores (n_tasks, n_activations)."""
    cells = {(record["task"], record["activation"]): record for record in records}
    rows = []
    for task in tasks:
        own = [cells[task, name] for name in names]
        steps = np.array([float(record["steps"] or "inf") for record in own])
        accuracies = np.array([float(record["best_test"]) for record in own])
        is_easy = bool(np.isfinite(steps[names.index(RELU)]))
        rows.append(row_scores(steps, accuracies, is_easy))
    return np.array(rows)


def show(scores: np.ndarray, tasks: Sequence[str], names: Sequence[str]) -> None:
    """Print every activation's score, and the mean of those of single tasks."""
    print(f"\nscores over {len(tasks)} tasks, %")
    columns = dict(zip(names, 100 * scores.mean(0), strict=True))
    for name, score in columns.items():
        print(f"{name:>28}  {score:5.1f}")
    single = [score for name, score in columns.items() if name in tasks]
    own = [100 * scores[row, names.index(task)] for row, task in enumerate(tasks)]
    print(f"mean of those learned on one task: {np.mean(single):.1f}")
    print(f"mean of each on its own task: {np.mean(own):.1f}")


def draw(scores: np.ndarray, tasks: Sequence[str], names: Sequence[str], path: Path) -> None:
    """Draw the matrix."""
    import matplotlib

    matplotlib.use("Agg")

    from skibias.plots import TransferMatrixDisplay

    display = TransferMatrixDisplay(scores, tasks, names).plot()
    display.figure_.savefig(path, dpi=100, bbox_inches="tight")


def main():
    parser = make_parser(__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=DOMAINS, default=DOMAINS)
    options = parse(parser)
    tasks = tuple(task for task in list_algorithmic_tasks() if domain_of(task) in options.tasks)
    setting = Setting(**QUICK) if options.quick else Setting(tasks)
    problems = {task: make_problem(task) for task in setting.tasks}
    functions = learn_all(problems, setting, options.activations)
    report = Report(CELLS, 2, options.results / "transfer.csv")
    for problem in problems.values():
        measure_row(problem, functions, setting, report)
    names = list(functions)
    scores = score_matrix(report.records, setting.tasks, names)
    show(scores, setting.tasks, names)
    draw(scores, setting.tasks, names, options.results / "transfer.png")


if __name__ == "__main__":
    main()
