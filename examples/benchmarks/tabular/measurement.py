"""One fit: from a job to a row of results.

Notation
--------
n : rows, d : features
"""

import contextlib
import importlib.metadata
import platform
import resource
import time
import warnings
from typing import Any, NamedTuple

from .mixed_models import MIXED_MODELS, categorical_columns
from .models import MODELS
from .protocol import CLASSIFICATION, MIXED, draw_mixed_split, draw_split
from .results import OK

MAX_STATUS = 300  # characters
WARM_UP_ROWS = 64
CALIBRATION_BINS = 15  # as in Guo et al., "On Calibration of Modern Neural Networks" (2017)


class Job(NamedTuple):
    """What to fit to what."""

    set: str
    task: str
    split: int
    model: str
    max_rows: int | None = None
    with_complexity: bool = True
    is_mixed: bool = False  # a set with categories and missing values

    @property
    def entry(self):
        """The model's entry in its table."""
        return (MIXED_MODELS if self.is_mixed else MODELS)[self.model]

    def identity(self):
        """Return the cells that are known before the fit."""
        return {
            "set": self.set,
            "task": self.task,
            "split": self.split,
            "model": self.model,
            "max_rows": "" if self.max_rows is None else self.max_rows,
            "seed": self.split,
        }


class Table(NamedTuple):
    """A data set."""

    X: Any  # (n, d) float64, or a frame if columns are mixed
    y: Any  # (n,) class numbers or values
    version: str = "benchmark"  # or what a local copy is instead
    task: str = ""  # "classification" or "regression"


class Chosen(NamedTuple):
    """What the validation rows chose."""

    name: str
    model: Any


def error_text(error):
    """Return an error's class and message on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def measure(job, load):
    """Fit a job's model and return the row, which holds the error if there is one.

    Parameters
    ----------
    job : Job
    load : callable
        (set, task or "mixed") -> `Table`.

    Returns
    -------
    dict
        Cells by the names of `results.FIELDS` or `results.MIXED_FIELDS`.
    """
    row = {**job.identity(), **versions(job.entry.package)}
    try:
        table = load(job.set, MIXED if job.is_mixed else job.task)
        row |= {"data_version": table.version, **fit_and_score(job, table.X, table.y)}
    except Exception as error:  # whatever it is, the other fits go on
        return row | {"status": error_text(error)[:MAX_STATUS]}
    return row | {"status": OK}


def load_set(name, task):
    """Return the `Table` of a set."""
    from skibias.datasets import fetch_tabular

    bunch = fetch_tabular(name, task=task)
    X = bunch.data if task == MIXED else bunch.data.to_numpy()
    return Table(X, bunch.target.to_numpy(), bunch.details["version"], bunch.task)


def versions(package):
    """Return the versions of the libraries and of the model's package."""
    names = ("skibias", "scikit-learn", "torch", "numpy")
    return {name: version(name) for name in names} | {"package": f"{package} {version(package)}"}


def version(package):
    """Return a package's version; skibias may run from its source, not installed."""
    if package == "skibias":
        import skibias

        return skibias.__version__
    return importlib.metadata.version(package)


def fit_and_score(job, X, y):
    """Return the cells of results for a job's model on a set, X (n, d) and y (n,)."""
    (train, validation, test), candidates, cells = prepare(job, X, y)
    warm_up(next(iter(candidates.values())), *warm_up_rows(job, *train))
    before, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
    chosen = fit_candidates(candidates, train, validation)
    fitted, after, cpu = time.perf_counter(), peak_mb(), time.process_time() - cpu
    predictions = chosen.model.predict(test[0])
    predicted = time.perf_counter()
    cells |= {
        "fit_seconds": round(fitted - start, 3),
        "predict_seconds": round(predicted - fitted, 3),
        "peak_mb": round(after, 1),
        "fit_mb": round(after - before, 1),
        "candidate": chosen.name,
        "n_candidates": len(candidates),
        "n_train": len(train[0]),
        "n_validation": len(validation[0]),
        "n_test": len(test[0]),
        "n_features": X.shape[1],
        **describe(chosen.model),
        **scores("test", job.task, test[1], predictions),
        **probability_scores(job.task, chosen.model, *test, with_auc=job.is_mixed),
        **scores("train", job.task, train[1], chosen.model.predict(train[0])),
    }
    if job.is_mixed:
        cells["fit_cpu_seconds"] = round(cpu, 3)
    if job.with_complexity:
        cells["tv_complexity"] = complexity(chosen.model, job.task, *train)
    return cells


def prepare(job, X, y):
    """Return the parts of a job's split, its candidates, and what is known of its columns."""
    if not job.is_mixed:
        split = draw_split(len(X), job.split, job.max_rows)
        parts = [(X[part], y[part]) for part in split]
        return parts, job.entry.build(job.task, job.split), {}
    labels = y if job.task == CLASSIFICATION else None
    split = draw_mixed_split(len(X), job.split, job.max_rows, labels)
    parts = [(X.iloc[part].reset_index(drop=True), y[part]) for part in split]
    categorical = categorical_columns(X)
    candidates = job.entry.build(job.task, job.split, categorical)
    return parts, candidates, {"n_categorical": len(categorical)}


