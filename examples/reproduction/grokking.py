"""Grokking: how many steps networks need to find the rule of modular addition.

Networks that learn a + b modulo n from some of the pairs fit these pairs long before they predict
the others, if they ever do. The paper's claim (P 3.5): with a learned activation they need about
a tenth of the steps that ReLU needs, and what is learned is like a sine, whose frequency depends
on the modulus.

Five parts:

    search   modulo 27, width 256, 80 % of the pairs for training: every activation at several
             learning rates and weight decays. The best ones are taken, by the very steps that are
             reported, which favours what the learned activation is compared with.
    moduli   the same with the best rates, for moduli 13, 27, 29 and 41 and an activation learned
             for each; the accuracy along training is kept
    sines    the sine that is closest to each learned activation
    scope    modulo 27, ReLU and the learned activation, over widths and shares of the pairs for
             training
    late     what becomes of both when training goes on, with and without weight decay, and of the
             learned activation at a rate that is too high without

An activation is learned once per modulus, from the training pairs alone, in networks 128 wide.
Seeds vary the first weights of fresh networks; the test part of a task is always the same.

    python examples/reproduction/grokking.py
    python examples/reproduction/grokking.py --quick
"""

import itertools
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from algorithmic import (
    BASELINES,
    BATCH_SIZE,
    Curve,
    Problem,
    collect,
    file_name,
    fit_sine,
    has_reached,
    learn,
    make_judge,
    make_problem,
    pre_activations,
    scaled_rate,
)
from experiment import Report, add_missing, make_parser, parse, progress
from stacks import Network, Training, train

MODULUS = 27  # of the search and the scope
LEARNED, RELU = "learned", "relu"
VISITED = (0.01, 0.99)  # quantiles of the pre-activations between which a sine is fitted
SINE_POINTS = 20_000
SINE_FREQUENCIES = 400
LATE_POINTS = 50  # of a long curve
DENSE_STEPS, THIN_INTERVAL = 600, 200  # of curves every point is kept up to here, then fewer
STEPS = {
    "part": 6,
    "modulus": "d",
    "fraction": ".2f",
    "width": "d",
    "activation": 10,
    "learning_rate": "g",
    "weight_decay": "g",
    "seed": "d",
    "steps": "d",  # until 95 % of the test pairs were predicted; empty: not within the limit
    "limit": "d",
    "best_test": ".3f",
    "best_train": ".3f",
}
N_KEYS = 8
CURVES = {"modulus": "d", "activation": 10, "seed": "d", "step": "d", "train": ".4f", "test": ".4f"}
LATE = {
    "activation": 10,
    "learning_rate": "g",
    "weight_decay": "g",
    "seed": "d",
    "step": "d",
    "train": ".4f",
    "test": ".4f",
}
SINES = {"modulus": "d", "low": ".3f", "high": ".3f", "frequency": ".3f", "r2": ".3f"}


class Setting(NamedTuple):
    """The size of an experiment."""

    moduli: tuple[int, ...] = (13, 27, 29, 41)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    fractions: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9)
    width: int = 256
    fraction: float = 0.8
    rates: tuple[float, ...] = (5.0, 10.0, 14.0, 20.0, 28.0)
    decays: tuple[float, ...] = (0.0, 1e-4, 3e-4)
    seeds: tuple[int, ...] = (0, 1, 2)
    limit: int = 6000
    interval: int = 20
    late_steps: int = 20_000
    learner: dict = {"random_state": 0}


QUICK = Setting(
    moduli=(7, 27),
    widths=(32,),
    fractions=(0.8,),
    width=32,
    rates=(5.0,),
    decays=(0.0,),
    seeds=(0,),
    limit=100,
    late_steps=100,
    learner={"n_restarts": 1, "n_outer_steps": 20, "horizon": 100, "random_state": 0},
)


class Entry(NamedTuple):
    """A network to measure."""

    activation: str
    learning_rate: float
    weight_decay: float
    seed: int


def activations_of(modulus: int, setting: Setting, folder: Path) -> dict:
    """Return the activations that are compared for a modulus, by name."""
    path = folder / f"{file_name(task_name(modulus))}.json"
    problem = make_problem(task_name(modulus), setting.fraction)
    return BASELINES | {LEARNED: learn([problem], path, **setting.learner)}


def task_name(modulus: int) -> str:
    return f"a+b mod {modulus}"


