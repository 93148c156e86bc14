"""Data sets x models x splits under the protocol of Grinsztajn et al. (2022): one CSV row per fit.

Every fit runs in a process of its own, on one thread and without GPU; its row is appended as soon
as it ends. Run the same command again to continue after an interruption: fits that are in the file
are not repeated. A model whose package is missing is left out; one that fails leaves a row with
its error, and the run goes on. `make_report.py` turns the file into tables and figures.

The sets are fetched by `skibias.datasets.fetch_tabular`, from OpenML or from the folder in the
environment variable SKIBIAS_DATA.

    python examples/benchmarks/run_tabular.py --quick
    python examples/benchmarks/run_tabular.py --task classification --n-jobs 4 --output tabular.csv
"""

import argparse
import sys
from pathlib import Path

from joblib import Parallel, delayed
from tabular import protocol, results
from tabular.measurement import Job
from tabular.models import DEFAULT_MODELS, MODELS
from tabular.processes import call_apart
from tqdm import tqdm

# This process imports nothing heavy: on Linux, a child's peak memory starts from its parent's.

QUICK_SETS = ["electricity", "california", "cpu_act"]
QUICK_ROWS = 600


def parse_arguments(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sets", nargs="+", metavar="SET", help="names of sets (default: all)")
    add("--task", choices=protocol.TASKS, help="only sets of this task (default: both)")
    add(
        "--models",
        nargs="+",
        metavar="MODEL",
        choices=MODELS,
        default=list(DEFAULT_MODELS),
        help=f"some of {', '.join(MODELS)} (default: up to {DEFAULT_MODELS[-1]})",
    )
    add("--n-splits", type=int, help="splits of every set (default: 1 to 5, by the test rows)")
    add("--max-rows", type=int, help="use a random subset of this many rows of each set")
    add("--n-jobs", type=int, default=1, help="fits side by side (default: 1)")
    add("--output", type=Path, help="CSV file (default: tabular.csv, or tabular_quick.csv)")
    add("--no-complexity", action="store_true", help="leave TV complexity out")
    add("--retry-failed", action="store_true", help="repeat fits that failed")
    add(
        "--quick",
        action="store_true",
        help=f"one split of {QUICK_ROWS} rows of {', '.join(QUICK_SETS)}; the numbers mean nothing",
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.n_splits = options.n_splits or 1
        options.max_rows = options.max_rows or QUICK_ROWS
        options.sets = options.sets or QUICK_SETS
    name = "tabular_quick.csv" if options.quick else "tabular.csv"
    options.output = options.output or Path(name)
    return options


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


def installed_models(names):
    """Return the models whose packages are there, and say which are not."""
    missing = [name for name in names if not MODELS[name].is_installed()]
    for name in missing:
        print(f"{name} is left out: {MODELS[name].package} is not installed", file=sys.stderr)
    return [name for name in names if name not in missing]


def list_jobs(n_rows, models, options):
    """Return the jobs for sets with these numbers of rows, models changing fastest."""
    return [
        Job(name, task, split, model, options.max_rows, not options.no_complexity)
        for (name, task), count in n_rows.items()
        for split in range(
            options.n_splits or protocol.n_splits(min(count, options.max_rows or count))
        )
        for model in models
    ]


def remaining_jobs(jobs, rows, retry_failed=False):
    """Return the jobs that have no row yet, or no row of success if failed ones are repeated."""
    done = {results.key_of(row) for row in rows if row["status"] == results.OK or not retry_failed}
    return [job for job in jobs if results.key_of(job._asdict()) not in done]


def run_job(job):
    """Return the row of a job, from a process of its own."""
    row, reason = call_apart("measure", list(job))
    return row or job.identity() | {"status": reason}


def run_jobs(jobs, output, n_jobs=1, run=run_job):
    """Run jobs side by side, append each row to the file when it is there; count failed ones."""
    # Threads do, as they only wait for processes.
    parallel = Parallel(n_jobs, backend="threading", return_as="generator_unordered")
    n_failed = 0
    with tqdm(total=len(jobs), unit="fit", file=sys.stderr) as bar:
        for row in parallel(delayed(run)(job) for job in jobs):
            results.append_row(output, row)
            n_failed += row["status"] != results.OK
            bar.set_postfix_str(f"{row['set']} {row['split']} {row['model']}, {n_failed} failed")
            bar.update()
    return n_failed


def started_results(options):
    """Return the rows of the output file, or exit if it holds those of another benchmark."""
    try:
        rows = results.open_results(options.output)
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
    models = installed_models(options.models)
    n_rows = readable_sets(options.sets, options.task)
    jobs = list_jobs(n_rows, models, options)
    if not jobs:
        sys.exit("There is nothing to fit.")
    rows = started_results(options)
    todo = remaining_jobs(jobs, rows, options.retry_failed)
    print(f"{len(jobs)} fits, {len(jobs) - len(todo)} of them are in {options.output}")
    try:
        n_failed = run_jobs(todo, options.output, options.n_jobs)
    except KeyboardInterrupt:
        sys.exit("Interrupted. The same command continues.")
    print(f"{len(todo) - n_failed} fitted, {n_failed} failed")


if __name__ == "__main__":
    main()