def warm_up_rows(job, X, y):
    """Return a few random rows, or the first training rows of columns that are mixed."""
    import numpy as np

    if job.is_mixed:
        return X.iloc[:WARM_UP_ROWS], y[:WARM_UP_ROWS]
    random = np.random.RandomState(0)
    X, y = random.uniform(size=(WARM_UP_ROWS, 3)), random.uniform(size=WARM_UP_ROWS)
    return X, (y > 0.5).astype(int) if job.task == CLASSIFICATION else y


def warm_up(model, X, y):
    """Fit a copy to a few rows: libraries load parts of themselves in the first fit."""
    from sklearn.base import clone

    # What fails here for other reasons than so few rows fails again where it is recorded.
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clone(model).fit(X, y)


def fit_candidates(candidates, train, validation):
    """Fit every candidate to the training rows, and choose by the score on the validation rows.

    Parameters
    ----------
    candidates : dict of estimators
        Unfitted, by name. One that cannot be fitted (diverging, for example) is out.
    train, validation : (X, y)

    Returns
    -------
    Chosen

    Raises
    ------
    Exception
        The last one, if no candidate can be fitted.
    """
    best_score, best, failure = float("-inf"), None, None
    for name, model in candidates.items():
        try:
            model.fit(*train)
            score = model.score(*validation) if len(candidates) > 1 else 0.0
        except Exception as error:
            failure = error
            continue
        if score > best_score:
            best_score, best = score, Chosen(name, model)
    if best is None:
        raise failure or ValueError("No candidate has a finite score on the validation rows.")
    return best


def scores(part, task, y, predictions):
    """Return accuracy, or R2 and root mean squared error, of predictions for a part's y (n,)."""
    from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error

    predictions = predictions.reshape(len(y))  # catboost: a column, for several classes
    if task == CLASSIFICATION:
        return {f"{part}_score": accuracy_score(y, predictions)}
    return {
        f"{part}_score": r2_score(y, predictions),
        f"{part}_rmse": root_mean_squared_error(y, predictions),
    }


def probability_scores(task, model, X, y, with_auc=False):
    """Return log loss and calibration error of a classifier's probabilities, and the ROC AUC."""
    from sklearn.metrics import log_loss

    if task != CLASSIFICATION or not hasattr(model, "predict_proba"):
        return {}
    probabilities = model.predict_proba(X)
    cells = {
        "test_log_loss": log_loss(y, probabilities, labels=model.classes_),
        "test_calibration_error": calibration_error(y, probabilities, model.classes_),
    }
    return cells | {"test_auc": area_under_curve(y, probabilities)} if with_auc else cells


def area_under_curve(y, probabilities):
    """Return the area under the ROC curve; of several classes the mean, each against the rest."""
    from sklearn.metrics import roc_auc_score

    n_classes = probabilities.shape[1]
    return roc_auc_score(
        y, probabilities[:, 1] if n_classes == 2 else probabilities, multi_class="ovr"
    )


def calibration_error(y, probabilities, classes):
    """Return the mean distance between how sure a model is and how often it is right.

    The probability of the most probable class and the share of right answers are compared within
    bins of that probability, which count by their rows.
    """
    import numpy as np

    sureness = probabilities.max(axis=1)
    is_right = np.asarray(classes)[probabilities.argmax(axis=1)] == np.asarray(y)
    bins = np.minimum((sureness * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    distances = np.bincount(bins, is_right - sureness, minlength=CALIBRATION_BINS)
    return float(np.abs(distances).sum() / len(bins))


def complexity(model, task, X, y):
    """Return the TV complexity between training rows, of probabilities or values."""
    from skibias import tv_complexity

    response = "predict_proba" if task == CLASSIFICATION else "predict"
    return tv_complexity(model, X, y, response_method=response)


def describe(model):
    """Return what a fitted model says about its layers, its candidates and its choice."""
    model = getattr(model, "regressor_", model)
    while hasattr(model, "steps"):
        model = model.steps[-1][1]
    cells = {}
    if hasattr(model, "hidden_layer_sizes"):
        cells["n_hidden_layers"] = len(model.hidden_layer_sizes)
    if hasattr(model, "candidates_"):
        table = model.candidates_
        number = list(table["status"]).index("chosen")
        cells |= {
            "n_inner_candidates": len(table["name"]),
            "chosen_name": table["name"][number],
            "chosen_inputs": table["inputs"][number],
            "start": activation_start(model, int(table["restart"][number])),
        }
    return cells


def activation_start(model, restart):
    """Return what a network's activation was before it was learned; "" if it was not learned."""
    if restart < 0:
        return ""
    first_snapshot = model.meta_history_["activation"]["functions"][0]
    return "relu" if any(first_snapshot[restart][0].values) else "zeros"


def peak_mb():
    """Return the largest resident size of this process so far, in MB."""
    unit = 1 if platform.system() == "Darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
