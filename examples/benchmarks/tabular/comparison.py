"""The numbers of the report: frames in, frames out.

``results`` are frames of successful fits with the columns of `results.FIELDS`. A score is paired
between models by (set, split): all models of a split see the same rows.
"""

import numpy as np
import pandas as pd
from scipy.stats import studentized_range

from .protocol import CLASSIFICATION
from .results import FIELDS, KEY, OK, read_rows

TEXT = ("set", "task", "model", "status", "start", "candidate", "chosen_name", "chosen_inputs")
TEXT += ("data_version", "skibias", "scikit-learn", "torch", "numpy", "package")


def read_results(path, fields=FIELDS):
    """Return a file's rows as a frame, the last one of every fit, numbers being numbers.

    Parameters
    ----------
    path : path
        A file of `run_tabular.py`; a run may still be appending to it.
    fields : tuple of str
        Its columns.

    Returns
    -------
    DataFrame
    """
    frame = pd.DataFrame(read_rows(path, fields), columns=list(fields))
    numbers = [name for name in fields if name not in TEXT]
    frame[numbers] = frame[numbers].apply(pd.to_numeric)
    return frame.drop_duplicates(list(KEY), keep="last", ignore_index=True)


def successful(results):
    """Return the rows of fits that succeeded."""
    return results[results["status"] == OK]


def metric(task):
    """Return the column that models are compared by, and whether greater is better."""
    return ("test_score", True) if task == CLASSIFICATION else ("test_rmse", False)


def shared_rows(results, models):
    """Return the rows of some models on the splits that all of these models have."""
    own = results[results["model"].isin(models)]
    n_models = own.groupby(["set", "split"])["model"].transform("nunique")
    return own[n_models == len(set(models))]


def means_over_splits(results, column):
    """Return mean, standard error and n_splits of a column, by set and model.

    The standard error of a single split is nan.
    """
    groups = results.groupby(["set", "model"])[column]
    return groups.agg(mean="mean", standard_error="sem", n_splits="count").reset_index()


def paired_differences(results, column, reference, *, relative=False):
    """Return how models differ from a reference model, by set.

    Parameters
    ----------
    results : DataFrame
        Every model on the same splits.
    column : str
    reference : str
        Name of a model.
    relative : bool, default=False
        In percent of the reference's value; otherwise the difference times 100, which is in
        percentage points for an accuracy.

    Returns
    -------
    DataFrame
        Columns set, model, mean, standard_error and n_splits. The standard error is that of the
        mean of paired differences over splits.
    """
    values = results.pivot(index=["set", "split"], columns="model", values=column)
    own, other = values.drop(columns=reference), values[reference]
    change = own.div(other, axis=0) - 1 if relative else own.sub(other, axis=0)
    change = (100 * change).melt(ignore_index=False, value_name="difference").reset_index()
    return means_over_splits(change, "difference")


def means_over_sets(by_set):
    """Return mean, standard error and n_sets of the means of each set, by model.

    The standard error measures how much sets differ, not splits.
    """
    groups = by_set.groupby("model")["mean"]
    return groups.agg(mean="mean", standard_error="sem", n_sets="count").reset_index()


def wide(by_set):
    """Return the means as a frame sets x models."""
    return by_set.pivot(index="set", columns="model", values="mean")


def mean_ranks(values, *, greater_is_better):
    """Return the models' mean ranks over sets, the best model's first.

    Parameters
    ----------
    values : DataFrame of shape (n_sets, n_models)
    greater_is_better : bool

    Returns
    -------
    Series
        Equal values share the mean of their ranks.
    """
    return values.rank(axis=1, ascending=not greater_is_better).mean().sort_values()


def critical_difference(n_models, n_sets, alpha=0.05):
    """Return by how much mean ranks must differ to differ significantly (Nemenyi's test).

    Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 2006), section
    3.2.2: q sqrt(k (k + 1) / (6 N)) for k models and N sets, q being the quantile of the
    Studentized range divided by sqrt(2).
    """
    q = studentized_range.ppf(1 - alpha, n_models, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_models * (n_models + 1) / (6 * n_sets)))


def cliques(ranks, difference):
    """Return the largest groups of models whose mean ranks differ by less than a difference.

    Parameters
    ----------
    ranks : Series
        In increasing order.
    difference : float

    Returns
    -------
    list of (int, int)
        Positions of the first and the last model of each group of at least two.
    """
    groups = []
    for first, rank in enumerate(ranks):
        last = int(np.searchsorted(ranks.to_numpy(), rank + difference)) - 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups


def costs(results, reference):
    """Return medians of each model's time and memory, the cheapest to fit first.

    Parameters
    ----------
    results : DataFrame
        Every model on the same splits.
    reference : str or None
        Name of the model that times are compared with.

    Returns
    -------
    DataFrame
        Columns model, fit_seconds, ratio, predict_seconds and fit_mb. The ratio is the median of
        the ratios within a split; it is nan without a reference.
    """
    seconds = results.pivot(index=["set", "split"], columns="model", values="fit_seconds")
    other = np.nan if reference is None else seconds[reference]
    ratios = seconds.div(other, axis=0).median() if reference else seconds.median() * other
    columns = ["fit_seconds", "predict_seconds", "fit_mb"]
    medians = results.groupby("model")[columns].median()
    medians.insert(1, "ratio", ratios)
    return medians.sort_values("fit_seconds").reset_index()
