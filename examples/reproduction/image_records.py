"""Records of networks on images: selecting, pairing with ReLU, correlating and drawing them."""

import numpy as np
from scipy.stats import spearmanr
from tabular.figures import INK

LEARNED, PAPER = "#D55E00", "#0072B2"  # colours


def select(records, **wanted):
    """Return the records with these cells."""
    return [
        record
        for record in records
        if all(record[name] == str(value) for name, value in wanted.items())
    ]


def column(records, name):
    """Return the numbers of a column."""
    return np.array([float(record[name]) for record in records])


def gains(records, baseline, pairing):
    """Return the differences in test accuracy to records of the baseline, in points.

    Parameters
    ----------
    records, baseline : list of dict
    pairing : tuple of str
        Columns in which a record agrees with the one record that it is compared with.
    """
    accuracies = {tuple(own[name] for name in pairing): float(own["test"]) for own in baseline}
    return np.array(
        [
            100 * (float(record["test"]) - accuracies[tuple(record[name] for name in pairing)])
            for record in records
        ]
    )


def correlation(records):
    """Return Spearman's correlation of test accuracy and TV complexity, and its p-value."""
    result = spearmanr(column(records, "complexity"), column(records, "test"))
    return float(result.statistic), float(result.pvalue)


def draw_gains(axes, own, paper):
    """Draw gains over ReLU, a line of dots for each name, beside the paper's.

    Parameters
    ----------
    own : dict of ndarray
        By name, one gain per seed, in points.
    paper : dict of float
    """
    for height, (name, numbers) in enumerate(own.items()):
        axes.plot(numbers, np.full(len(numbers), height), "o", color=LEARNED, alpha=0.6)
        axes.plot(np.median(numbers), height, "|", color=INK, markersize=16)
        if name in paper:
            axes.plot(paper[name], height + 0.25, "D", color=PAPER, markerfacecolor="white")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(own)), own)
    axes.set_ylim(len(own) - 0.5, -0.5)
    axes.set_xlabel("test accuracy, gain over ReLU (points)")


def name_markers(figure):
    """Explain the markers of `draw_gains` below the panels."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", color=LEARNED, linestyle="none", label="a seed"),
        Line2D([], [], marker="|", color=INK, linestyle="none", markersize=12, label="median"),
        Line2D([], [], marker="D", color=PAPER, markerfacecolor="white", linestyle="none"),
    ]
    handles[-1].set_label("the paper's")
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
