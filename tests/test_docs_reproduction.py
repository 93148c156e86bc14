"""The main tables of the pages on reproduction are those of the committed CSV files.

What is measured here is not measured again: the tables are made from the records of the commands,
as their figures are.
"""

import importlib
import re
import statistics
from pathlib import Path

import numpy as np
import pytest
from test_docs_numbers import agrees, csv, differences, numbers_of, page, tables

REPRODUCTION = Path(__file__).resolve().parents[1] / "examples" / "reproduction"
IMAGES, SMALL = "docs/reproduction/images.md", "docs/reproduction/small.md"
SHORTCUTS, ALGORITHMIC = "docs/reproduction/shortcuts.md", "docs/reproduction/algorithmic.md"


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


def test_choices_of_images(command):
    scales = command("image_choices").SCALES
    networks = csv("reproduction/image_choices.csv")
    accuracies = networks.set_index(["choice", "set", "depth", "activation", "seed"])["validation"]
    accuracies = 100 * accuracies.unstack("seed")
    medians = accuracies.median(axis=1).unstack()
    own = [
        [None, *medians.loc["short schedule", *key], medians.loc["long schedule", *key].iloc[1]]
        for key in (("mnist", 1), ("fashion", 3))
    ]
    heading = "regression, from zeros | ReLU | short schedule | long schedule"
    assert differences(tables(page(IMAGES))[heading], own) == []
    own = []
    for scale in scales:
        relu, learned = (
            accuracies.loc[scale, "fashion", 1, name] for name in ("ReLU", "learned from zeros")
        )
        own.append([None, relu.median(), learned.median(), (learned - relu).median()])
    heading = "inputs | ReLU | learned from zeros | gain"
    assert differences(tables(page(IMAGES))[heading], own) == []


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
            own[:1] if isinstance(own, tuple) and not re.search(r"[\[(]", cell) else own
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


# Shortcuts

WAYS = {
    "ReLU": "ReLU",
    "learned for MNIST": "simple",
    "learned for CIFAR-10": "complex",
    "learned for Fashion": "complex",
    "learned for CIFAR-10, squared error": "squared",
    "learned for Fashion, squared error": "squared",
    "small ReLU, by hand": "small ReLU",
    "dead zone, by hand": "dead zone",
    "ReLU, MNIST random in training": "ceiling",
}


def spread(shares):
    """Return median, lowest and highest in percent."""
    shares = 100 * np.asarray(shares)
    return np.median(shares), shares.min(), shares.max()


def kinds_in(command, name):
    """Return the curves of all seeds of every kind of networks, by its key."""
    own = records(name)
    for record in own:  # as the command writes it: 2, and not 2.0
        if "prefactor" in record:
            record["prefactor"] = f"{float(record['prefactor']):g}"
    cues = command("cues")
    keys = command("collages" if name == "collages" else "sweeps").KEYS
    return cues.kinds_of(cues.curves_of(own, keys))


@pytest.mark.parametrize(
    ("heading", "collage"),
    [
        (
            "MNIST / CIFAR-10 | MNIST tile, chosen | MNIST, last | CIFAR tile, chosen"
            " | CIFAR, last",
            "MNIST/CIFAR-10",
        ),
        (
            "MNIST / Fashion-MNIST, spectral normalisation | MNIST tile, chosen | MNIST, last"
            " | Fashion tile, chosen | Fashion, last",
            "MNIST/Fashion",
        ),
    ],
)
def test_accuracies_on_collages(command, heading, collage):
    kinds = kinds_in(command, "collages")
    collages = command("collages")
    rows, expected = tables(page(SHORTCUTS))[heading], []
    spectral = "yes"
    for row in rows:
        if row[0].startswith("*"):
            spectral = "no" if "without" in row[0] else "yes"
            expected.append([None] * len(row))
            continue
        curves = kinds[collage, spectral, WAYS[row[0]]]
        pairs = [collages.chosen_and_last(curves, tile) for tile in collages.TILES]
        expected.append([None, *(spread(shares) for pair in pairs for shares in pair)])
    assert differences(rows, expected) == []


