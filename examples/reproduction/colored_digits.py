"""Coloured digits: whether networks learn the digit or its colour, over prefactors.

In training the colour of a digit is that of its class, always (a correlation of 1) or nine times
in ten. In the test images it is random: the accuracy there shows what a network knows of digits.
How often it then answers with the class of the colour shows what it makes of the colour: that is
its accuracy on a test in which the colour is the label and the digit is random.

Neural Redshift (Teney et al., CVPR 2024): a fixed prefactor before the activations sets which
complexity a network prefers, and there is a sweet spot at which it learns the digit, not the
colour. Compared are ReLU, and tanh and sine over prefactors, the learning rate of ReLU being
divided by the prefactor (P App. E.4), and an activation that is learned with validation images in
random colours (P Algorithm 1 with out-of-domain validation rows).

All networks make the same number of steps and are judged after the last one. The article's data
and networks are not known in detail; these are MNIST, every second pixel, in ten colours, and
three hidden layers. With --quick the digits are scikit-learn's.

    python examples/reproduction/colored_digits.py
    python examples/reproduction/colored_digits.py --quick
"""

from cues import Cues, Part, curves_of, kinds_of, make_cues
from experiment import Report, make_parser, parse
from stacks import Training
from sweeps import KEY_COLUMNS, KEYS, Sweep, draw_sweep, measure, print_sweep

from skibias.datasets import fetch_images, make_colored_digits

JUDGED = ("aligned", "digit", "colour")
USED = {"digit": "digit", "colour": "colour"}
COLUMNS = KEY_COLUMNS | dict.fromkeys(JUDGED, ".3f")
CORRELATIONS = (1.0, 0.9)
N_IMAGES = 10_000  # of MNIST, for training and validation
N_TEST = 3_000
LEARNER = {"domain": (-2.0, 2.0), "n_knots": 100, "init": "zeros"}
LEARNER |= {"outer_step": "normalized", "outer_learning_rate": 0.1}
FULL = Sweep(
    functions=("tanh", "sin"),
    prefactors=(0.5, 1, 2, 4, 8, 16),
    seeds=(0, 1, 2),
    training=Training((64, 64, 64), 600, 100, loss="log_loss", batch_size=256),
    learning_rate=0.1,
    learner=LEARNER | {"n_restarts": 4, "horizon": 300, "n_outer_steps": 120},
)
QUICK = FULL._replace(
    prefactors=(1, 8),
    seeds=(0, 1),
    training=FULL.training._replace(n_steps=120, interval=60),
    learner=LEARNER | {"n_restarts": 2, "horizon": 50, "n_outer_steps": 10},
)


def load_mnist() -> dict:
    """Return every second pixel of MNIST, as arguments of `make_colored_digits`."""
    mnist = fetch_images("mnist")
    parts = {"digits": (mnist.train, N_IMAGES), "digits_test": (mnist.test, N_TEST)}
    return {
        name: (images[:n, ::2, ::2], labels[:n]) for name, ((images, labels), n) in parts.items()
    }


def load(correlation: float, digits: dict) -> tuple[Cues, Part]:
    """Return the data, and validation images in random colours."""
    data = make_colored_digits(**digits, correlation=correlation, random_state=0)
    in_random_colours = data.test_random
    judged = {
        "aligned": (data.test_aligned.data, data.test_aligned.target),
        "digit": (in_random_colours.data, in_random_colours.target),
        "colour": (in_random_colours.data, in_random_colours.color_labels),
    }
    cues = make_cues((data.train.data, data.train.target), judged)
    return cues, (data.validation.data, data.validation.target)


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    sweep = QUICK if options.quick else FULL
    digits = {} if options.quick else load_mnist()  # by default scikit-learn's
    report = Report(COLUMNS, 5, options.results / "colored_digits.csv")
    learned = {}
    for correlation in CORRELATIONS:
        name = f"{correlation:g}"
        path = options.activations / f"colored_digits_{name}.json"
        case = f"correlation {name}"
        learned[case] = measure(case, load(correlation, digits), path, report, sweep)
    kinds = kinds_of(curves_of(report.records, KEYS))
    print_sweep(kinds, JUDGED)
    draw_sweep(kinds, USED, learned, options.results / "colored_digits.png")


if __name__ == "__main__":
    main()
