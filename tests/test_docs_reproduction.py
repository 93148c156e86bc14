"""The main tables of the pages on reproduction are those of the committed CSV files.

What is measured here is not measured again: the tables are made from the records of the commands,
as their figures are.
"""

import importlib
import statistics
from pathlib import Path

import numpy as np
import pytest
from test_docs_numbers import csv, differences, page, tables

REPRODUCTION = Path(__file__).resolve().parents[1] / "examples" / "reproduction"
IMAGES, SMALL = "docs/reproduction/images.md", "docs/reproduction/small.md"


def records(name):
    """Return the rows of a CSV file as dicts of str, as the commands read them."""
    frame = csv(f"reproduction/{name}.csv")
    return frame.astype(object).where(frame.notna(), "").astype(str).to_dict("records")


@pytest.fixture
def command(monkeypatch):
    """Import a command of the reproduction by its name."""
    monkeypatch.syspath_prepend(str(REPRODUCTION))
    return importlib.import_module


def test_accuracies_of_images():
    networks = csv("reproduction/images.csv").set_index(
        ["set", "kind", "depth", "activation", "seed"]
    )["test"]
    accuracies = 100 * networks.unstack("seed")
    expected = []
    for name, kind, depth in (
        (name, kind, depth)
        for kind in ("classification", "regression")
        for name in ("mnist", "fashion")
        for depth in (1, 3)
    ):
        own = accuracies.loc[name, kind, depth]
        relu = own.loc["ReLU"]
        gains = own.sub(relu).median(axis=1)
        names = ["GELU", "tanh(4z)", "learned from ReLU", "learned from zeros"]
        shallow = gains.get("zeros, in 1 layer", "")
        cells = [(relu.median(), relu.min(), relu.max()), *gains[names], shallow]
        expected.append([None, *cells])
    heading = (
        "task, hidden layers | ReLU | GELU | tanh(4z) | learned from ReLU | learned from zeros"
        " | from zeros, learned in 1 layer"
    )
    assert differences(tables(page(IMAGES))[heading], expected) == []


def test_ablations_of_images(command):
    ablations = command("image_ablations").tables_of(records("image_ablations"))
    expected = [
        [None, (numbers.mean(), numbers.std(ddof=1)), None]
        for table in ablations.values()
        for numbers in table.values()
    ]
    assert differences(tables(page(IMAGES))[" | here | paper"], expected) == []


def test_transfer_of_images(command):
    transfer = command("image_transfer")
    own = records("image_transfer")
    expected = []
    for name in transfer.PAPER:
        cells = []
        for number, set_name in enumerate(("mnist", "fashion")):
            selected = transfer.select(own, set=set_name, activation=name)
            cell = [100 * np.median(transfer.column(selected, "test"))]
            paper = transfer.PAPER[name][number]
            if name == "ReLU":
                cell += [paper]
            else:
                gain = np.median(transfer.gains_on(own, set_name)[name])
                cell += [gain, paper, paper - transfer.PAPER["ReLU"][number]]
            cells.append(tuple(cell))
        expected.append([None, *cells])
    heading = " | trained on MNIST | trained on Fashion"
    assert differences(tables(page(IMAGES))[heading], expected) == []


def steps(number):
    return "never" if np.isinf(number) else number


def test_losses_and_steps_of_the_hat(command):
    hat = command("hat")
    own = records("hat")
    names = ["relu", "tanh", "tanh(8x)", "hat", "hat(8x)", "hat(32x)"]
    names += ["learned from zeros", "learned from hat"]
    expected = []
    for optimizer in ("sgd", "adam"):
        relu = hat.last_losses(hat.select(own, "waves", optimizer, "relu")).values()
        for name in names:
            networks = hat.select(own, "waves", optimizer, name)
            losses = hat.last_losses(networks).values()
            loss = statistics.median(losses), min(losses), max(losses)
            learned = [steps(hat.steps_to_learn(networks, k)) for k in hat.FREQUENCIES]
            reached = steps(hat.steps_to_loss(networks, statistics.median(relu)))
            expected.append([None, None, loss, *learned, reached])
    heading = (
        "optimiser | activation | training loss: median (range over seeds) | 1 period | 3 | 7 | 15"
        " | steps to ReLU's last loss"
    )
    assert differences(tables(page(SMALL))[heading], expected) == []


def threshold_rows(command):
    """Return by line of the tables the records after the last step."""
    module = command("optimization_threshold")
    own = records("optimization_threshold")
    last = module.last_step(own)
    models = ["relu", "relu, usual start", "tanh", "learned"]
    rows = {name: module.select(own, name, last) for name in models}
    rows |= {f"relu, {d} columns": module.select(own, "relu", last, d) for d in (2, 10)}
    return module, rows


def cells_of(module, networks, column, sizes):
    """Return the median, lowest and highest of a column by the number of samples."""
    values = {}
    for record in networks:
        values.setdefault(int(record["samples"]), []).append(module.column_value(record, column))
    return [(statistics.median(values[n]), min(values[n]), max(values[n])) for n in sizes]


def without_ranges(rows, expected):
    """Keep only the median where a page shows no range, as it does for numbers that look alike."""
    return [
        [
            own[:1] if isinstance(own, tuple) and "[" not in cell else own
            for cell, own in zip(row, cells, strict=True)
        ]
        for row, cells in zip(rows, expected, strict=True)
    ]


def test_optimization_threshold(command):
    module, networks = threshold_rows(command)
    sizes = (64, 128, 256, 512, 1024)
    expected = []
    for own in networks.values():
        at = module.threshold(module.medians(own, "ratio"))
        at = "none up to 1,024" if np.isinf(at) else at
        expected.append([None, *cells_of(module, own, "ratio", sizes), at])
    of_page = tables(page(SMALL))
    rows = of_page[
        "training loss ratio | 64 samples | 128 | 256 | 512 | 1,024 | threshold (ratio 1/2)"
    ]
    assert differences(rows, without_ranges(rows, expected)) == []
    names = ["relu", "relu, usual start", "tanh", "learned"]
    expected = [[None, *cells_of(module, networks[name], "test loss", sizes)] for name in names]
    linear = cells_of(module, networks["relu"], "linear test loss", sizes)
    expected.append([None, *linear])
    rows = of_page["test loss | 64 samples | 128 | 256 | 512 | 1,024"]
    assert differences(rows, without_ranges(rows, expected)) == []
