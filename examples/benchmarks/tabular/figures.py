"""The figures of the report. They draw what `comparison` has computed."""

import math
from itertools import chain

import numpy as np

# Colours that colour-blind readers can tell apart (Okabe and Ito), one per kind of model.
KINDS = {
    "#7f7f7f": {"linear": "o", "knn": "s"},
    "#D55E00": {
        "random_forest": "o",
        "hist_gradient_boosting": "s",
        "lightgbm": "^",
        "catboost": "D",
    },
    "#0072B2": {"relu": "o", "relu_tuned": "o", "tanh": "s", "tanh_tuned": "s", "sklearn_mlp": "D"},
    "#009E73": {
        "learned": "o",
        "learned_tuned": "o",
        "inputs": "s",
        "inputs_tuned": "s",
        "default": "*",
        "iaf_sklearn_mlp": "D",
        "iaf_linear": "^",
    },
    "#CC79A7": {"mlp_ple": "o", "mlp_plr": "s", "realmlp": "^", "tabm": "D"},
}
STYLES = {model: (colour, marker) for colour, own in KINDS.items() for model, marker in own.items()}
OTHER_STYLE = ("black", "x")
INK, FAINT = "#333333", "#d0d0d0"
PANELS_PER_ROW = 4


def figure(width, height, layout="constrained"):
    """Return an empty figure that needs no display; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    own = Figure(figsize=(width, height), layout=layout, dpi=150)
    FigureCanvasAgg(own)
    return own


def marker_style(model):
    """Return the marker of a model; that of a tuned one is hollow."""
    colour, marker = STYLES.get(model, OTHER_STYLE)
    return {
        "color": colour,
        "marker": marker,
        "markerfacecolor": "white" if model.endswith("_tuned") else colour,
        "markersize": 8 if marker == "*" else 5,  # stars look smaller
        "linestyle": "none",
    }


def plain(axes):
    """Leave only the left and the lower axis, thin, and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(labelsize=8, color=INK)
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def critical_difference_plot(ranks, difference, groups):
    """Draw mean ranks; a bar joins models that do not differ significantly (Demšar, Fig. 1).

    Parameters
    ----------
    ranks : Series
        Mean ranks by model, increasing.
    difference : float
        The critical difference.
    groups : list of (int, int)
        First and last position of models that do not differ.
    """
    n_left = math.ceil(len(ranks) / 2)
    top = 0.6 + 0.25 * len(groups)  # the labels start below the bars
    low, high = math.floor(ranks.min()), math.ceil(ranks.max())
    margin = 0.45 * max(high - low, 1)  # for the labels
    right = max(high + margin, low + difference + 0.1 * margin)
    own = figure(9, 0.27 * (top + n_left + 3.4), layout=None)
    axes = own.add_axes((0, 0, 1, 1))
    axes.set(xlim=(low - margin, right), ylim=(top + n_left + 0.4, -3))
    axes.axis("off")
    axes.plot([low, high], [0, 0], color=INK, linewidth=1)
    for tick in range(low, high + 1):
        axes.plot([tick, tick], [0, -0.2], color=INK, linewidth=1)
        axes.text(tick, -0.3, str(tick), ha="center", va="bottom", fontsize=8)
    for position, (model, rank) in enumerate(ranks.items()):
        is_left = position < n_left
        height = top + (position if is_left else len(ranks) - 1 - position) + 0.3
        _rank_label(axes, model, rank, height, low if is_left else high, is_left)
    for number, (first, last) in enumerate(groups):
        ends = [ranks.iloc[first] - 0.04, ranks.iloc[last] + 0.04]
        axes.plot(ends, [0.35 + 0.25 * number] * 2, color=INK, linewidth=3)
    axes.plot([low, low + difference], [-1.6, -1.6], color=INK, linewidth=1.5, marker="|")
    axes.text(low, -1.9, f"critical difference {difference:.2f}", va="bottom", fontsize=8)
    return own


def _rank_label(axes, model, rank, height, end, is_left):
    """Draw the line from a rank to the model's name beside the axis."""
    colour = STYLES.get(model, OTHER_STYLE)[0]
    axes.plot([rank, rank, end], [0, height, height], color=colour, linewidth=0.9)
    text = f"{model}  {rank:.2f} " if is_left else f" {rank:.2f}  {model}"
    side = "right" if is_left else "left"
    axes.text(end, height, text, ha=side, va="center", fontsize=8, color=INK)


def panels(points, x, y, labels, *, diagonal=False):
    """Draw one panel per set with a marker for each model.

    Parameters
    ----------
    points : DataFrame
        Columns set, model, x and y.
    x, y : str
        Names of the columns.
    labels : (str, str)
        Of the axes.
    diagonal : bool, default=False
        Draw the line where x equals y.
    """
    sets = sorted(points["set"].unique(), key=str.lower)
    n_columns = min(PANELS_PER_ROW, len(sets))
    n_rows = math.ceil(len(sets) / n_columns)
    models = points["model"].unique()
    own = figure(2.6 * n_columns + 1.9, max(2.5 * n_rows + 0.4, 0.2 * len(models) + 0.3))
    grid = own.subplots(n_rows, n_columns, squeeze=False)
    for axes, name in zip(grid.flat, sets, strict=False):
        plain(axes)
        axes.set_title(name, fontsize=9)
        for row in points[points["set"] == name].to_dict("records"):
            axes.plot(row[x], row[y], **marker_style(row["model"]))
        if diagonal:
            axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())  # the line does not count
            axes.axline((0, 0), slope=1, color=INK, linewidth=0.6, zorder=1)
    for axes in list(grid.flat)[len(sets) :]:
        axes.remove()
    own.supxlabel(labels[0], fontsize=9)
    own.supylabel(labels[1], fontsize=9)
    _legend(own, models)
    return own


def _legend(own, models):
    """Name the markers to the right of all panels, in the order of `KINDS`."""
    from matplotlib.lines import Line2D

    order = [*chain.from_iterable(KINDS.values())]
    models = sorted(models, key=lambda name: order.index(name) if name in order else len(order))
    handles = [Line2D([], [], label=model, **marker_style(model)) for model in models]
    own.legend(handles=handles, loc="outside right upper", fontsize=8, frameon=False)


def difference_plot(by_set, over_sets, label):
    """Draw every model's differences: a dot for each set, and their mean with its standard error.

    Parameters
    ----------
    by_set : DataFrame
        Columns set, model and mean.
    over_sets : DataFrame
        Columns model, mean and standard_error, the first row being drawn on top.
    label : str
        Of the axis.
    """
    own = figure(8, 1.2 + 0.3 * len(over_sets))
    axes = own.add_subplot()
    plain(axes)
    axes.axvline(0, color=INK, linewidth=0.8)
    for height, row in enumerate(over_sets.to_dict("records")):
        values = by_set.loc[by_set["model"] == row["model"], "mean"]
        colour = STYLES.get(row["model"], OTHER_STYLE)[0]
        heights = np.full(len(values), height + 0.25)  # beside the error, not on it
        axes.plot(values, heights, ".", color=colour, alpha=0.5, markeredgewidth=0)
        error = np.nan_to_num(row["standard_error"])
        axes.errorbar(row["mean"], height, xerr=error, **marker_style(row["model"]))
    axes.set_yticks(range(len(over_sets)), over_sets["model"])
    axes.set_ylim(len(over_sets) - 0.4, -0.6)  # the first row on top
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(label, fontsize=9)
    return own
