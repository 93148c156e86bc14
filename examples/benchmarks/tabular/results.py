"""The file of results: one CSV row per fit, appended as soon as the fit has ended.

A row is one line, written at once. A run that was killed can therefore leave no more than one
unfinished last line, which counts as not written.
"""

import csv
import io
import os
from pathlib import Path

KEY = ("set", "task", "split", "model")
OK = "ok"
FIELDS = (
    *KEY,
    "status",  # "ok", or what went wrong
    "train_score",  # accuracy, or R2
    "test_score",
    "test_log_loss",  # classification only, where a model gives probabilities
    "test_calibration_error",  # of the most probable class
    "train_rmse",  # regression only
    "test_rmse",
    "tv_complexity",
    "start",  # "zeros" or "relu": of the learned activation that was chosen
    "candidate",  # of a tuned model: what the validation rows chose
    "chosen_name",  # of a network of skibias: what it chose itself
    "chosen_inputs",
    "n_hidden_layers",
    "n_candidates",  # fits that the validation rows chose among
    "n_inner_candidates",  # candidates that a network of skibias compared itself
    "fit_seconds",  # of all candidates, with choosing
    "predict_seconds",  # of the test rows
    "peak_mb",  # of the process, until the end of the fit
    "fit_mb",  # by how much the fit raised that peak, libraries being loaded
    "data_version",  # "benchmark", or what was made from a local copy
    "n_train",
    "n_validation",
    "n_test",
    "n_features",
    "max_rows",  # the subset that was used; empty: all rows
    "seed",
    "skibias",  # versions
    "scikit-learn",
    "torch",
    "numpy",
    "package",  # of the model, with its version
)
# Of sets with categories and missing values.
MIXED_FIELDS = (
    *KEY,
    "status",
    "test_score",  # accuracy, or R2
    "test_auc",  # classification only; of each class against the rest, if there are several
    "test_log_loss",
    "test_calibration_error",
    "test_rmse",  # regression only
    "train_score",
    "train_rmse",
    "start",
    "chosen_name",
    "chosen_inputs",
    "n_inner_candidates",
    "fit_seconds",
    "fit_cpu_seconds",  # of the process: hardly depends on what else runs on the machine
    "predict_seconds",
    "peak_mb",
    "fit_mb",
    "data_version",
    "n_train",
    "n_test",
    "n_features",
    "n_categorical",
    "max_rows",
    "seed",
    "skibias",
    "scikit-learn",
    "torch",
    "numpy",
    "package",
)


def key_of(row):
    """Return what identifies a fit."""
    return tuple(str(row[name]) for name in KEY)


def read_rows(path, fields=FIELDS):
    """Return the finished rows of a file as dicts of str, or none if there is no file.

    Raises
    ------
    ValueError
        If the file has other columns.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    finished = text[: text.rfind("\n") + 1]
    if not finished:
        return []
    reader = csv.DictReader(io.StringIO(finished))
    if tuple(reader.fieldnames) != tuple(fields):
        raise ValueError(f"The columns of {path} are not those of this benchmark's results.")
    return list(reader)


def open_results(path, fields=FIELDS):
    """Make a file ready for `append_row`, and return the rows it holds.

    A missing file is started with the header; an unfinished last line is cut off.
    """
    path = Path(path)
    rows = read_rows(path, fields)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+") as file:
        file.seek(0)
        finished = file.read().rfind(b"\n") + 1
        file.truncate(finished)
        if not finished:
            _write_line(file, fields)
    return rows


def append_row(path, row, fields=FIELDS):
    """Append a row; what it lacks stays empty."""
    with open(path, "ab") as file:
        _write_line(file, [row.get(name, "") for name in fields])


def _write_line(file, cells):
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        " ".join(cell.split()) if isinstance(cell, str) else cell for cell in cells
    )
    file.write(line.getvalue().encode())
    file.flush()
    os.fsync(file.fileno())
