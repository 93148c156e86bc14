"""Tables of the README."""

from tabular import comparison
from tabular.protocol import CLASSIFICATION

from .cells import markdown_table, number, read, with_error
from .performance import fits_to_magic, ratio_cell, seconds_or_limit
from .tabular import compared

NAMES = {
    "catboost": "CatBoost",
    "hist_gradient_boosting": "HistGradientBoosting",
    "lightgbm": "LightGBM",
    "default": "**skibias, default**",
    "random_forest": "random forest",
    "realmlp": "RealMLP",
    "relu": "skibias, ReLU",
    "sklearn_mlp": "scikit-learn's MLP",
    "linear": "logistic regression",
}
IN_COSTS = ["default", "hist_gradient_boosting", "sklearn_mlp", "realmlp"]


def scores():
    """Return the table of test accuracies, the best of a set bold."""
    results = comparison.means_over_splits(compared(CLASSIFICATION), "test_score")
    values = 100 * comparison.wide(results)
    best = values.max(axis=1)
    rows = []
    for name, mean in values.mean().sort_values(ascending=False).items():
        cells = [
            f"**{number(own, 2)}**" if own == best[set_name] else number(own, 2)
            for set_name, own in values[name].items()
        ]
        rows.append([NAMES[name], number(mean, 2), *cells])
    return markdown_table(["model", "mean, %", *values.index], rows)


def costs():
    """Return the table of the time and memory of fits."""
    fits = fits_to_magic()
    rows = [
        [
            NAMES[name],
            seconds_or_limit(fits.loc[name]),
            ratio_cell(fits.loc[name, "ratio"]),
            number(fits.loc[name, "peak_mb"]),
            number(fits.loc[name, "mb_above_import"]),
        ]
        for name in IN_COSTS
    ]
    headings = ["model", "seconds", "default / this", "peak MB", "of them above the import"]
    return markdown_table(headings, rows)


def comparison_with_trees():
    """Return the table of the first example."""
    fits = read("gallery/plot_01_compare_with_trees").groupby("model", sort=False)
    rows = [
        [
            model,
            with_error(own["accuracy"].mean(), own["accuracy"].sem(), ".4f"),
            with_error(own["TV complexity"].mean(), own["TV complexity"].sem(), ".3f"),
        ]
        for model, own in fits
    ]
    return markdown_table(["model", "accuracy", "TV complexity"], rows)
