"""Running the commands of `examples/reproduction`; shared by their tests."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "examples" / "reproduction"


def run_quick(command, folder):
    """Run a command with ``--quick``, warnings being errors; return what it prints."""
    variables = {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / command), "--quick"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def read(path):
    """Return the records of a CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def records_of(command, folder):
    """Run a command with ``--quick`` and return the records of the CSV file of its name."""
    run_quick(command, folder)
    return read(folder / "quick" / command.replace(".py", ".csv"))


def check_figure(path):
    """Check that a figure is there, large enough, and not empty."""
    figure = matplotlib.image.imread(path)
    assert min(figure.shape[:2]) > 200
    assert len(np.unique(figure.reshape(-1, figure.shape[2]), axis=0)) > 20