def measure(
    key: tuple,
    entries: list[Entry],
    activations: dict,
    setting: Setting,
    report: Report,
    keep: Callable[[Entry, Curve], None] | None = None,
) -> None:
    """Train the networks that are missing under the key (part, modulus, fraction, width)."""
    part, modulus, fraction, width = key
    missing = [entry for entry in entries if not report.is_done(*key, *entry)]
    if not missing:
        return
    problem = make_problem(task_name(modulus), fraction)
    networks = [network_of(entry, activations, problem) for entry in missing]
    training = Training((width,), setting.limit, setting.interval, batch_size=BATCH_SIZE)
    evaluations = train(networks, problem.rows, training, make_judge(problem), has_reached)
    total = setting.limit // setting.interval + 1
    name = f"{part}: mod {modulus}, {fraction:.0%}, width {width}"
    curves = collect(progress(evaluations, total, name), len(networks))
    for entry, curve in zip(missing, curves, strict=True):
        if keep is not None:
            keep(entry, curve)
        report.add(dict(zip(STEPS, (*key, *entry), strict=False)) | summary_of(curve, setting))


def network_of(entry: Entry, activations: dict, problem: Problem) -> Network:
    """Return the network of an entry, at the learning rate that suits the problem's size."""
    rate = scaled_rate(entry.learning_rate, problem)
    return Network(activations[entry.activation], entry.seed, rate, entry.weight_decay)


def summary_of(curve: Curve, setting: Setting) -> dict:
    """Return the cells that describe a curve."""
    steps = curve.steps_to_reach
    return {
        "steps": "" if steps is None else steps,
        "limit": setting.limit,
        "best_test": max(curve.test),
        "best_train": max(curve.train),
    }


def run_search(setting: Setting, folder: Path, report: Report) -> None:
    """Measure every activation at every learning rate and weight decay."""
    activations = activations_of(MODULUS, setting, folder)
    key = ("search", MODULUS, setting.fraction, setting.width)
    for rate in setting.rates:
        combinations = itertools.product(activations, [rate], setting.decays, setting.seeds)
        measure(key, [Entry(*own) for own in combinations], activations, setting, report)


def median_steps(records: list[dict]) -> float:
    """Return the median of the steps; infinite for those that did not get there."""
    return statistics.median(float(own["steps"] or "inf") for own in records)


def best_rates(records: list[dict]) -> dict[str, tuple[float, float]]:
    """Return by activation the learning rate and weight decay with the fewest steps.

    Equal ones, as those that never got there, are told apart by the accuracy they reached.
    """
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        if record["part"] == "search":
            key = (record["activation"], record["learning_rate"], record["weight_decay"])
            groups.setdefault(key, []).append(record)

    def rank(key: tuple) -> tuple[float, float]:
        accuracies = [float(record["best_test"]) for record in groups[key]]
        return median_steps(groups[key]), -statistics.median(accuracies)

    ranked = sorted(groups, key=rank, reverse=True)  # of equal keys the last, the best, stays
    return {name: (float(rate), float(decay)) for name, rate, decay in ranked}


def entries_at(rates: dict, seeds) -> list[Entry]:
    """Return an entry per activation and seed, at the activation's own rates."""
    return [Entry(name, *own, seed) for name, own in rates.items() for seed in seeds]


def run_moduli(setting: Setting, folder: Path, report: Report, curves: Report) -> None:
    """Measure all moduli and keep the curves."""
    entries = entries_at(best_rates(report.records), setting.seeds)
    for modulus in setting.moduli:
        activations = activations_of(modulus, setting, folder)
        key = ("moduli", modulus, setting.fraction, setting.width)
        keep = partial(keep_curve, curves, modulus)
        measure(key, entries, activations, setting, report, keep)


def keep_curve(curves: Report, modulus: int, entry: Entry, curve: Curve) -> None:
    """Add the points of a curve that are not there already."""
    for step, *scores in zip(*curve, strict=True):
        key = (modulus, entry.activation, entry.seed, step)
        is_kept = step <= DENSE_STEPS or step % THIN_INTERVAL == 0 or step == curve.steps[-1]
        if is_kept and not curves.is_done(*key):
            curves.add(dict(zip(CURVES, (*key, *scores), strict=True)))


