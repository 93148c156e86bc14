"""The Hat activation against ReLU: what a network learns first, and how fast it trains.

The claim ("On the activation function dependence of the spectral bias of neural networks", 2022):
networks of ReLU learn low frequencies first; the Hat, a piecewise-linear B-spline that is 0 at 0,
1 at 1 and 0 from 2 on, removes this spectral bias and trains significantly faster, with SGD as
with ADAM. The abstract gives no numbers.

Measured here, with gradient descent and with Adam:

    waves   a sum of sines of 1, 3, 7 and 15 periods across [-1, 1], each of amplitude 1, at 200
            points; one hidden layer of 128 units, all points in every step. How far the amplitude
            of every frequency is still off after some steps (its phase counts as well)
    digits  MNIST as regression: every second pixel, 2,000 images, the target is the class number
            spread over [-1, 1]; one hidden layer of 128 units, batches of 256. Training loss, and
            the share of test images whose nearest class is another

for ReLU, tanh, the Hat as a function and as a spline, tanh(8x) and Hat(8x), and on the waves for
Hat(32x) and two functions learned on them, from zeros and from the Hat. First weights are the usual
ones: where there is one input, U(-1, 1), so that a bump of the Hat is at least as wide as [-1, 1],
and one of Hat(8x) at least an eighth of that. (ReLU has no width: ReLU(8x) is 8 ReLU(x).)

The learning rate of each is the one of a list with the lowest training loss at the end, on a
network that is not used again. The steps to learn a frequency are those after which its amplitude
is off by less than a tenth.

Differs from the article, whose settings the round-up does not give: all settings are ours.

    python examples/reproduction/hat.py
    python examples/reproduction/hat.py --quick

With ``--quick``, scikit-learn's digits stand for MNIST.
"""

import itertools
import math
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from experiment import Report, add_missing, learned_once, make_parser, parse, progress
from sklearn.datasets import load_digits
from stacks import Network, Training, make_rows, train

from skibias import ActivationLearner, SplineActivation
from skibias.datasets import fetch_images
from skibias.engine.episodes import Rows
from skibias.functions.fixed import FixedActivation

FREQUENCIES = (1, 3, 7, 15)  # periods across [-1, 1]
N_POINTS = 200
WIDTH = 128
LEARNED_ERROR = 0.1  # of the amplitude, below which a frequency counts as learned
N_KEPT = 24  # evaluations of a training that are kept
LEARNER_DOMAIN, LEARNER_KNOTS = (-3.0, 3.0), 61  # knots at 0, 1 and 2, those of the Hat
FIXED = {
    "relu": (FixedActivation("relu"),),
    "tanh": (FixedActivation("tanh"),),
    "hat": (FixedActivation("hat"),),
    "hat spline": (SplineActivation.hat(),),
    "tanh(8x)": (FixedActivation("tanh", 8.0),),
    "hat(8x)": (FixedActivation("hat", 8.0),),
}
WAVES_ONLY = {"hat(32x)": (FixedActivation("hat", 32.0),)}
TUNED_AS = {"hat spline": "hat"}  # the same function
LEARNED = ("learned from zeros", "learned from hat")
OPTIMIZERS = ("sgd", "adam")
DRAWN = ("relu", "hat", "hat(8x)", "hat(32x)", "learned from zeros")
AMPLITUDES = {f"error {frequency}": ".4f" for frequency in FREQUENCIES}
COLUMNS = {
    "problem": 7,
    "optimizer": 9,
    "activation": 18,
    "seed": "d",
    "step": "d",
    "rate": "g",
    "loss": ".3e",
    **AMPLITUDES,
    "test error": ".4f",
}
N_KEYS = 5
RATE_COLUMNS = {"problem": 7, "optimizer": 9, "activation": 18, "rate": "g", "loss": ".3e"}


# The greatest learning rates that are tried; the others are lower by factors of sqrt(10).
GREATEST_RATES = {"sgd": 3.0, "adam": 0.1}


class Setting(NamedTuple):
    """How much is measured."""

    seeds: tuple[int, ...] = (0, 1, 2, 3)
    tuning_seed: int = 100
    wave_steps: int = 8000
    digit_steps: int = 1500
    interval: int = 20
    n_rates: int = 8
    n_outer_steps: int = 200
    horizon: int = 500


QUICK = Setting((0, 1), 100, 100, 30, 10, 6, 5, 20)


