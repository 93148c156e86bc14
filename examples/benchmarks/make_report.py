"""Tables and figures, in Markdown, from the results of `run_tabular.py`.

Models are compared on the splits that all of them have, so that a model that lacks a set takes the
set out of the comparison: name the models with ``--models`` to leave such a model out.

    python examples/benchmarks/make_report.py tabular.csv --output-dir report
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from tabular import comparison, figures
from tabular.protocol import CLASSIFICATION, REGRESSION, TASKS

TREES = "hist_gradient_boosting"
LEGEND = "Mean ± standard error over splits; a single split has no error."


def parse_arguments(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, help="file written by run_tabular.py")
    parser.add_argument(
        "--output-dir", type=Path, help="folder (default: the file's name without .csv)"
    )
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="compare these (default: all)")
    parser.add_argument(
        "--reference",
        nargs="+",
        metavar="MODEL",
        default=["relu", TREES],
        help="models that the others are compared with (default: relu and boosted trees)",
    )
    options = parser.parse_args(arguments)
    options.output_dir = options.output_dir or options.csv.with_suffix("")
    return options


def markdown_table(headings, rows, n_text=1):
    """Return a Markdown table of cells; its first columns are text, the others are numbers."""
    lines = [headings, ["---"] * n_text + ["--:"] * (len(headings) - n_text), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_error(mean, error, digits=".2f"):
    """Return "mean ± standard error", or the mean alone if there is no error."""
    text = format(mean, digits)
    return text if np.isnan(error) else f"{text} ± {format(error, digits.lstrip('+'))}"


def four_digits(number):
    """Return the format that shows a number with four significant digits."""
    if number == 0 or not np.isfinite(number):
        return ".4g"
    return f".{max(0, 3 - math.floor(math.log10(abs(number))))}f"


def score_table(results, task):
    """Return the table of test scores, the best mean rank first and the best of a set bold."""
    column, greater_is_better = comparison.metric(task)
    by_set = comparison.means_over_splits(results, column)
    values = comparison.wide(by_set)
    ranks = comparison.mean_ranks(values, greater_is_better=greater_is_better)
    best = values.max(axis=1) if greater_is_better else values.min(axis=1)
    overall = comparison.wide(comparison.means_over_splits(results, "test_score")).mean()
    by_set = by_set.set_index(["model", "set"])

    def cell(model, name):
        mean, error = by_set.loc[(model, name), ["mean", "standard_error"]]
        if task == CLASSIFICATION:
            text = with_error(100 * mean, 100 * error)
        else:
            text = with_error(mean, error, four_digits(best[name]))
        return f"**{text}**" if mean == best[name] else text

    rows = [
        [
            model,
            f"{rank:.2f}",
            f"{100 * overall[model]:.2f}",
            *(cell(model, name) for name in values.index),
        ]
        for model, rank in ranks.items()
    ]
    mean = "mean, %" if task == CLASSIFICATION else "mean R², %"
    return markdown_table(["model", "mean rank", mean, *values.index], rows)


def probability_table(results):
    """Return the table of log losses and calibration errors, the lowest mean log loss first.

    Models without probabilities are left out.
    """
    results = results.dropna(subset=["test_log_loss"])
    means = {
        column: results.groupby(["model", "set"])[column].mean().unstack()
        for column in ("test_log_loss", "test_calibration_error")
    }
    losses, errors = means.values()
    order = losses.mean(axis=1).sort_values().index

    def cells(model):
        return [f"{losses.loc[model, name]:.3f}, {errors.loc[model, name]:.3f}" for name in losses]

    rows = [
        [model, f"{losses.loc[model].mean():.4f}", f"{errors.loc[model].mean():.4f}", *cells(model)]
        for model in order
    ]
    return markdown_table(["model", "log loss", "calibration error", *losses.columns], rows)


def differences_to(reference, results, task):
    """Return how the models differ from a reference: by set, and over sets, the best one first."""
    column, greater_is_better = comparison.metric(task)
    is_relative = task == REGRESSION
    by_set = comparison.paired_differences(results, column, reference, relative=is_relative)
    over_sets = comparison.means_over_sets(by_set)
    return by_set, over_sets.sort_values("mean", ascending=not greater_is_better)


def difference_table(by_set, over_sets):
    """Return the table of differences to a reference, by set and over sets."""
    names = sorted(by_set["set"].unique())
    by_set = by_set.set_index(["model", "set"])
    rows = []
    for row in over_sets.to_dict("records"):
        cells = [row, *(by_set.loc[(row["model"], name)] for name in names)]
        numbers = [with_error(cell["mean"], cell["standard_error"], "+.2f") for cell in cells]
        rows.append([row["model"], *numbers])
    return markdown_table(["model", "mean over sets", *names], rows)


def cost_table(results):
    """Return the table of times and memory, the cheapest model first."""
    reference = TREES if TREES in set(results["model"]) else None
    rows = [
        [
            row["model"],
            f"{row['fit_seconds']:.2f}",
            "" if reference is None else f"{row['ratio']:.3g}",
            f"{row['predict_seconds']:.3f}",
            f"{row['fit_mb']:.0f}",
        ]
        for row in comparison.costs(results, reference).to_dict("records")
    ]
    headings = ["model", "fit, s", f"fit / {TREES}", "predict, s", "memory of the fit, MB"]
    return markdown_table(headings, rows)


def failure_list(failed):
    """Return a Markdown list of the fits that failed."""
    rows = failed.sort_values(["set", "model", "split"]).to_dict("records")
    return "\n".join(
        f"- {row['set']}, split {row['split']}, {row['model']}: `{row['status']}`" for row in rows
    )


class Report:
    """Markdown text that grows, and the folder of its figures."""

    def __init__(self, folder):
        self.folder = folder
        self.parts = []

    def add(self, *parts):
        """Append paragraphs, tables or headings."""
        self.parts += parts

    def draw(self, figure, name, title):
        """Save a figure and show it here."""
        figure.savefig(self.folder / f"{name}.png")
        self.add(f"![{title}]({name}.png)")

    def save(self):
        """Write the text and return its path."""
        path = self.folder / "report.md"
        path.write_text("\n\n".join(self.parts) + "\n", encoding="utf-8")
        return path


def add_scores(report, results, task):
    """Add the table of scores and the mean ranks."""
    column, greater_is_better = comparison.metric(task)
    metric = "Accuracy on test rows, %." if task == CLASSIFICATION else "RMSE on test rows."
    report.add(f"{metric} {LEGEND}", score_table(results, task))
    if results["test_log_loss"].notna().any():
        report.add(
            "### Probabilities",
            "Log loss and calibration error on test rows, means over splits.",
            probability_table(results),
        )
    values = comparison.wide(comparison.means_over_splits(results, column))
    n_sets, n_models = values.shape
    if n_sets < 2 or n_models < 2:
        return
    ranks = comparison.mean_ranks(values, greater_is_better=greater_is_better)
    difference = comparison.critical_difference(n_models, n_sets)
    groups = comparison.cliques(ranks, difference)
    report.add("### Mean ranks")
    report.add(
        f"Over {n_sets} sets. A bar joins models that do not differ significantly (Nemenyi's "
        f"test at 5 %; critical difference {difference:.2f})."
    )
    figure = figures.critical_difference_plot(ranks, difference, groups)
    report.draw(figure, f"{task}_ranks", "mean ranks")


def add_differences(report, results, task, reference):
    """Add the differences to a reference, as a table and as a figure."""
    by_set, over_sets = differences_to(reference, results, task)
    label = f"accuracy, difference to {reference} in points"
    if task == REGRESSION:
        label = f"RMSE, change from {reference} in %"
    report.add(
        f"### Difference to {reference}",
        f"Test {label}. Standard errors are those of paired differences over splits; in the "
        "first column they are over sets.",
        difference_table(by_set, over_sets),
    )
    figure = figures.difference_plot(by_set, over_sets, f"test {label}")
    report.draw(figure, f"{task}_minus_{reference}", f"difference to {reference}")


def add_panels(report, results, task):
    """Add test scores against complexity and against training scores."""
    columns = ["train_score", "test_score", "tv_complexity"]
    points = results.groupby(["set", "model"])[columns].mean().reset_index()
    score = "accuracy" if task == CLASSIFICATION else "R²"
    if points["tv_complexity"].notna().any():
        report.add("### Complexity", "Means over splits. Complexities of two sets do not compare.")
        labels = ("TV complexity", f"test {score}")
        figure = figures.panels(points, "tv_complexity", "test_score", labels)
        report.draw(figure, f"{task}_complexity", "test score against TV complexity")
    report.add("### Training and test rows", "Means over splits; on the line, both are equal.")
    labels = (f"training {score}", f"test {score}")
    figure = figures.panels(points, "train_score", "test_score", labels, diagonal=True)
    report.draw(figure, f"{task}_train_test", "test score against training score")


def add_task(report, results, task, options):
    """Add everything about one task."""
    report.add(f"## {task.capitalize()}")
    done = comparison.successful(results)
    models = options.models or list(done["model"].unique())
    shared = comparison.shared_rows(done, models)
    names = sorted(shared["set"].unique())
    left_out = sorted(set(results["set"]) - set(names))
    if left_out:
        text = ", ".join(left_out)
        report.add(f"Left out, as not all models have a common split there: {text}.")
    if not names:
        coverage = done.groupby("model")["set"].nunique()
        report.add("There is no set that all models share. Sets by model:")
        report.add(markdown_table(["model", "sets"], [[k, str(v)] for k, v in coverage.items()]))
        return
    add_scores(report, shared, task)
    for reference in options.reference:
        if reference in models and len(models) > 1:
            add_differences(report, shared, task, reference)
    add_panels(report, shared, task)
    report.add("### Costs", "Medians over all splits, on one thread.", cost_table(shared))


def make_report(results, options):
    """Write the report and its figures, and return the report's path."""
    options.output_dir.mkdir(parents=True, exist_ok=True)
    report = Report(options.output_dir)
    report.add("# Tabular benchmark")
    for task in TASKS:
        own = results[results["task"] == task]
        if not own.empty:
            add_task(report, own, task, options)
    failed = results[~results.index.isin(comparison.successful(results).index)]
    if not failed.empty:
        report.add("## Failed fits", failure_list(failed))
    return report.save()


def main():
    options = parse_arguments()
    try:
        results = comparison.read_results(options.csv)
    except ValueError as error:
        sys.exit(str(error))
    if results.empty:
        sys.exit(f"There are no results in {options.csv}.")
    unknown = sorted(set(options.models or ()) - set(results["model"]))
    if unknown:
        sys.exit(f"There are no results of {', '.join(unknown)} in {options.csv}.")
    print(make_report(results, options))


if __name__ == "__main__":
    main()