def sweep_key(name):
    """Return the activation and prefactor of a name such as "tanh(2x)"."""
    if name in ("ReLU", "learned"):
        return name.lower(), "1"
    function, _, prefactor = name.removesuffix("x)").partition("(")
    return function, prefactor or "1"


def test_accuracies_on_coloured_digits(command):
    kinds = kinds_in(command, "colored_digits")
    last = command("sweeps").last_shares
    rows = tables(page(SHORTCUTS))[
        "after 600 steps | 1: digit | 1: colour | 0.9: digit | 0.9: colour"
    ]
    expected = [
        [
            None,
            *(
                spread(last(kinds[f"correlation {case}", *sweep_key(row[0])], column))
                for case in ("1", "0.9")
                for column in ("digit", "colour")
            ),
        ]
        for row in rows
    ]
    assert differences(rows, expected) == []


def test_accuracies_on_slabs(command):
    kinds = kinds_in(command, "slabs")
    last = command("sweeps").last_shares
    rows = tables(page(SHORTCUTS))[
        "activation, 3,000 steps | 5 slabs: by the slabs | by the linear feature"
        " | 7 slabs: by the slabs | by the linear feature"
    ]
    columns = [(case, cue) for case in ("5 slabs", "7 slabs") for cue in ("linear", "slabs")]

    def cells(key):
        return [spread(last(kinds[case, *key], f"{cue} random")) for case, cue in columns]

    expected = [[None, *cells(sweep_key(row[0]))] for row in rows[1:]]
    assert differences(rows[1:], without_ranges(rows[1:], expected)) == []
    alike = [
        key[1:]
        for key in kinds
        if key[1] in ("relu", "tanh") or (key[1] in ("sin", "hat") and float(key[2]) <= 8)
    ]
    assert len(alike) > 2
    for key in alike:
        assert differences(rows[:1], without_ranges(rows[:1], [[None, *cells(key)]])) == []


# Algorithmic tasks


def fewest_steps(grokking, networks):
    """Return the median steps over seeds at the rate and decay where it is least."""
    at = {}
    for record in networks:
        at.setdefault((record["learning_rate"], record["weight_decay"]), []).append(record)
    return min(map(grokking.median_steps, at.values()))


def test_steps_with_exact_sines(command):
    sines = csv("reproduction/ideal_sines.csv")
    fewest = sines["steps"].min()
    quickest = sines[sines["steps"] == fewest].set_index("activation")["learning_rate"]
    assert quickest.to_dict() == {"sine 26 0.12": 20, "sine 40 0.3": 10}
    text = " ".join(page(ALGORITHMIC).split())
    assert (
        f"The quickest two need {fewest:.0f} steps, 26 radians of height 0.12 at a rate of 20, and "
        "40 radians of height 0.3 at 10." in text
    )
    grokking = command("grokking")
    search = [own for own in records("grokking_steps") if own["part"] == "search"]
    relu = fewest_steps(grokking, [own for own in search if own["activation"] == "relu"])
    n_sines = sines["activation"].nunique()
    assert f"are {relu / fewest:.1f} times as many as the best of {n_sines} sines needs" in text


def test_steps_at_the_best_rates(command):
    grokking = command("grokking")
    search = [own for own in records("grokking_steps") if own["part"] == "search"]
    expected = []
    for name in ("relu", "gelu", "tanh", "learned"):
        own = [record for record in search if record["activation"] == name]
        plain = [record for record in own if float(record["weight_decay"]) == 0]
        cells = [steps(fewest_steps(grokking, part)) for part in (own, plain)]
        expected.append([None, None, None, *cells])
    rows = tables(page(ALGORITHMIC))[
        "activation | rate | weight decay | steps, mod 27 | without weight decay"
    ]
    assert differences(rows, expected) == []
    for row, name in zip(rows, ("relu", "gelu", None, "learned"), strict=True):
        if name is not None:
            rate, decay = grokking.best_rates(search)[name]
            assert any(agrees(text, rate) for text in numbers_of(row[1]))
            assert any(agrees(text, decay) for text in numbers_of(row[2]))


