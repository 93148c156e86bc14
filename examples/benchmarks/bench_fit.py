"""Time and peak memory of a fit, beside boosted trees, scikit-learn's MLP, RealMLP and TabM.

Every fit runs in a process of its own that imports only what the model needs, on the CPU unless
`--device` names a GPU for the default, and the models take turns, so that all meet the same
conditions. "Above import" is the peak memory of the
process minus its peak right after these imports: the data, the fit and what the fit itself loads.
A process that takes longer than the limit is killed and marked, "> 600"; the model is then not
tried on more rows of as many columns. RealMLP and TabM come from pytabkit and are left out where
that is not installed.

The table is MAGIC telescope: ten columns, and 13,314 rows for training unless other numbers are
given. With `--columns` it is generated instead, in float32: the class depends on the sum of steps
of ten columns, and a twentieth of the labels is wrong. Where there are several numbers of rows, the
slope is that of log seconds over log rows: 1 is a time proportional to the rows.

    python examples/benchmarks/bench_fit.py --repeats 3 --output fit.csv
    python examples/benchmarks/bench_fit.py --rows 10000
    python examples/benchmarks/bench_fit.py --rows 1000 10000 100000 1000000 \\
        --columns 10 50 200 --repeats 1 --output fit_sizes.csv
    python examples/benchmarks/bench_fit.py --rows 1000000 --columns 20 --repeats 2 \\
        --models default --time-limit 60 --output fit_limited.csv
    python examples/benchmarks/bench_fit.py --rows 1000000 --columns 50 --repeats 1 \\
        --models default --device cuda --output fit_gpu.csv
    python examples/benchmarks/bench_fit.py --quick
"""

import argparse
import itertools
import json
import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from apart import OK, run_apart
from tables import Report, header, line, median_ratios
from tabular.measurement import peak_mb
from tabular.models import MODELS
from tabular.protocol import CLASSIFICATION

# This process imports nothing heavy: on Linux, a child's peak memory starts from its parent's.

DEFAULT = "default"
NAMES = (DEFAULT, "hist_gradient_boosting", "sklearn_mlp", "realmlp", "tabm")
MAGIC = "magic"
ROWS = 13314  # of MAGIC, 70 % of them
TEST_ROWS = 10_000  # generated
N_STEPS = 8  # of a column that matters
N_INFORMATIVE = 10
WRONG_LABELS = 0.05
SEED = 0
LIMIT = 600
NOT_TRIED = "not tried"
QUICK = {"rows": [200, 400], "columns": [10], "models": ["hist_gradient_boosting", "sklearn_mlp"]}
COLUMNS = {
    "columns": 7,
    "rows": ",d",
    "repeat": "d",
    "model": 22,
    "status": 9,
    "seconds": ".2f",
    "peak_mb": ".0f",
    "mb_above_import": ".0f",
    "accuracy": ".4f",
}
MEASURED = ("seconds", "peak_mb", "mb_above_import", "accuracy")
SUMMARY = {
    **{name: COLUMNS[name] for name in ("columns", "rows", "model", "status", "seconds")},
    "default / this": ".2f",
    **{name: COLUMNS[name] for name in MEASURED[1:]},
}


class Conditions(NamedTuple):
    """How a fit runs; the last two are parameters of the default model."""

    limit: float  # seconds after which its process is ended
    device: str = "cpu"
    time_limit: float | None = None


def make_model(name, device="cpu", time_limit=None):
    """Import what the model needs and return it, unfitted."""
    model = MODELS[name].build(CLASSIFICATION, SEED)[""]
    if "n_threads" in model.get_params():  # as many as the others take by themselves
        model.set_params(n_threads=os.cpu_count())
    if name == DEFAULT:
        model.set_params(device=device, time_limit=time_limit)
    return model


def magic(n_rows):
    """Return training and test rows of MAGIC telescope."""
    from sklearn.model_selection import train_test_split

    from skibias.datasets import load_magic_telescope

    X, y = load_magic_telescope(return_X_y=True)
    parts = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=SEED)
    return dict(zip(("X", "X_test", "y", "y_test"), parts, strict=True))


def generated(n_rows, n_columns):
    """Return training and test rows of two classes that are equally frequent."""
    import numpy as np

    generator = np.random.default_rng(SEED)
    n_all = n_rows + TEST_ROWS
    X = generator.random((n_all, n_columns), dtype=np.float32)
    height = np.zeros(n_all, dtype=np.float32)
    for column in X.T[:N_INFORMATIVE]:
        steps = generator.normal(size=N_STEPS).astype(np.float32)
        height += steps[(column * N_STEPS).astype(np.int8)]
    y = (height > np.median(height)) ^ (generator.random(n_all) < WRONG_LABELS)
    y = y.astype(np.int64)
    return {"X": X[:n_rows], "y": y[:n_rows], "X_test": X[n_rows:], "y_test": y[n_rows:]}


def prepare(path, columns, n_rows):
    """Write the data to a file, so that no fit has to import skibias for them."""
    import numpy as np

    data = magic(n_rows) if columns == MAGIC else generated(n_rows, int(columns))
    np.savez(path, **data)


def measure(name, path, device="cpu", time_limit=None):
    """Fit one model in this process; return seconds, memory and accuracy."""
    import numpy as np

    model = make_model(name, device, time_limit)
    after_import = peak_mb()
    data = dict(np.load(path))
    start = time.perf_counter()
    model.fit(data["X"], data["y"])
    seconds = time.perf_counter() - start
    peak = peak_mb()
    return {
        "seconds": seconds,
        "peak_mb": peak,
        "mb_above_import": peak - after_import,
        "accuracy": float(model.score(data["X_test"], data["y_test"])),
    }


