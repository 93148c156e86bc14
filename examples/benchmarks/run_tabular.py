"""Data sets x models x splits under the protocol of Grinsztajn et al. (2022): one CSV row per fit.

Every fit runs in a process of its own, on one thread and without GPU; its row is appended as soon
as it ends. Run the same command again to continue after an interruption: fits that are in the file
are not repeated. A model whose package is missing is left out; one that fails leaves a row with
its error, and the run goes on. `make_report.py` turns the file into tables and figures.

The sets are fetched by `skibias.datasets.fetch_tabular`, from OpenML or from the folder in the
environment variable SKIBIAS_DATA.

Sets with categories and missing values (`--task mixed`) have a table of models and a file of their
own: every model is given the frame, or stands behind encoders. `summarize_mixed.py` prints tables
of that file.

    python examples/benchmarks/run_tabular.py --quick
    python examples/benchmarks/run_tabular.py --task classification --n-jobs 4 --output tabular.csv
    python examples/benchmarks/run_tabular.py --task mixed --output mixed.csv
"""

import argparse
import sys
from pathlib import Path

from joblib import Parallel, delayed
from tabular import protocol, results
from tabular.measurement import Job
from tabular.mixed_models import MIXED_MODELS
from tabular.models import DEFAULT_MODELS, MODELS
from tabular.processes import call_apart
from tqdm import tqdm

# This process imports nothing heavy: on Linux, a child's peak memory starts from its parent's.

QUICK_SETS = ["electricity", "california", "cpu_act"]
QUICK_MIXED_SETS = ["titanic", "insurance"]
QUICK_ROWS = 600