def test_sines():
    sines = csv("reproduction/grokking_sines.csv").to_numpy().tolist()
    rows = tables(page(ALGORITHMIC))["modulus | from | to | cycles per unit | R²"]
    assert differences(rows, sines) == []


def test_scores_of_transfer(command):
    transfer = command("transfer")
    own = records("transfer")
    tasks, names = (
        list(dict.fromkeys(record[key] for record in own)) for key in ("task", "activation")
    )
    scores = transfer.score_matrix(own, tasks, names).mean(0)
    scores = dict(zip(names, 100 * scores, strict=True))
    single = [scores[task] for task in tasks]
    small = [task for task in tasks if transfer.domain_of(task) in transfer.SMALL]
    of_small = [scores[task] for task in small]
    together = [scores[transfer.all_name(group)] for group in (tasks, small)]
    means = [scores["relu"], np.mean(single), np.mean(of_small), (min(single), max(single))]
    rows = tables(page(ALGORITHMIC))["score over 22 tasks, % | paper | here | verdict"]
    assert differences(rows, [[None, None, own, None] for own in [*means, *together]]) == []


def test_late_overfitting(command):
    late = csv("reproduction/grokking_late.csv")
    best, decayed = command("grokking").best_rates(records("grokking_steps"))["learned"]
    assert decayed > 0
    learned = late[late["activation"] == "learned"]
    is_fast = (learned["learning_rate"] == best) & (learned["weight_decay"] == 0)
    last = learned["step"] == learned["step"].max()
    found = re.search(
        r"come to (\d+), (\d+) and (\d+) % of the test pairs .* fall to (\d+), (\d+) and\s(\d+) %",
        page(ALGORITHMIC),
        re.DOTALL,
    ).groups()
    values = [
        *learned[is_fast].groupby("seed")["test"].max(),
        *learned[is_fast & last].set_index("seed")["test"],
    ]
    assert all(agrees(text, 100 * value) for text, value in zip(found, values, strict=True))
    assert (learned[~is_fast & (learned["step"] >= 400)]["test"] == 1).all()


# README


def claim(pattern):
    """Return the numbers of a sentence of the README; a space of the pattern may be a new line."""
    return re.search(pattern.replace(" ", r"\s+"), page("README.md")).groups()


def test_steps_in_the_readme(command):
    grokking = command("grokking")
    search = [own for own in records("grokking_steps") if own["part"] == "search"]
    learned, relu = (
        [own for own in search if own["activation"] == name] for name in ("learned", "relu")
    )
    plain = [own for own in relu if float(own["weight_decay"]) == 0]
    wanted = [fewest_steps(grokking, own) for own in (learned, plain, relu)]
    found = claim(
        r"after (\S+) steps, with ReLU after (\S+), with ReLU and weight decay after (\d+)"
    )
    assert all(map(agrees, found, wanted))


def test_gains_on_images_in_the_readme():
    networks = csv("reproduction/images.csv")
    networks = networks[networks["kind"] == "regression"]
    accuracies = networks.set_index(["set", "depth", "activation", "seed"])["test"].unstack("seed")
    wanted = [
        100 * (own["learned from zeros"] - own["ReLU"]).median()
        for own in (accuracies.loc[key].T for key in (("fashion", 1), ("mnist", 3)))
    ]
    found = claim(
        r"(\S+) points more than ReLU on Fashion-MNIST with one hidden layer, up to (\S+) with"
    )
    assert all(map(agrees, found, wanted))


def test_reliance_in_the_readme(command):
    collages, kinds = command("collages"), kinds_in(command, "collages")
    wanted = [
        100 * np.median(collages.chosen_and_last(kinds["MNIST/CIFAR-10", "yes", name], tile)[1])
        for tile in collages.TILES
        for name in ("ReLU", "squared")
    ]
    found = claim(r"falls from (\d+) to (\d+) %, on the photograph it rises from (\d+) to (\d+) %")
    assert all(map(agrees, found, wanted))
