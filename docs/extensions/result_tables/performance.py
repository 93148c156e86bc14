"""Tables of `performance.md`: what fits and their parts cost."""

from statistics import linear_regression

import numpy as np
import pandas as pd

from .cells import markdown_table, number, read

MODELS = {
    "default": "default",
    "hist_gradient_boosting": "boosted trees",
    "sklearn_mlp": "scikit-learn's MLP",
    "realmlp": "RealMLP",
    "tabm": "TabM",
}
STAGES = ["learning", "screening", "contest", "training", "fit"]
PASSES = {
    "frozen": "forward, backward, fixed function",
    "forward": "forward",
    "knots": "forward, backward, with gradient of the values",
    "double": "double backward",
}


def seconds_or_limit(fit):
    """Return the seconds of a fit, or its status, such as "> 300", if it was ended."""
    decimals = 2 if fit["seconds"] < 1 else 1
    return number(fit["seconds"], decimals) if fit["status"] == "ok" else fit["status"]


def fits_to_magic():
    """Return medians over the repeats of a fit, by model; "ratio" is the default's time by its."""
    fits = read("performance/fit")
    seconds = fits.pivot(index="repeat", columns="model", values="seconds")
    columns = ["seconds", "peak_mb", "mb_above_import", "accuracy"]
    medians = fits.groupby("model")[columns].median()
    medians.insert(1, "ratio", (1 / seconds).mul(seconds["default"], axis=0).median())
    return medians.assign(status=fits.groupby("model")["status"].first())


def fits():
    """Return the table of fits to the MAGIC data."""
    medians = fits_to_magic()
    rows = [
        [
            name,
            seconds_or_limit(medians.loc[model]),
            ratio_cell(medians.loc[model, "ratio"]),
            number(medians.loc[model, "peak_mb"]),
            number(medians.loc[model, "mb_above_import"]),
            number(medians.loc[model, "accuracy"], 4),
        ]
        for model, name in MODELS.items()
    ]
    headings = ["model", "seconds", "default / this", "peak MB", "of them above the import"]
    return markdown_table([*headings, "accuracy"], rows)


def ratio_cell(ratio):
    """Return a ratio with three digits; "" if there is none."""
    return "" if pd.isna(ratio) else f"{ratio:.3g}"


def size_cells(fits):
    """Return seconds and accuracy of every model, for the fits to one size."""
    fits = fits.set_index("model")
    cells = []
    for model in MODELS:
        if model in fits.index:
            fit = fits.loc[model]
            cells += [seconds_or_limit(fit), number(fit["accuracy"], 3)]
        else:
            cells += ["", ""]
    return cells


def powers(fits):
    """Return by model the slope of the logarithm of the seconds over that of the rows."""
    cells = []
    for model in MODELS:
        own = fits[(fits["model"] == model) & (fits["status"] == "ok")]
        own = np.log(own[["rows", "seconds"]])
        slope = linear_regression(own["rows"], own["seconds"]).slope if len(own) > 1 else np.nan
        cells += [number(slope, 2), ""]
    return cells


def size_headings():
    """Return the headings of seconds and accuracy of every model."""
    return [text for name in MODELS.values() for text in (f"{name}, s", "accuracy")]


def fits_by_rows():
    """Return the table of fits to more and more rows; its last line says how seconds grow."""
    fits = read("performance/fit_sizes").query("columns == 10")
    rows = [[number(n_rows), *size_cells(own)] for n_rows, own in fits.groupby("rows")]
    rows.append(["power of the rows", *powers(fits)])
    return markdown_table(["rows", *size_headings()], rows)


def fits_by_columns():
    """Return the table of fits to many columns."""
    fits = read("performance/fit_sizes").query("columns > 10")
    rows = [
        [number(n_columns), number(n_rows), *size_cells(own)]
        for (n_columns, n_rows), own in fits.groupby(["columns", "rows"])
    ]
    n_known = 2 + 2 * (len(MODELS) - 1)  # TabM was not run here
    headings = ["columns", "rows", *size_headings()]
    return markdown_table(headings[:n_known], [row[:n_known] for row in rows])


def limited_fits():
    """Return the table of fits with a limit of time."""
    rows = [
        [
            number(fit["rows"]),
            number(fit["seconds"]),
            number(fit["peak_mb"]),
            number(fit["mb_above_import"]),
        ]
        for _, fit in read("performance/fit_limited").iterrows()
    ]
    return markdown_table(["rows", "seconds", "peak MB", "of them above the import"], rows)


def stages(*names):
    """Return the table of the seconds of the stages of fits, from some CSV files."""
    fits = pd.concat([read(f"performance/{name}") for name in names])
    rows = [[*stage_cells(fit), number(fit["of the limit"], 2)] for _, fit in fits.iterrows()]
    return markdown_table([*stage_headings(), "of the limit"], rows)