def measure_apart(name, path, conditions):
    """Return what `measure` finds in a new process, or how that ended."""
    own = ["--device", conditions.device]
    if conditions.time_limit is not None:
        own += ["--time-limit", str(conditions.time_limit)]
    gpu = name == DEFAULT and conditions.device != "cpu"
    outcome = run_apart(__file__, "--measure", name, path, *own, limit=conditions.limit, gpu=gpu)
    if outcome.status != OK:
        return {"status": outcome.status}
    return {"status": OK, **json.loads(outcome.output.splitlines()[-1])}


def measure_table(key, models, conditions, report):
    """Measure the models that are still missing on one table, (columns, rows, repeat)."""
    columns, n_rows, _ = key
    missing = [name for name in models if not report.is_done(*key, name)]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "table.npz")
        for name in missing:
            if took_too_long(report.records, columns, n_rows, name):
                cells = {"status": NOT_TRIED}
            else:
                if not Path(path).exists():
                    run_apart(__file__, "--prepare", path, columns, str(n_rows))
                cells = measure_apart(name, path, conditions)
            report.add(dict(zip(COLUMNS, (*key, name), strict=False)) | cells)


def took_too_long(records, columns, n_rows, name):
    """Whether the model was ended at its limit on fewer rows of as many columns."""
    return any(
        record["status"].startswith(">")
        and (record["columns"], record["model"]) == (columns, name)
        and int(record["rows"]) < n_rows
        for record in records
    )


def installed(names):
    """Return the models whose packages are there; say which are not."""
    for name in names:
        if not MODELS[name].is_installed():
            print(f"{name} is left out: {MODELS[name].package} is not installed")
    return [name for name in names if MODELS[name].is_installed()]


def grouped(records, *names):
    """Return lists of records that are alike in these columns."""
    groups = {}
    for record in records:
        groups.setdefault(tuple(record[name] for name in names), []).append(record)
    return groups


def summarise(records):
    """Return one record per table and model: medians over the repeats.

    "default / this" is the median of the ratios within them.
    """
    summary = []
    for (columns, n_rows), table in grouped(records, "columns", "rows").items():
        finished = [record for record in table if record["status"] == OK]
        for (name,), own in grouped(table, "model").items():
            done = [record for record in own if record["status"] == OK]
            cells = {"columns": columns, "rows": n_rows, "model": name, "status": own[0]["status"]}
            if done:
                cells |= {"status": OK, "default / this": default_ratio(finished, name)}
                cells |= {
                    key: statistics.median(float(row[key]) for row in done) for key in MEASURED
                }
            summary.append(cells)
    return summary


def default_ratio(records, name):
    """Return the median of the default's seconds over the model's; "" if no repeat has both."""
    seconds = {
        model: {row["repeat"]: float(row["seconds"]) for row in records if row["model"] == model}
        for model in (DEFAULT, name)
    }
    both = sorted(set(seconds[DEFAULT]) & set(seconds[name]))
    if not both:
        return ""
    turns = {model: [own[repeat] for repeat in both] for model, own in seconds.items()}
    return median_ratios(turns, DEFAULT)[name]


def slope(rows, seconds):
    """Return the slope of log seconds over log rows, by least squares; None for a single size."""
    if len(set(rows)) < 2:
        return None
    logs = ([math.log(number) for number in numbers] for numbers in (rows, seconds))
    return statistics.linear_regression(*logs).slope


def show(records):
    """Print the summary, and the slopes where there are several sizes."""
    summary = summarise(records)
    print("\n" + header(SUMMARY))
    for record in summary:
        print(line(SUMMARY, record))
    for (columns, name), own in grouped(summary, "columns", "model").items():
        done = [record for record in own if record["status"] == OK]
        result = slope([int(row["rows"]) for row in done], [row["seconds"] for row in done])
        if result is not None:
            print(f"{name}, {columns} columns: seconds grow as rows to the power {result:.2f}")


def run(options):
    """Measure all tables, small ones first, and print what came out."""
    models = installed(options.models)
    report = Report(COLUMNS, 4, options.output)
    columns = [MAGIC] if options.columns is None else map(str, options.columns)
    repeats = range(1, options.repeats + 1)
    conditions = Conditions(options.limit, options.device, options.time_limit)
    for key in itertools.product(columns, sorted(options.rows), repeats):
        measure_table(key, models, conditions, report)
    show(report.records)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="fits per model (default: 3)")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[ROWS], help=f"for training (default: {ROWS})"
    )
    parser.add_argument("--columns", type=int, nargs="+", help="generate tables of so many columns")
    parser.add_argument("--models", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help=f"seconds of a process (default: {LIMIT})"
    )
    parser.add_argument("--device", default="cpu", help="of the default model (default: cpu)")
    parser.add_argument("--time-limit", type=float, help="of the default model (default: none)")
    parser.add_argument("--output", help="CSV file of the fits; those it holds are kept")
    parser.add_argument("--quick", action="store_true", help="two models, two tiny tables")
    parser.add_argument("--prepare", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK, repeats=1)
    if options.prepare:
        path, columns, n_rows = options.prepare
        prepare(path, columns, int(n_rows))
    elif options.measure:
        print(json.dumps(measure(*options.measure, options.device, options.time_limit)))
    else:
        run(options)


if __name__ == "__main__":
    main()
