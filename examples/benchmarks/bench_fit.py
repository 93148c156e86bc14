"""Time and peak memory of a fit, beside boosted trees and scikit-learn's own MLP.

Every fit runs in a process of its own that imports only what the model needs, and the models take
turns, so that all meet the same conditions. "Above import" is the peak memory of the process minus
its peak right after these imports: the data, the fit and what the fit itself loads. The table is
MAGIC telescope: ten columns, and 13,314 rows for training unless another number is given.

    python examples/benchmarks/bench_fit.py --repeats 3 --output fit.csv
    python examples/benchmarks/bench_fit.py --rows 10000
"""

import argparse
import csv
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# This process imports nothing heavy: on Linux, a child's peak memory starts from its parent's.

MODELS = ("skibias, default", "histogram gradient boosting", "scikit-learn MLP")
FIELDS = ("model", "seconds", "default_over_this", "peak_mb", "mb_above_import", "accuracy")
ROWS = 13314  # 70 % of them
SEED = 0


def make_model(name):
    """Import what the model needs and return it, unfitted."""
    if name == "skibias, default":
        from skibias import LearnedActivationMLPClassifier

        return LearnedActivationMLPClassifier(random_state=SEED)
    if name == "histogram gradient boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(random_state=SEED)
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    network = MLPClassifier((256, 256), early_stopping=True, random_state=SEED)
    return make_pipeline(QuantileTransformer(random_state=SEED), network)


def peak_mb():
    """Return the largest resident size of this process so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def prepare(path, n_rows):
    """Write the split data to a file, so that no fit has to import skibias for them."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    from skibias.datasets import load_magic_telescope

    X, y = load_magic_telescope(return_X_y=True)
    parts = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=SEED)
    np.savez(path, **dict(zip(("X", "X_test", "y", "y_test"), parts, strict=True)))


def measure(name, path):
    """Fit one model in this process; return seconds, memory and accuracy."""
    import numpy as np

    model = make_model(name)
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
        "accuracy": model.score(data["X_test"], data["y_test"]),
    }


def run_apart(*arguments):
    """Run this script in a new process and return what it prints."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def measure_all(n_repeats, n_rows):
    """Return the measurements of every model, by name."""
    runs = {name: [] for name in MODELS}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "magic.npz")
        run_apart("--prepare", path, "--rows", str(n_rows))
        for repeat in range(n_repeats):
            for name in MODELS:
                print(f"repeat {repeat + 1}/{n_repeats}: {name}", file=sys.stderr, flush=True)
                runs[name].append(json.loads(run_apart("--measure", name, path)))
    return runs


def summarise(runs):
    """Return one record per model: medians over the repeats, and of the ratios within them."""
    records = []
    for name, own in runs.items():
        ratios = [
            base["seconds"] / run["seconds"] for run, base in zip(own, runs[MODELS[0]], strict=True)
        ]
        record = {key: statistics.median(run[key] for run in own) for key in own[0]}
        records.append({"model": name, "default_over_this": statistics.median(ratios), **record})
    return records


def show(records):
    """Print the table."""
    columns = f"{'seconds':>8} {'default / this':>15} {'peak MB':>8} {'above import':>13} accuracy"
    print(f"{'model':<28} {columns}")
    for record in records:
        print(
            f"{record['model']:<28} {record['seconds']:>8.2f} {record['default_over_this']:>15.2f} "
            f"{record['peak_mb']:>8.0f} {record['mb_above_import']:>13.0f} "
            f"{record['accuracy']:>8.4f}"
        )


def report(runs, output):
    """Print the table, and write it to a file if one is named."""
    records = summarise(runs)
    show(records)
    if output:
        with open(output, "w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(records)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="fits per model (default: 3)")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"for training (default: {ROWS})")
    parser.add_argument("--output", help="CSV file of the table")
    parser.add_argument("--prepare", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, metavar=("MODEL", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        prepare(options.prepare, options.rows)
    elif options.measure:
        print(json.dumps(measure(*options.measure)))
    else:
        report(measure_all(options.repeats, options.rows), options.output)


if __name__ == "__main__":
    main()