def stages_on_a_gpu():
    """Return the table of the seconds of the stages of fits on a GPU."""
    rows = [stage_cells(fit) for _, fit in read("performance/stages_gpu").iterrows()]
    return markdown_table(stage_headings(), rows)


def stage_headings():
    """Return the headings of `stage_cells`; candidates at full width are compared."""
    names = ["comparison" if stage == "contest" else stage for stage in STAGES]
    return ["rows", *names, "epochs", "s / epoch"]


def stage_cells(fit):
    """Return the cells of one fit."""
    seconds = [number(fit[stage], 1) for stage in STAGES]
    return [number(fit["rows"]), *seconds, number(fit["epochs"]), number(fit["s / epoch"], 2)]


def shared_splines(name):
    """Return the measurements of one function for all numbers, by place, size and pass."""
    return read(f"performance/{name}").query("functions == 'shared'").set_index(["place", "size"])


def ratio_cells(row):
    """Return how many times as long as ReLU, tanh and GELU a spline takes."""
    return [number(row[f"/ {name}"], 2) for name in ("relu", "tanh", "gelu")]


RATIOS = ["spline / ReLU", "spline / tanh", "spline / GELU"]


def splines():
    """Return the table of a spline's passes over a million numbers, on one and on two threads."""
    kernel = shared_splines("kernel").xs(1_000_000, level="size")
    rows = [
        [place, text, *ratio_cells(own.set_index("pass").loc[name])]
        for place, own in kernel.groupby(level="place")
        for name, text in PASSES.items()
    ]
    return markdown_table(["", "pass", *RATIOS], rows, n_text=2)


def splines_by_size():
    """Return the table of a fixed spline's time beside that of tanh, by the size."""
    kernel = shared_splines("kernel").query("`pass` == 'frozen'")["/ tanh"].unstack("place")
    rows = [[number(size), *(number(own, 2) for own in row)] for size, row in kernel.iterrows()]
    return markdown_table(["numbers", *kernel.columns], rows)


def splines_on_a_gpu():
    """Return the table of a spline's passes on a GPU."""
    kernel = shared_splines("kernel_gpu").loc["cuda"]
    rows = []
    for size in (1_000_000, 10_000_000):
        own = kernel.loc[size].set_index("pass")
        for name, text in PASSES.items():
            row = own.loc[name]
            rows.append([number(size), text, number(row["ms"], 2), *ratio_cells(row)])
    return markdown_table(["numbers", "pass", "ms", *RATIOS], rows, n_text=2)


STACK = "stack / plain loop with torch.func"


def outer_steps():
    """Return the table of outer steps on a CPU."""
    measured = read("performance/meta").sort_values(["steps", "width", "restarts"])
    rows = [
        [
            *outer_cells(row),
            number(row["outer/tanh"], 2),
            number(row["outer/reference"], 2),
            number(row["MB"]),
            number(row["MB tanh"]),
        ]
        for _, row in measured.iterrows()
    ]
    headings = ["restarts", "network", "t", "spline / tanh", STACK, "MB", "MB with tanh"]
    return markdown_table(headings, rows)


def outer_steps_on_a_gpu():
    """Return the table of outer steps on a GPU."""
    rows = [
        [
            *outer_cells(row),
            number(row["outer ms"], 1),
            number(row["outer/tanh"], 2),
            number(row["outer/reference"], 3),
            number(row["inner/tanh"], 2),
        ]
        for _, row in read("performance/meta_gpu").iterrows()
    ]
    headings = ["restarts", "network", "t", "outer step, ms", "spline / tanh", STACK]
    return markdown_table([*headings, "inner step, spline / tanh"], rows)


def outer_cells(row):
    """Return the number of restarts, the network and t."""
    return [number(row["restarts"]), f"2 x {row['width']}", number(row["steps"])]


def stacked_restarts():
    """Return the table of the time of stacked restarts beside that of single runs."""
    places = {"on a CPU": "meta_stacked", "on a GPU": "meta_gpu_stacked"}
    ratios = pd.DataFrame(
        {
            place: read(f"performance/{name}").set_index("steps")["outer / single"]
            for place, name in places.items()
        }
    )
    rows = [[str(t), *(number(own, 3) for own in row)] for t, row in ratios.iterrows()]
    return markdown_table(["t", *ratios.columns], rows)


def schedules():
    """Return the table of median losses by inner steps, task and schedule."""
    losses = read("performance/schedules")
    losses = losses.groupby(["budget", "task", "schedule"])["loss"].median()
    rows = []
    for budget in losses.index.unique("budget"):
        kinds = ("relu", "relu") if budget == 0 else ("episodic", "staggered")
        cells = [losses[budget, task, kind] for task in ("waves", "digits") for kind in kinds]
        label = "0 (ReLU)" if budget == 0 else number(budget)
        rows.append([label, *(number(loss, 5) for loss in cells)])
    headings = ["inner steps, about", "waves, episodic", "waves, staggered"]
    return markdown_table([*headings, "digits, episodic", "digits, staggered"], rows)