class Problem(NamedTuple):
    """What networks are trained on."""

    name: str
    rows: Rows
    judge: Callable  # (predict) -> scores (A,) by name
    batch_size: int | None
    n_steps: int
    activations: dict  # by name


def wave_rows() -> Rows:
    """Return the points and the sum of the sines, which are orthogonal on these points."""
    x = -1 + (2 * np.arange(N_POINTS) + 1) / N_POINTS
    return make_rows(x[:, None], sum(np.sin(np.pi * k * x) for k in FREQUENCIES))


def amplitudes(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return how much of every frequency is in values (A, n) at the points x (n,): (A, F)."""
    angles = np.pi * torch.tensor(FREQUENCIES)[:, None] * x
    sines, cosines = (2 / len(x) * values @ part.T for part in (angles.sin(), angles.cos()))
    return torch.hypot(sines, cosines)


def judge_waves(predict, rows: Rows):
    """Return the loss, and how far the amplitude of every frequency, which is 1, is off."""
    residuals = (predict(rows.inputs) - rows.targets).squeeze(-1)  # (A, n)
    errors = amplitudes(residuals, rows.inputs.flatten())
    return {"loss": residuals.square().mean(-1)} | dict(zip(AMPLITUDES, errors.T, strict=True))


def digit_rows(is_quick) -> list[Rows]:
    """Return training and test images, with the class number spread over [-1, 1] as target."""
    if is_quick:
        X, y = load_digits(return_X_y=True)
        parts, greatest = [(X[:500], y[:500]), (X[500:1000], y[500:1000])], 16
    else:
        images = fetch_images("mnist")
        parts = [(X[:2000, ::2, ::2], y[:2000]) for X, y in (images.train, images.test)]
        greatest = 255
    return [make_rows(X.reshape(len(X), -1) / greatest, spread(y)) for X, y in parts]


def spread(classes):
    """Return the values in [-1, 1] that stand for the classes 0 to 9."""
    return classes / 4.5 - 1


def nearest_class(values: torch.Tensor) -> torch.Tensor:
    """Return the class that a value is nearest to."""
    return ((values + 1) * 4.5).round().clamp(0, 9)


def judge_digits(predict, rows: Rows, test: Rows):
    """Return the training loss, and the share of test images that are nearer to another class."""
    wrong = nearest_class(predict(test.inputs)) != nearest_class(test.targets)
    return {
        "loss": (predict(rows.inputs) - rows.targets).square().mean((-2, -1)),
        "test error": wrong.float().mean((-2, -1)),
    }


def learn(setting: Setting, start):
    """Learn an activation on the waves."""
    learner = ActivationLearner(
        init=start,
        n_restarts=1,
        n_knots=LEARNER_KNOTS,
        domain=LEARNER_DOMAIN,
        n_outer_steps=setting.n_outer_steps,
        horizon=setting.horizon,
        hidden_layer_sizes=(WIDTH,),
        optimizer="adam",
        learning_rate=0.01,
        batch_size=None,
        scaling=None,
        random_state=0,
        verbose=int(sys.stderr.isatty()),
    )
    rows = wave_rows()
    return learner.learn(rows.inputs.numpy(), rows.targets.flatten().numpy())


def make_problems(setting: Setting, options) -> list[Problem]:
    """Return the two problems; functions for the waves that are not there yet are learned."""
    starts = zip(LEARNED, ("zeros", SplineActivation.hat()), strict=True)
    learned = {
        name: learned_once(
            options.activations / f"waves_{name.replace(' ', '_')}.json",
            partial(learn, setting, start),
        )
        for name, start in starts
    }
    waves, (train_digits, test_digits) = wave_rows(), digit_rows(options.quick)
    return [
        Problem(
            "waves",
            waves,
            partial(judge_waves, rows=waves),
            None,
            setting.wave_steps,
            FIXED | WAVES_ONLY | learned,
        ),
        Problem(
            "digits",
            train_digits,
            partial(judge_digits, rows=train_digits, test=test_digits),
            256,
            setting.digit_steps,
            FIXED,
        ),
    ]


def evaluations(problem: Problem, optimizer, networks, interval, name):
    """Train networks, with a bar; yield the evaluations."""
    training = Training((WIDTH,), problem.n_steps, interval, optimizer, "squared_error")
    training = training._replace(batch_size=problem.batch_size)
    steps = train(networks, problem.rows, training, problem.judge)
    return progress(steps, problem.n_steps // interval + 1, f"{problem.name}, {optimizer}, {name}")


def tune(problem: Problem, optimizer, setting: Setting, report: Report):
    """Train one network per activation and learning rate; report its last training loss."""
    rates = [GREATEST_RATES[optimizer] * 10 ** (-n / 2) for n in range(setting.n_rates)]
    rates = [float(f"{rate:.2g}") for rate in rates]
    runs = [
        (name, rate)
        for name, rate in itertools.product(problem.activations, rates)
        if name not in TUNED_AS and not report.is_done(problem.name, optimizer, name, rate)
    ]
    if not runs:
        return
    networks = [
        Network(problem.activations[name], setting.tuning_seed, rate) for name, rate in runs
    ]
    *_, last = evaluations(problem, optimizer, networks, problem.n_steps, "learning rates")
    for (name, rate), loss in zip(runs, last.scores["loss"].tolist(), strict=True):
        cells = (problem.name, optimizer, name, rate, rounded(loss))
        report.add(dict(zip(RATE_COLUMNS, cells, strict=True)))


def best_rate(records, problem, optimizer, activation) -> float:
    """Return the learning rate with the lowest training loss; one that diverges is never best."""
    key = [problem, optimizer, TUNED_AS.get(activation, activation)]
    own = [r for r in records if [r["problem"], r["optimizer"], r["activation"]] == key]
    finite = [record for record in own if math.isfinite(float(record["loss"]))]
    return float(min(finite, key=lambda record: float(record["loss"]))["rate"])


def measure(problem: Problem, optimizer, setting: Setting, rates, report: Report):
    """Train the networks that the report lacks at the best rates; report them on the way."""
    runs = [
        (name, seed)
        for name, seed in itertools.product(problem.activations, setting.seeds)
        if not report.is_done(problem.name, optimizer, name, seed, problem.n_steps)
    ]
    if not runs:
        return
    rate = {name: best_rate(rates, problem.name, optimizer, name) for name in problem.activations}
    networks = [Network(problem.activations[name], seed, rate[name]) for name, seed in runs]
    kept = spaced_steps(problem.n_steps, setting.interval)
    records = []
    for evaluation in evaluations(problem, optimizer, networks, setting.interval, "networks"):
        if evaluation.step in kept:
            scores = {name: own.tolist() for name, own in evaluation.scores.items()}
            for number, (name, seed) in enumerate(runs):
                key = (problem.name, optimizer, name, seed, evaluation.step, rate[name])
                own = {column: rounded(values[number]) for column, values in scores.items()}
                records.append(dict(zip(COLUMNS, key, strict=False)) | own)
    add_missing(report, records, N_KEYS)


def rounded(number) -> float:
    """Return a number to four significant digits."""
    return float(f"{number:.4g}")


def spaced_steps(n_steps, interval) -> set[int]:
    """Return 0, the last step, and steps between that are evenly spaced in their logarithms."""
    spaced = np.geomspace(interval, n_steps, N_KEPT) / interval
    return {0, n_steps, *(int(interval * round(step)) for step in spaced)}


def curve(records, column):
    """Return the (step, median, lowest, highest) over the seeds of a column of records."""
    values = {}
    for record in records:
        values.setdefault(int(record["step"]), []).append(float(record[column]))
    return [
        (step, statistics.median(values[step]), min(values[step]), max(values[step]))
        for step in sorted(values)
    ]


def steps_to_learn(records, frequency) -> float:
    """Return the median over the seeds of the steps to learn a frequency; inf for never."""
    steps = {}
    for record in records:
        learned = float(record[f"error {frequency}"]) < LEARNED_ERROR
        own = steps.setdefault(record["seed"], [math.inf])
        own.append(int(record["step"]) if learned else math.inf)
    return statistics.median(map(min, steps.values()))


def last_losses(records) -> dict[str, float]:
    """Return the loss after the last step, by seed."""
    last = max(int(record["step"]) for record in records)
    return {r["seed"]: float(r["loss"]) for r in records if int(r["step"]) == last}


def steps_to_loss(records, loss) -> float:
    """Return the first step whose median loss is at most this; inf for never."""
    reached = (step for step, median, *_ in curve(records, "loss") if median <= loss)
    return next(reached, math.inf)


def select(records, problem, optimizer, activation):
    """Return the records of one activation's networks."""
    wanted = {"problem": problem, "optimizer": optimizer, "activation": activation}
    return [r for r in records if all(r[name] == value for name, value in wanted.items())]


def show(records):
    """Print the last losses, and the steps to learn every frequency and to reach ReLU's loss."""
    groups = dict.fromkeys((r["problem"], r["optimizer"], r["activation"]) for r in records)
    learns = "  ".join(f"steps to {frequency:>2}" for frequency in FREQUENCIES)
    print(f"\n{'':37}rate   median loss  below ReLU   to ReLU's loss  test error  {learns}")
    for problem, optimizer, activation in groups:
        own = select(records, problem, optimizer, activation)
        losses, relu = (
            last_losses(part) for part in (own, select(records, problem, optimizer, "relu"))
        )
        below = sum(losses[seed] < relu[seed] for seed in losses)
        steps = steps_to_loss(own, statistics.median(relu.values()))
        text = f"{problem:7} {optimizer:5} {activation:18} {float(own[0]['rate']):>9.2g}"
        text += f"  {statistics.median(losses.values()):>12.3e}  {below:>3} of {len(losses)}"
        text += f"  {steps:>15.0f}"
        if problem == "digits":
            text += f"  {curve(own, 'test error')[-1][1]:>10.4f}"
        else:
            text += f"  {'':10}"
            text += "".join(f"  {steps_to_learn(own, k):>11.0f}" for k in FREQUENCIES)
        print(text)


def draw(records, path):
    """Draw the losses and the errors of the amplitudes against the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 8), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(3, 2))
    axes = upper.subplots(2, len(DRAWN), sharex=True, sharey=True)
    for row, optimizer in enumerate(OPTIMIZERS):
        for own, activation in zip(axes[row], DRAWN, strict=True):
            draw_frequencies(own, select(records, "waves", optimizer, activation))
            own.set_title(f"{activation}, {optimizer}")
        axes[row, 0].set_ylabel("error of the amplitude")
    axes[0, 0].legend(title="periods", fontsize=8)
    below = lower.subplots(1, 4)
    for own, panel in zip(below, itertools.product(("waves", "digits"), OPTIMIZERS), strict=True):
        draw_losses(own, records, *panel)
        own.set_title(", ".join(panel))
    below[0].set_ylabel("training loss")
    lower.legend(*below[0].get_legend_handles_labels(), loc="outside right center")
    for own in [*axes.flat, *below]:
        own.set(xscale="log", yscale="log", xlabel="steps")
    figure.savefig(path, dpi=80)


def draw_frequencies(axes, records):
    """Draw the error of every frequency, with its range over the seeds."""
    from matplotlib import colormaps

    for number, frequency in enumerate(FREQUENCIES):
        color = colormaps["viridis"](number / len(FREQUENCIES))
        draw_curve(axes, curve(records, f"error {frequency}"), color, f"{frequency}")
    axes.axhline(LEARNED_ERROR, color="grey", linewidth=0.8, linestyle=":")
    axes.set_ylim(5e-4, 3)


def draw_losses(axes, records, problem, optimizer):
    """Draw the training loss of every activation."""
    names = dict.fromkeys(r["activation"] for r in records if r["problem"] == problem)
    for number, name in enumerate(names):
        own = curve(select(records, problem, optimizer, name), "loss")
        draw_curve(axes, own, f"C{number}", name, "--" if name == "hat spline" else "-")


def draw_curve(axes, points, color, label, style="-"):
    """Draw medians as a line in the range over the seeds; steps from the first one on."""
    steps, medians, lowest, highest = zip(*points[1:], strict=True)
    axes.plot(steps, medians, style, color=color, label=label)
    axes.fill_between(steps, lowest, highest, color=color, alpha=0.2, linewidth=0)


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else Setting()
    problems = make_problems(setting, options)
    rates = Report(RATE_COLUMNS, 4, options.results / "hat_rates.csv")
    for problem, optimizer in itertools.product(problems, OPTIMIZERS):
        tune(problem, optimizer, setting, rates)
    report = Report(COLUMNS, N_KEYS, options.results / "hat.csv")
    for problem, optimizer in itertools.product(problems, OPTIMIZERS):
        measure(problem, optimizer, setting, rates.records, report)
    show(report.records)
    draw(report.records, options.results / "hat.png")


if __name__ == "__main__":
    main()