def parse_arguments(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sets", nargs="+", metavar="SET", help="names of sets (default: all)")
    add(
        "--task",
        choices=(*protocol.TASKS, protocol.MIXED),
        help="only sets of this task, or those of mixed columns (default: the first two)",
    )
    add(
        "--models",
        nargs="+",
        metavar="MODEL",
        help=f"some of {', '.join(MODELS)} (default: up to {DEFAULT_MODELS[-1]}); of mixed columns "
        f"{', '.join(MIXED_MODELS)} (default: all)",
    )
    add("--n-splits", type=int, help="splits of every set (default: 1 to 5, by the test rows)")
    add("--max-rows", type=int, help="use a random subset of this many rows of each set")
    add("--n-jobs", type=int, default=1, help="fits side by side (default: 1)")
    add("--output", type=Path, help="CSV file (default: tabular.csv, mixed.csv, …_quick.csv)")
    add("--no-complexity", action="store_true", help="leave TV complexity out")
    add("--retry-failed", action="store_true", help="repeat fits that failed")
    add(
        "--quick",
        action="store_true",
        help=f"one split of {QUICK_ROWS} rows of {', '.join(QUICK_SETS)}; the numbers mean nothing",
    )
    options = parser.parse_args(arguments)
    options.is_mixed = options.task == protocol.MIXED
    known = MIXED_MODELS if options.is_mixed else MODELS
    unknown = [name for name in options.models or () if name not in known]
    if unknown:
        parser.error(f"no model {', '.join(unknown)} of this task, only {', '.join(known)}")
    options.models = options.models or list(MIXED_MODELS if options.is_mixed else DEFAULT_MODELS)
    set_defaults(options)
    return options


def set_defaults(options):
    """Fill in what depends on other options."""
    options.fields = results.MIXED_FIELDS if options.is_mixed else results.FIELDS
    name = "mixed" if options.is_mixed else "tabular"
    if options.quick:
        options.n_splits = options.n_splits or 1
        options.max_rows = options.max_rows or QUICK_ROWS
        options.sets = options.sets or (QUICK_MIXED_SETS if options.is_mixed else QUICK_SETS)
        name += "_quick"
    options.output = options.output or Path(f"{name}.csv")


def readable_sets(names, task):
    """Return the number of rows by (set, task), and say which sets cannot be used."""
    print("Reading the sets", file=sys.stderr)
    sets, reason = call_apart("count", [names, protocol.TASKS if task is None else [task]])
    if sets is None:
        sys.exit(f"The sets cannot be read: {reason}")
    for name, _, count in sets:
        if not isinstance(count, int):
            print(f"{name} is left out: {count}", file=sys.stderr)
    return {(name, task): count for name, task, count in sets if isinstance(count, int)}


def installed_models(names, models=MODELS):
    """Return the models whose packages are there, and say which are not."""
    missing = [name for name in names if not models[name].is_installed()]
    for name in missing:
        print(f"{name} is left out: {models[name].package} is not installed", file=sys.stderr)
    return [name for name in names if name not in missing]


def list_jobs(n_rows, models, options):
    """Return the jobs for sets with these numbers of rows, models changing fastest."""
    with_complexity = not (options.no_complexity or options.is_mixed)
    return [
        Job(name, task, split, model, options.max_rows, with_complexity, options.is_mixed)
        for (name, task), count in n_rows.items()
        for split in range(options.n_splits or usual_splits(count, options))
        for model in models
    ]


def usual_splits(count, options):
    """Return how many splits a set of this many rows gets if nothing is said."""
    if options.is_mixed:
        return protocol.MIXED_SPLITS
    return protocol.n_splits(min(count, options.max_rows or count))


def remaining_jobs(jobs, rows, retry_failed=False):
    """Return the jobs that have no row yet, or no row of success if failed ones are repeated."""
    done = {results.key_of(row) for row in rows if row["status"] == results.OK or not retry_failed}
    return [job for job in jobs if results.key_of(job._asdict()) not in done]


def run_job(job):
    """Return the row of a job, from a process of its own."""
    row, reason = call_apart("measure", list(job))
    return row or job.identity() | {"status": reason}


def run_jobs(jobs, output, n_jobs=1, run=run_job, fields=results.FIELDS):
    """Run jobs side by side, append each row to the file when it is there; count failed ones."""
    # Threads do, as they only wait for processes.
    parallel = Parallel(n_jobs, backend="threading", return_as="generator_unordered")
    n_failed = 0
    with tqdm(total=len(jobs), unit="fit", file=sys.stderr) as bar:
        for row in parallel(delayed(run)(job) for job in jobs):
            results.append_row(output, row, fields)
            n_failed += row["status"] != results.OK
            bar.set_postfix_str(f"{row['set']} {row['split']} {row['model']}, {n_failed} failed")
            bar.update()
    return n_failed


def started_results(options):
    """Return the rows of the output file, or exit if it holds those of another benchmark."""
    try:
        rows = results.open_results(options.output, options.fields)
    except ValueError as error:
        sys.exit(f"{error} Choose another --output.")
    max_rows = "" if options.max_rows is None else str(options.max_rows)
    others = {row["max_rows"] for row in rows} - {max_rows}
    if others:
        sys.exit(
            f"{options.output} holds fits with --max-rows {others.pop() or 'unset'}. "
            "Choose another --output."
        )
    return rows


def main():
    options = parse_arguments()
    models = installed_models(options.models, MIXED_MODELS if options.is_mixed else MODELS)
    n_rows = readable_sets(options.sets, options.task)
    jobs = list_jobs(n_rows, models, options)
    if not jobs:
        sys.exit("There is nothing to fit.")
    rows = started_results(options)
    todo = remaining_jobs(jobs, rows, options.retry_failed)
    print(f"{len(jobs)} fits, {len(jobs) - len(todo)} of them are in {options.output}")
    try:
        n_failed = run_jobs(todo, options.output, options.n_jobs, fields=options.fields)
    except KeyboardInterrupt:
        sys.exit("Interrupted. The same command continues.")
    print(f"{len(todo) - n_failed} fitted, {n_failed} failed")


if __name__ == "__main__":
    main()