def run_scope(setting: Setting, folder: Path, report: Report) -> None:
    """Measure the steps over widths, and over shares of the pairs for training."""
    activations = activations_of(MODULUS, setting, folder)
    rates = best_rates(report.records)
    entries = entries_at({name: rates[name] for name in (RELU, LEARNED)}, setting.seeds)
    scope = [(setting.fraction, width) for width in setting.widths]
    scope += [(fraction, setting.width) for fraction in setting.fractions]
    for fraction, width in dict.fromkeys(scope):
        measure(("scope", MODULUS, fraction, width), entries, activations, setting, report)


def run_sines(setting: Setting, folder: Path, rates: dict, report: Report) -> None:
    """Fit a sine to every learned activation, where pre-activations of trained networks lie."""
    for modulus in setting.moduli:
        if report.is_done(modulus):
            continue
        activations = activations_of(modulus, setting, folder)
        problem = make_problem(task_name(modulus), setting.fraction)
        entry = Entry(LEARNED, *rates[LEARNED], setting.seeds[0])
        z = visited(problem, network_of(entry, activations, problem), setting)
        (function,) = activations[LEARNED]
        knots = function.knots
        highest = len(knots) / 4 / (knots[-1] - knots[0])  # four knots for a period
        fit = fit_sine(function, z, np.linspace(0.1, highest, SINE_FREQUENCIES).tolist())
        report.add({"modulus": modulus, "low": z[0], "high": z[-1], **fit._asdict()})


def late_entries(setting: Setting, records: list[dict]) -> list[Entry]:
    """Return the networks of the long trainings.

    Every weight decay has its own learning rate, the best one of the search. The learned activation
    is also tried without weight decay at the rate that is best with it.
    """
    entries = []
    for decay in setting.decays[:2]:
        own = best_rates([each for each in records if float(each["weight_decay"]) == decay])
        entries += entries_at({name: own[name] for name in (RELU, LEARNED)}, setting.seeds)
    best_rate, _ = best_rates(records)[LEARNED]
    entries += entries_at({LEARNED: (best_rate, 0.0)}, setting.seeds)
    return list(dict.fromkeys(entries))


