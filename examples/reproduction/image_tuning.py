"""Optimiser and learning rate for the networks on images, chosen with ReLU.

P E.1: hyper-parameters are tuned once, with ReLU, for the best accuracy on validation rows, and
used for every other activation. One hidden layer, one seed. The best of each kind of task, by the
mean over both sets, is what `image_tasks.TUNED` holds; test rows are not looked at.

    python examples/reproduction/image_tuning.py
    python examples/reproduction/image_tuning.py --quick
"""

import statistics
from itertools import product

from experiment import Report, make_parser, parse, progress
from image_tasks import FIXED, FULL, KINDS, QUICK, SETS, Task, load_images, train_networks

OPTIMIZERS = ("rmsprop", "adam")
LEARNING_RATES = (0.001, 0.003, 0.01)
COLUMNS = {
    "set": 8,
    "kind": 14,
    "optimizer": 9,
    "learning rate": ".4f",
    "step": "d",
    "validation": ".4f",
}


def main():
    options = parse(make_parser(__doc__.splitlines()[0]))
    setting = QUICK if options.quick else FULL
    report = Report(COLUMNS, 4, options.results / "image_tuning.csv")
    keys = list(product(SETS, KINDS, OPTIMIZERS, LEARNING_RATES))
    for name in SETS:
        images = load_images(name, setting)
        own = [key for key in keys if key[0] == name and not report.is_done(*key)]
        for key in progress(own, len(own), name):
            report.add(dict(zip(COLUMNS, key, strict=False)) | measure(images, setting, *key))
    for kind in KINDS:
        print(kind, *best_of(report.records, kind))


def measure(images, setting, name, kind, optimizer, learning_rate):
    """Return the validation accuracy of a ReLU network, and the step at which it was best."""
    changes = {"optimizer": optimizer, "learning_rate": learning_rate}
    task = Task(name, kind, depth=1)
    (network,) = train_networks([FIXED["ReLU"]], [0], task, images, setting, **changes)
    return {"step": network.step, "validation": network.validation}


def best_of(records, kind):
    """Return optimiser and learning rate with the best mean accuracy over the sets."""
    scores = {}
    for record in records:
        if record["kind"] == kind:
            key = record["optimizer"], record["learning rate"]
            scores.setdefault(key, []).append(float(record["validation"]))
    return max(scores, key=lambda key: statistics.mean(scores[key]))


if __name__ == "__main__":
    main()
