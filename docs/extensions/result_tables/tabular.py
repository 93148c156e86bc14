"""Tables of `tabular.md`: the tabular benchmark."""

import pandas as pd
from make_report import (
    cost_table,
    difference_table,
    differences_to,
    probability_table,
    score_table,
)
from tabular import comparison
from tabular.protocol import CLASSIFICATION

from . import RESULTS
from .cells import markdown_table, number, with_error

MODELS = (
    "default relu hist_gradient_boosting lightgbm catboost random_forest sklearn_mlp linear realmlp"
).split()
ON_ONE_SPLIT = {  # by table: sets, models
    "functions": (
        "electricity california covertype jannis",
        "relu_single inputs_single inputs_from_ramps inputs_fixed_16 inputs_learned learned_single "
        "learned_per_layer learned_batch_1024 learned_8_networks learned_unroll_20",
    ),
    "settings": (
        "electricity california",
        "learned_single learned_from_relu learned_from_zeros learned_domain_2 learned_horizon_1500 "
        "inputs_single inputs_tanh_2",
    ),
    "models": (
        "Diabetes130US MagicTelescope bank-marketing california covertype electricity jannis",
        "default inputs tanh relu mlp_ple mlp_plr realmlp iaf_sklearn_mlp sklearn_mlp iaf_linear "
        "linear knn",
    ),
}
NETWORKS = {  # by hidden layers, what the names of the models end in
    "64 x 64": "64x64",
    "256": "256",
    "256 x 256": "single",
    "256 x 256 x 256": "256x256x256",
    "1024 x 1024": "1024x1024",
}
KINDS = {"relu": "ReLU", "learned": "learned activation", "inputs": "learned inputs"}


def fits(name="tabular"):
    """Return the successful fits of a CSV file."""
    return comparison.successful(comparison.read_results(RESULTS / f"{name}.csv"))


def compared(task):
    """Return the fits of a task on the splits that all compared models have."""
    results = fits()
    models = [name for name in MODELS if task == CLASSIFICATION or name != "realmlp"]
    return comparison.shared_rows(results[results["task"] == task], models)


def scores(task):
    """Return the table of test scores of a task."""
    return score_table(compared(task), task)


def differences(task, reference):
    """Return the table of differences to a reference model."""
    return difference_table(*differences_to(reference, compared(task), task))


def lead_of_the_default():
    """Return the table of how far the default is ahead of other models, on every set."""
    results = compared(CLASSIFICATION)
    rows = []
    for reference in ("hist_gradient_boosting", "lightgbm", "catboost", "realmlp"):
        by_set, over_sets = (
            frame.query("model == 'default'")
            for frame in differences_to(reference, results, CLASSIFICATION)
        )
        cells = pd.concat([over_sets, by_set])
        numbers = [with_error(*own, "+.2f") for own in cells[["mean", "standard_error"]].to_numpy()]
        rows.append([reference, *numbers])
    return markdown_table(["ahead of", "mean over sets", *by_set["set"]], rows)


def probabilities():
    """Return the table of log losses and calibration errors."""
    return probability_table(fits("probabilities"))


def costs():
    """Return the table of time and memory of the classification fits."""
    return cost_table(compared(CLASSIFICATION))


def first_split():
    """Return accuracies on the first split in percent, models x sets."""
    results = fits()
    own = results[(results["task"] == CLASSIFICATION) & (results["split"] == 0)]
    return 100 * own.pivot(index="model", columns="set", values="test_score")


def on_one_split(table):
    """Return a table of `ON_ONE_SPLIT`."""
    sets, models = (text.split() for text in ON_ONE_SPLIT[table])
    accuracies = first_split().loc[models, sets]
    accuracies["mean"] = accuracies.mean(axis=1)
    rows = [[name, *(number(own, 2) for own in row)] for name, row in accuracies.iterrows()]
    return markdown_table(["model", *accuracies.columns], rows)


def depth_and_width():
    """Return the table of accuracies on electricity and california by hidden layers."""
    accuracies = first_split()[["electricity", "california"]]

    def cell(model):
        known = accuracies.loc[model] if model in accuracies.index else [float("nan")] * 2
        return " / ".join(number(own, 2) or "–" for own in known)

    rows = [[name, *(cell(f"{kind}_{end}") for kind in KINDS)] for name, end in NETWORKS.items()]
    return markdown_table(["network", *KINDS.values()], rows)
