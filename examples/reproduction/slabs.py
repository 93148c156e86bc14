"""A threshold beside slabs: which of two features, either of which tells the class, is learned.

Every row has a linear feature (one threshold tells the classes), a feature of 5 or 7 slabs that
are of one class and the other in turn, and two columns of noise. In training both features tell
all of the class. In one test the linear feature is random, so that the accuracy there shows what a
network knows of the slabs; in another the slabs are random.

Shah et al. (2020), "The Pitfalls of Simplicity Bias in Neural Networks": networks with ReLU that
SGD finds use the linear feature alone, and are at chance (50 %) where it is random. Compared are
ReLU, and tanh, sine and the hat function over prefactors, the learning rate of ReLU being divided
by the prefactor (P App. E.4), and an activation that is learned with validation rows in which the
linear feature is random (P Algorithm 1 with out-of-domain validation rows).

All networks make the same number of steps and are judged after the last one. Differs from Shah
et al.: one feature of slabs, and two columns of noise in place of many.

    python examples/reproduction/slabs.py
    python examples/reproduction/slabs.py --quick
"""

from cues import Cues, Part, curves_of, kinds_of, make_cues
from experiment import Report, make_parser, parse
from stacks import Training
from sweeps import KEY_COLUMNS, KEYS, Sweep, draw_sweep, measure, print_sweep

from skibias.datasets import make_slabs

JUDGED = ("test", "linear random", "slabs random")
USED = {"linear random": "slabs", "slabs random": "linear feature"}
COLUMNS = KEY_COLUMNS | dict.fromkeys(JUDGED, ".3f")
N_NOISE = 2
N_SLABS = (5, 7)
LEARNER = {"domain": (-2.0, 2.0), "n_knots": 200, "init": "zeros"}
LEARNER |= {"outer_step": "normalized", "outer_learning_rate": 0.1}
FULL = Sweep(
    functions=("tanh", "sin", "hat"),
    prefactors=(1, 2, 4, 8, 16, 32),
    seeds=(0, 1, 2),
    training=Training((100,), 3000, 300, loss="log_loss", batch_size=256),
    learning_rate=0.1,
    learner=LEARNER | {"n_restarts": 4, "horizon": 500, "n_outer_steps": 400},
)
QUICK = FULL._replace(
    prefactors=(1, 16),
    seeds=(0, 1),
    training=FULL.training._replace(n_steps=300),
    learner=LEARNER | {"n_restarts": 2, "horizon": 50, "n_outer_steps": 10},
)


def load(n_slabs: int) -> tuple[Cues, Part]:
    """Return the data, and validation rows in which the linear feature is random."""
    data, others = (
        make_slabs(n_slabs=(2, n_slabs), n_noise=N_NOISE, random_state=seed) for seed in (0, 1)
    )
    parts = (data.train, data.test, *data.test_without, others.test_without[0])
    train, *judged, validation = [(part.data, part.target) for part in parts]
    return make_cues(train, dict(zip(JUDGED, judged, strict=True))), validation


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    sweep = QUICK if options.quick else FULL
    report = Report(COLUMNS, 5, options.results / "slabs.csv")
    learned = {}
    for n_slabs in N_SLABS:
        path = options.activations / f"slabs_{n_slabs}.json"
        case = f"{n_slabs} slabs"
        learned[case] = measure(case, load(n_slabs), path, report, sweep)
    kinds = kinds_of(curves_of(report.records, KEYS))
    print_sweep(kinds, JUDGED)
    draw_sweep(kinds, USED, learned, options.results / "slabs.png")


if __name__ == "__main__":
    main()
