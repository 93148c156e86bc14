"""Exact sines on modular addition: how few steps could a learned activation need at best?

What `grokking.py` learns for a + b modulo 27 is close to a sine. Here sines of several frequencies
and heights take its place, in the same networks, at the same learning rates and weight decays. The
quickest of them bounds what such a function can gain over ReLU. One network each.

    python examples/reproduction/ideal_sines.py
    python examples/reproduction/ideal_sines.py --quick
"""

import itertools
from functools import partial
from pathlib import Path

import numpy as np
from experiment import Report, make_parser, parse
from grokking import MODULUS, N_KEYS, QUICK, STEPS, Entry, Setting, measure

from skibias import SplineActivation

DOMAIN, N_KNOTS = (-1.0, 1.0), 200
RADIANS = (14.0, 20.0, 26.0, 32.0, 40.0)  # per unit of the pre-activation
HEIGHTS = (0.04, 0.06, 0.08, 0.12, 0.2, 0.3)
PART = "ideal"


def sine(radians: float, height: float, z: np.ndarray) -> np.ndarray:
    """Return the sine of these radians per unit and this height."""
    return height * np.sin(radians * z)


def make_sines() -> dict[str, tuple[SplineActivation, ...]]:
    """Return all sines by a name such as "sine 26 0.04"."""
    return {
        f"sine {radians:g} {height:g}": (
            SplineActivation.from_function(partial(sine, radians, height), DOMAIN, N_KNOTS),
        )
        for radians, height in itertools.product(RADIANS, HEIGHTS)
    }


def run(setting: Setting, report: Report) -> None:
    """Measure every sine at every learning rate and weight decay."""
    sines = make_sines()
    key = (PART, MODULUS, setting.fraction, setting.width)
    for rate in setting.rates:
        combinations = itertools.product(sines, [rate], setting.decays, setting.seeds[:1])
        measure(key, [Entry(*own) for own in combinations], sines, setting, report)


def steps_of(record: dict) -> float:
    """Return the steps of a network; infinite if it did not get there."""
    return float(record["steps"] or "inf")


def show(records: list[dict]) -> None:
    """Print the fewest steps of every sine, and where that was."""
    best: dict[str, dict] = {}
    for record in sorted(records, key=steps_of, reverse=True):
        best[record["activation"]] = record
    for name, record in best.items():
        cells = (record["steps"], record["learning_rate"], record["weight_decay"])
        print("{}: {} steps at rate {}, weight decay {}".format(name, *cells))
    print(f"fewest: {min(map(steps_of, records)):g}")


def draw(records: list[dict], path: Path) -> None:
    """Draw the fewest steps of every sine over the learning rate; what is missing gets nowhere."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(RADIANS), figsize=(12, 3.2), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, radians in zip(axes[0], RADIANS, strict=True):
        for height in HEIGHTS:
            own = [each for each in records if each["activation"] == f"sine {radians:g} {height:g}"]
            rates = sorted({float(each["learning_rate"]) for each in own})
            fewest = [
                min(steps_of(each) for each in own if float(each["learning_rate"]) == rate)
                for rate in rates
            ]
            ax.plot(rates, fewest, marker="o", markersize=4, label=f"height {height:g}")
        ax.set(title=f"sin({radians:g} z)", xlabel="learning rate", ylim=(0, None))
        ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel("steps to 95 % of the test pairs")
    axes[0, 0].legend(fontsize="small")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else Setting()
    report = Report(STEPS | {"activation": 14}, N_KEYS, options.results / "ideal_sines.csv")
    run(setting, report)
    show(report.records)
    draw(report.records, options.results / "ideal_sines.png")


if __name__ == "__main__":
    main()
