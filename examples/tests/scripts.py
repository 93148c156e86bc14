"""Running the scripts of the examples, importing their modules, and reading what they leave."""

import csv
import importlib
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np

EXAMPLES = Path(__file__).resolve().parents[1]
BENCHMARKS = EXAMPLES / "benchmarks"
REPRODUCTION = EXAMPLES / "reproduction"


def run_script(script, *arguments, folder, **variables):
    """Run a script of the examples in a folder, warnings being errors; it must end well."""
    variables = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", **variables}
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), **variables}
    result = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / script), *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result


def run_quick(command, folder):
    """Run a command of the reproduction with ``--quick``; return what it prints."""
    return run_script(f"reproduction/{command}", "--quick", folder=folder).stdout


def records_of(command, folder):
    """Run a command with ``--quick`` and return the records of the CSV file of its name."""
    run_quick(command, folder)
    return read(folder / "quick" / command.replace(".py", ".csv"))


def load(name, folder=BENCHMARKS):
    """Import a module of a folder of the examples, as the scripts there do."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


def read(path):
    """Return the records of a CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_figure(path):
    """Check that a figure is there, large enough, and not empty."""
    figure = matplotlib.image.imread(path)
    assert min(figure.shape[:2]) > 200
    colours = np.round(255 * figure).astype(int) @ 256 ** np.arange(figure.shape[2])
    assert len(np.unique(colours)) > 20
