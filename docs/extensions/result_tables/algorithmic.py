"""Tables of `reproduction/algorithmic.md`: grokking and transfer."""

import grokking
import numpy as np
import transfer

from .cells import markdown_table, number, read, records, steps

NAMES = {"relu": "ReLU", "gelu": "GELU", "tanh": "tanh", "learned": "learned"}
# Of ReLU, of the activations of single tasks, of their extremes, and of that of all tasks.
PAPER = {"relu": "19.9", "single": "54.0", "extremes": "22.2, 80.5", "all": "61.5"}


def search():
    """Return the records of the search for rates and weight decays."""
    return [own for own in records("reproduction/grokking_steps") if own["part"] == "search"]


def fewest_steps(networks):
    """Return the median steps over seeds by rate and decay: the least, and where it is reached."""
    at = {}
    for record in networks:
        key = float(record["learning_rate"]), float(record["weight_decay"])
        at.setdefault(key, []).append(record)
    medians = {key: grokking.median_steps(own) for key, own in at.items()}
    fewest = min(medians.values())
    return fewest, [key for key, own in medians.items() if own == fewest]


def best_rates():
    """Return the table of the fewest steps at any rate, with and without weight decay."""
    rows = []
    for activation, name in NAMES.items():
        own = [record for record in search() if record["activation"] == activation]
        plain = [record for record in own if float(record["weight_decay"]) == 0]
        fewest, keys = fewest_steps(own)
        at = [""] * 2 if np.isinf(fewest) else [choices(part) for part in zip(*keys, strict=True)]
        rows.append([name, *at, steps(fewest), steps(fewest_steps(plain)[0])])
    headings = ["activation", "rate", "weight decay", "steps, mod 27", "without weight decay"]
    return markdown_table(headings, rows)


def choices(numbers):
    """Return different numbers in a row: "14 or 20"."""
    return " or ".join(dict.fromkeys(f"{own:g}" for own in numbers))


def ideal_sines():
    """Return the table of the fewest steps with exact sines, by frequency and height."""
    sines = read("reproduction/ideal_sines").fillna({"steps": np.inf})
    parts = sines["activation"].str.split(expand=True)
    fewest = sines.assign(frequency=parts[1].astype(int), height=parts[2].astype(float))
    fewest = fewest.groupby(["frequency", "height"])["steps"].min().unstack()
    rows = [[str(own), *map(steps, row)] for own, row in fewest.iterrows()]
    headings = [f"height {height:g}" for height in fewest.columns]
    return markdown_table(["radians per unit", *headings], rows)


def sines():
    """Return the table of the sines that describe the learned functions."""
    rows = [
        [
            number(row["modulus"]),
            number(row["low"], 2),
            number(row["high"], 2),
            number(row["frequency"], 1),
            number(row["r2"], 2),
        ]
        for _, row in read("reproduction/grokking_sines").iterrows()
    ]
    return markdown_table(["modulus", "from", "to", "cycles per unit", "R²"], rows)


def transfer_scores():
    """Return the scores of the activations over all tasks in percent, and the tasks."""
    cells = records("reproduction/transfer")
    tasks, names = (
        list(dict.fromkeys(own[key] for own in cells)) for key in ("task", "activation")
    )
    scores = 100 * transfer.score_matrix(cells, tasks, names).mean(0)
    return dict(zip(names, scores, strict=True)), tasks


def transfer_table():
    """Return the table of the scores over all tasks, beside the paper's."""
    scores, tasks = transfer_scores()
    small = [task for task in tasks if transfer.domain_of(task) in transfer.SMALL]
    single, of_small = ([scores[task] for task in own] for own in (tasks, small))
    n, n_small = len(tasks), len(small)
    on_all, on_small = (scores[transfer.all_name(own)] for own in (tasks, small))
    rows = [
        ["ReLU", PAPER["relu"], number(scores["relu"], 1)],
        [f"learned on one task, mean of all {n}", PAPER["single"], number(np.mean(single), 1)],
        [
            f"of these, learned on one of the {n_small} smaller tasks",
            "",
            number(np.mean(of_small), 1),
        ],
        [f"lowest and highest of the {n}", PAPER["extremes"], extremes(single)],
        [f"learned on all {n} tasks at once", PAPER["all"], number(on_all, 1)],
        [f"learned on the {n_small} smaller tasks at once", "", number(on_small, 1)],
    ]
    return markdown_table([f"score over {n} tasks, %", "paper", "here"], rows)


def extremes(numbers):
    """Return the lowest and the highest number."""
    return f"{number(min(numbers), 1)}, {number(max(numbers), 1)}"
