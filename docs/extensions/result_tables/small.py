"""Tables of `reproduction/small.md`: the Hat activation and the optimization threshold."""

import math
import statistics

import hat
import numpy as np
import optimization_threshold as threshold

from .cells import markdown_table, number, records, steps, with_range

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}
ON_WAVES = {
    "relu": "ReLU",
    "tanh": "tanh",
    "tanh(8x)": "tanh(8x)",
    "hat": "Hat",
    "hat(8x)": "Hat(8x)",
    "hat(32x)": "Hat(32x)",
    "learned from zeros": "learned, from zeros",
    "learned from hat": "learned, from the Hat",
}
MODELS = {"relu": "ReLU", "relu, usual start": "ReLU, usual start"}
SIZES = (64, 128, 256, 512, 1024)


def waves():
    """Return the table of losses on the waves, and of the steps to learn each frequency."""
    networks = records("reproduction/hat")
    rows = []
    for optimizer, activation in ((o, a) for o in OPTIMIZERS for a in ON_WAVES):
        relu, own = (
            hat.select(networks, "waves", optimizer, name) for name in ("relu", activation)
        )
        losses = list(hat.last_losses(own).values())
        learned = [steps(hat.steps_to_learn(own, frequency)) for frequency in hat.FREQUENCIES]
        reached = hat.steps_to_loss(own, statistics.median(hat.last_losses(relu).values()))
        loss = with_range(losses, two_digits(statistics.median(losses)))
        rows.append([OPTIMIZERS[optimizer], ON_WAVES[activation], loss, *learned, steps(reached)])
    headings = ["optimiser", "activation", "training loss: median (range over seeds)"]
    headings += [f"{k} period{'s' * (k > 1)}" for k in hat.FREQUENCIES]
    return markdown_table([*headings, "steps to ReLU's last loss"], rows, n_text=2)


def two_digits(loss):
    """Return the decimals that show at least two digits of a loss."""
    return max(2, 1 - math.floor(math.log10(loss)))


def last_networks():
    """Return by name the networks after the last step, and those with other columns."""
    networks = records("reproduction/optimization_threshold")
    last = threshold.last_step(networks)
    own = {MODELS.get(m, m): threshold.select(networks, m, last) for m in threshold.MODELS}
    others = threshold.other_runs(networks)
    return own, {
        f"{MODELS[model]}, {n_columns} columns": threshold.select(networks, model, last, n_columns)
        for model, n_columns in others
    }


def cells_by_size(networks, column):
    """Return the median and range over the seeds of a column, by the number of samples."""
    values = {}
    for record in networks:
        number_of = threshold.column_value(record, column)
        values.setdefault(int(record["samples"]), []).append(number_of)
    return [with_range(values[size], 3) for size in SIZES]


def loss_ratios():
    """Return the table of training losses beside linear regression's, and of the thresholds."""
    usual, others = last_networks()
    rows = []
    for name, networks in (usual | others).items():
        at = threshold.threshold(threshold.medians(networks, "ratio"))
        at = "none up to 1,024" if np.isinf(at) else number(at)
        rows.append([name, *cells_by_size(networks, "ratio"), at])
    return markdown_table(["training loss ratio", *size_headings(), "threshold (ratio 1/2)"], rows)


def test_losses():
    """Return the table of the distances from the teacher."""
    usual, _ = last_networks()
    rows = [[name, *cells_by_size(own, "test loss")] for name, own in usual.items()]
    linear = cells_by_size(usual["ReLU"], "linear test loss")
    rows.append(["linear regression", *linear])
    return markdown_table(["test loss", *size_headings()], rows)


def size_headings():
    """Return the headings of the numbers of samples."""
    return [f"{number(size)} samples" for size in SIZES]
