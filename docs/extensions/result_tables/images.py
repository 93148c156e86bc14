"""Tables of `reproduction/images.md`: images as classification and as regression."""

from itertools import product

import image_ablations
import image_choices
import image_transfer
import numpy as np
from image_records import column, correlation, gains, select

from .cells import markdown_table, number, records, signed, with_error, with_range

SETS = {"mnist": "MNIST", "fashion": "Fashion"}
KINDS, DEPTHS = ("classification", "regression"), (1, 3)
SHALLOW = "zeros, in 1 layer"
GAINS = ("GELU", "tanh(4z)", "learned from ReLU", "learned from zeros", SHALLOW)


def layers(depth):
    """Return the number of hidden layers in words."""
    return "1 hidden layer" if depth == 1 else f"{depth} hidden layers"


def median_percent(networks, name):
    """Return the median of a column of shares, in percent."""
    return 100 * np.median(column(networks, name))


def accuracies():
    """Return the table of ReLU's accuracies and the others' median gains."""
    networks = records("reproduction/images")
    rows = []
    for kind, name, depth in product(KINDS, SETS, DEPTHS):
        own = select(networks, set=name, kind=kind, depth=depth)
        relu = select(own, activation="ReLU")
        medians = [gain_over(relu, select(own, activation=other)) for other in GAINS]
        cells = ["" if gain is None else signed(gain) for gain in medians]
        accuracy = with_range(100 * column(relu, "test"))
        rows.append([f"{SETS[name]} {kind}, {depth}", accuracy, *cells])
    headings = ["task, hidden layers", "ReLU", *GAINS[:-1], "from zeros, learned in 1 layer"]
    return markdown_table(headings, rows)


def gain_over(relu, networks):
    """Return the median gain over ReLU in points; None without networks."""
    return float(np.median(gains(networks, relu, ("seed",)))) if networks else None


def schedules():
    """Return the table of accuracies with both schedules of learning."""
    networks = records("reproduction/image_choices")
    rows = []
    for name, depth in (("mnist", 1), ("fashion", 3)):
        own = select(networks, set=name, depth=depth)
        short, long = (select(own, choice=f"{length} schedule") for length in ("short", "long"))
        compared = (
            select(short, activation="ReLU"),
            *(select(part, activation=image_choices.LEARNED) for part in (short, long)),
        )
        cells = [number(median_percent(part, "validation"), 1) for part in compared]
        rows.append([f"{SETS[name]}, {layers(depth)}", *cells])
    headings = ["regression, from zeros", "ReLU", "short schedule", "long schedule"]
    return markdown_table(headings, rows)


def scales():
    """Return the table of accuracies by the scale of the inputs."""
    networks = records("reproduction/image_choices")
    names = {"from 0 to 1": "from 0 to 1 (used here)", "centred": "centred, standard deviation 1"}
    names["centred, halved"] = "centred, standard deviation 0.5"
    rows = []
    for choice in image_choices.SCALES:
        relu, learned = (
            100 * column(select(networks, choice=choice, activation=activation), "validation")
            for activation in ("ReLU", image_choices.LEARNED)
        )
        cells = [number(np.median(relu), 1), number(np.median(learned), 1)]
        rows.append([names.get(choice, choice), *cells, signed(np.median(learned - relu))])
    return markdown_table(["inputs", "ReLU", "learned from zeros", "gain"], rows)


def shapes():
    """Return the table of the distances of activations to GELU and to ReLU."""
    networks = select(
        records("reproduction/images"), kind="classification", activation="learned from ReLU"
    )
    rows = []
    for depth, name in product(DEPTHS, SETS):
        own = select(networks, set=name, depth=depth)
        to_gelu, to_relu = (np.median(column(own, text)) for text in ("to GELU", "to ReLU"))
        cells = [number(to_gelu, 4), number(to_relu, 4), number(to_gelu / to_relu, 2)]
        rows.append([f"{SETS[name]}, {layers(depth)}", *cells])
    return markdown_table(["classification, from ReLU", "to GELU", "to ReLU", "ratio"], rows)


def correlations():
    """Return the table of the correlations of accuracy and complexity."""
    networks = records("reproduction/images")
    rows = []
    for kind, name in product(reversed(KINDS), SETS):
        own = select(networks, set=name, kind=kind)
        parts = own, *(select(own, depth=depth) for depth in DEPTHS)
        cells = [number(correlation(part)[0], 2) for part in parts]
        rows.append([f"{SETS[name]} {kind}", *cells])
    headings = ["Spearman's correlation", "all networks", *map(layers, DEPTHS)]
    return markdown_table(headings, rows)


def ablations():
    """Return the table of the gains of Tables 1 to 3, beside the paper's."""
    rows = []
    for title, table in image_ablations.tables_of(records("reproduction/image_ablations")).items():
        for name, numbers in table.items():
            paper = image_ablations.PAPER.get(name)
            paper = "" if paper is None else signed(paper - image_ablations.PAPER_RELU)
            own = with_error(numbers.mean(), numbers.std(ddof=1), "+.1f")
            rows.append([title.partition(":")[0], name, own, paper])
    return markdown_table(["table", "", "gain here", "gain in the paper"], rows, n_text=2)


def transfer():
    """Return the table of accuracies and gains of transferred activations, beside the paper's."""
    networks = records("reproduction/image_transfer")
    rows = []
    for name, paper in image_transfer.PAPER.items():
        cells = []
        for set_name, own_paper in zip(SETS, paper, strict=True):
            own = select(networks, set=set_name)
            relu, learned = (select(own, activation=other) for other in ("ReLU", name))
            gain = gain_over(relu, learned)
            paper_gain = own_paper - image_transfer.PAPER["ReLU"][len(cells) // 2]
            cells += [
                f"{number(median_percent(learned, 'test'), 1)}, {signed(gain)}",
                f"{own_paper}, {signed(paper_gain)}",
            ]
        rows.append([name.replace("mnist", "MNIST").replace("fashion", "Fashion"), *cells])
    headings = [text for name in SETS.values() for text in (f"trained on {name}", "paper")]
    return markdown_table(["activation", *headings], rows)
