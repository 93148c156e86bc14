"""Tables, in Markdown, from the results of `run_tabular.py --task mixed`.

For each metric, the mean over splits for each set and model, and the models' mean ranks over sets;
then, for each reference, the mean paired difference of every model to it, for each set and over
sets, with standard errors. Models are compared on the splits that all of them have: name the
models with ``--models`` to leave out one that lacks a set.

    python examples/benchmarks/summarize_mixed.py mixed.csv --reference hist_gradient_boosting
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from make_report import four_digits, markdown_table, with_error
from tabular import comparison
from tabular.protocol import CLASSIFICATION, REGRESSION
from tabular.results import MIXED_FIELDS


class Metric(NamedTuple):
    """What models are compared by."""

    title: str
    column: str
    tasks: tuple
    greater_is_better: bool
    factor: float | None = 1.0  # by which values are shown; None: four digits of each set's best
    is_relative: bool = False  # differences are in percent of the reference, or else in points


BOTH = (CLASSIFICATION, REGRESSION)
METRICS = {
    "accuracy": Metric("Accuracy, %", "test_score", (CLASSIFICATION,), True, 100),
    "auc": Metric("ROC AUC, %", "test_auc", (CLASSIFICATION,), True, 100),
    "log_loss": Metric("Log loss", "test_log_loss", (CLASSIFICATION,), False, None, True),
    "rmse": Metric("RMSE", "test_rmse", (REGRESSION,), False, None, True),
    "r2": Metric("R², %", "test_score", (REGRESSION,), True, 100),
    "error": Metric("Share of errors, or RMSE", "test_error", BOTH, False, None, True),
    "fit": Metric("Fit, seconds of one processor", "fit_cpu_seconds", BOTH, False, 1),
    "predict": Metric("Prediction of the test rows, s", "predict_seconds", BOTH, False, 1),
}


def parse_arguments(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, nargs="+", help="files of run_tabular.py --task mixed")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="compare these (default: all)")
    parser.add_argument(
        "--reference", nargs="+", metavar="MODEL", default=[], help="what others are compared with"
    )
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=list(METRICS))
    return parser.parse_args(arguments)


def read(paths):
    """Return the successful fits of files, with the error that both tasks have."""
    import pandas as pd

    results = pd.concat([comparison.read_results(path, MIXED_FIELDS) for path in paths])
    results = comparison.successful(results).reset_index(drop=True)
    accuracy_lacks = 1 - results["test_score"]
    results["test_error"] = accuracy_lacks.where(
        results["task"] == CLASSIFICATION, results["test_rmse"]
    )
    return results


def score_table(results, metric):
    """Return the table of means over splits, the best of a set bold, and of mean ranks."""
    values = comparison.wide(comparison.means_over_splits(results, metric.column))
    ranks = comparison.mean_ranks(values, greater_is_better=metric.greater_is_better)
    best = values.max(axis=1) if metric.greater_is_better else values.min(axis=1)

    def cell(model, name):
        value = values.loc[name, model]
        if metric.factor is None:
            text = format(value, four_digits(best[name]))
        else:
            text = f"{metric.factor * value:.2f}"
        return f"**{text}**" if value == best[name] else text

    rows = [
        [model, f"{rank:.2f}", *(cell(model, name) for name in values.index)]
        for model, rank in ranks.items()
    ]
    return markdown_table(["model", "mean rank", *values.index], rows)


def difference_table(results, metric, reference):
    """Return the table of paired differences to a reference, the best model's first."""
    by_set = comparison.paired_differences(
        results, metric.column, reference, relative=metric.is_relative
    )
    over_sets = comparison.means_over_sets(by_set)
    over_sets = over_sets.sort_values("mean", ascending=not metric.greater_is_better)
    names = sorted(by_set["set"].unique())
    cells = by_set.set_index(["model", "set"])
    rows = []
    for overall in over_sets.to_dict("records"):
        own = [overall, *(cells.loc[(overall["model"], name)] for name in names)]
        numbers = [with_error(part["mean"], part["standard_error"], "+.2f") for part in own]
        rows.append([overall["model"], *numbers])
    return markdown_table(["model", "mean over sets", *names], rows)


def summarize(results, options):
    """Return the text of all tables."""
    models = options.models or list(results["model"].unique())
    shared = comparison.shared_rows(results, models)
    left_out = sorted(set(results["set"]) - set(shared["set"]))
    parts = [f"Left out, as not all models have it: {', '.join(left_out)}."] if left_out else []
    for metric in (METRICS[name] for name in options.metrics):
        own = shared[shared["task"].isin(metric.tasks)]
        if own.empty:
            continue
        n_splits = own.groupby("set")["split"].nunique()
        note = f"Means over splits ({n_splits.min()} to {n_splits.max()} of a set)."
        parts += [f"## {metric.title}", note, score_table(own, metric)]
        for reference in options.reference if len(models) > 1 else []:
            unit = "%" if metric.is_relative else "points"
            if metric.column.endswith("seconds"):
                continue
            parts.append(f"Difference to {reference}, {unit}, ± standard error over splits or sets")
            parts.append(difference_table(own, metric, reference))
    return "\n\n".join(parts)


def main():
    options = parse_arguments()
    try:
        results = read(options.csv)
    except ValueError as error:
        sys.exit(str(error))
    wanted = {*(options.models or ()), *options.reference}
    unknown = sorted(wanted - set(results["model"]))
    if unknown or results.empty:
        sys.exit(f"There are no results of {', '.join(unknown) or 'any model'}.")
    if options.models:
        options.models = list(dict.fromkeys([*options.models, *options.reference]))
    print(summarize(results, options))


if __name__ == "__main__":
    main()