def run_late(setting: Setting, folder: Path, records: list[dict], report: Report) -> None:
    """Measure accuracies far beyond the step at which the rule is found."""
    entries = [
        entry
        for entry in late_entries(setting, records)
        if not report.is_done(*entry, setting.late_steps)
    ]
    if not entries:
        return
    activations = activations_of(MODULUS, setting, folder)
    problem = make_problem(task_name(MODULUS), setting.fraction)
    networks = [network_of(entry, activations, problem) for entry in entries]
    interval = max(setting.late_steps // LATE_POINTS, 1)
    training = Training((setting.width,), setting.late_steps, interval, batch_size=BATCH_SIZE)
    evaluations = train(networks, problem.rows, training, make_judge(problem))
    curves = collect(progress(evaluations, LATE_POINTS + 1, "late"), len(networks))
    for entry, curve in zip(entries, curves, strict=True):
        points = (
            dict(zip(LATE, (*entry, *point), strict=True)) for point in zip(*curve, strict=True)
        )
        add_missing(report, points, 5)


def visited(problem: Problem, network: Network, setting: Setting) -> np.ndarray:
    """Return pre-activations of a trained network in order, without the outermost."""
    training = Training((setting.width,), setting.limit, setting.interval, batch_size=BATCH_SIZE)
    evaluations = train([network], problem.rows, training, make_judge(problem), has_reached)
    *_, last = evaluations
    z = np.sort(pre_activations(last, problem.X), axis=None)
    low, high = (round(quantile * len(z)) for quantile in VISITED)
    return z[low : high : max(1, len(z) // SINE_POINTS)]


def show(records: list[dict], sines: list[dict]) -> None:
    """Print the median steps of every part, and how many times fewer the learned one needs."""
    groups: dict[tuple, dict[str, list]] = {}
    rates = best_rates(records)
    for record in records:
        name = record["activation"]
        own = (float(record["learning_rate"]), float(record["weight_decay"]))
        if rates[name] == own:
            key = tuple(record[column] for column in ("part", "modulus", "fraction", "width"))
            groups.setdefault(key, {}).setdefault(name, []).append(record)
    print("\nmedian steps until 95 % of the test pairs are predicted, at each one's best rates")
    for key, by_name in groups.items():
        medians = {name: median_steps(own) for name, own in by_name.items()}
        best = min(own for name, own in medians.items() if name != LEARNED)
        cells = ", ".join(f"{name} {steps:g}" for name, steps in medians.items())
        print(*key, cells, f"best / learned {best / medians[LEARNED]:.2f}", sep="  ")
    plain = plain_relu(records)
    print(f"ReLU without weight decay, at its best rate: {plain:g}")
    for sine in sines:
        print("mod {modulus}: frequency {frequency} per unit, R2 {r2}".format(**sine))


def plain_relu(records: list[dict]) -> float:
    """Return the median steps of ReLU in the search, without weight decay."""
    own = [
        record
        for record in records
        if record["part"] == "search"
        and record["activation"] == RELU
        and float(record["weight_decay"]) == 0
    ]
    rates = {record["learning_rate"] for record in own}
    return min(
        median_steps([record for record in own if record["learning_rate"] == rate])
        for rate in rates
    )


def draw(curves: list[dict], setting: Setting, folder: Path, path: Path) -> None:
    """Draw the test accuracy along training, and what was learned, for every modulus."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    n_moduli = len(setting.moduli)
    figure, axes = plt.subplots(2, n_moduli, figsize=(3.2 * n_moduli, 5.4), layout="constrained")
    colors = dict(zip((*BASELINES, LEARNED), ("C0", "C2", "C4", "C3"), strict=True))
    for modulus, above, below in zip(setting.moduli, *axes, strict=True):
        own = [record for record in curves if int(record["modulus"]) == modulus]
        for name, color in colors.items():
            for seed in setting.seeds:
                points = [
                    (int(record["step"]), float(record["test"]))
                    for record in own
                    if (record["activation"], int(record["seed"])) == (name, seed)
                ]
                label = name if seed == setting.seeds[0] else None
                above.plot(*np.transpose(sorted(points)), color=color, label=label, lw=1)
        above.set(title=f"a + b modulo {modulus}", xscale="symlog", xlabel="steps", ylim=(0, 1.02))
        (function,) = activations_of(modulus, setting, folder)[LEARNED]
        below.plot(function.knots, function.values, color=colors[LEARNED], lw=1)
        below.set(xlabel="pre-activation")
    axes[0, 0].set_ylabel("test accuracy")
    axes[1, 0].set_ylabel("learned activation")
    axes[0, 0].legend(loc="upper left", fontsize="small")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_late(records: list[dict], path: Path) -> None:
    """Draw the median test accuracy of long trainings, with its range over the seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups: dict[tuple, dict[int, list]] = {}
    for record in records:
        rates = (float(record[column]) for column in ("learning_rate", "weight_decay"))
        key = (record["activation"], *rates)
        shares = groups.setdefault(key, {}).setdefault(int(record["step"]), [])
        shares.append(float(record["test"]))
    figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for (name, rate, decay), shares in groups.items():
        middle = [statistics.median(own) for own in shares.values()]
        is_too_fast = name == LEARNED and not decay and rate == max(key[1] for key in groups)
        color = "C1" if is_too_fast else {RELU: "C0", LEARNED: "C3"}[name]
        label = f"{name}, rate {rate:g}, weight decay {decay:g}"
        (line,) = ax.plot(
            list(shares), middle, color=color, linestyle="--" if decay else "-", label=label
        )
        low, high = map(min, shares.values()), map(max, shares.values())
        ax.fill_between(list(shares), [*low], [*high], color=line.get_color(), alpha=0.15)
    ax.set(xlabel="steps", ylabel="test accuracy", ylim=(0, 1.02))
    ax.legend(fontsize="small")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else Setting()
    folder = options.activations
    report = Report(STEPS, N_KEYS, options.results / "grokking_steps.csv")
    run_search(setting, folder, report)
    curves = Report(CURVES, 4, options.results / "grokking_curves.csv")
    run_moduli(setting, folder, report, curves)
    run_scope(setting, folder, report)
    late = Report(LATE, 5, options.results / "grokking_late.csv")
    run_late(setting, folder, report.records, late)
    sines = Report(SINES, 1, options.results / "grokking_sines.csv")
    run_sines(setting, folder, best_rates(report.records), sines)
    show(report.records, sines.records)
    draw(curves.records, setting, folder, options.results / "grokking.png")
    draw_late(late.records, options.results / "grokking_late.png")


if __name__ == "__main__":
    main()
