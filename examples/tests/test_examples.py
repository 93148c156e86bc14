"""Examples and benchmarks run as a reader would run them, with settings that take seconds."""

import itertools
import math
import re

import numpy as np
import pytest
from scripts import EXAMPLES, check_figure, read, run_script

MODELS = (
    "logistic regression",
    "k nearest neighbours",
    "histogram gradient boosting",
    "ReLU network",
    "tanh network, prefactor searched",
    "learned activation",
    "learned input functions",
    "all of these as candidates (default)",
)


def numbers_after(name, output):
    """Return the numbers of the table's line that starts with a name."""
    line = re.search(rf"^{re.escape(name)} .*$", output, re.MULTILINE)
    assert line, f"no line for {name!r} in:\n{output}"
    return [float(number) for number in line.group()[len(name) :].replace("±", " ").split()]


def test_comparison_prints_a_table_and_saves_a_figure(tmp_path):
    script = "plot_01_compare_with_trees.py"
    arguments = ("--quick", "--output", "functions.png")
    result = run_script(script, *arguments, folder=tmp_path)
    for name in MODELS:
        accuracy, complexity, seconds = numbers_after(name, result.stdout)
        assert 0.5 < accuracy <= 1
        assert math.isfinite(complexity) and complexity >= 0
        assert seconds >= 0
    assert result.stderr.count("split 1/1: ") == len(MODELS)
    check_figure(tmp_path / "functions.png")


@pytest.mark.parametrize(
    "script",
    sorted(
        path.name
        for path in EXAMPLES.glob("plot_*.py")
        if not re.search("_0[17]_", path.name)  # with tests of their own
    ),
)
def test_an_example_prints_finite_numbers_and_saves_a_figure(script, tmp_path):
    result = run_script(script, "--quick", "--output", "figure.png", folder=tmp_path)
    assert re.search(r"\d\.\d", result.stdout)
    assert not re.search(r"\b(nan|inf)\b", result.stdout)
    check_figure(tmp_path / "figure.png")


def test_neural_redshift_prints_effects_and_saves_a_figure(tmp_path):
    script = "plot_07_neural_redshift.py"
    arguments = ("--networks", "3", "--transformers", "2", "--steps", "2")
    arguments += ("--output", "redshift.png")
    result = run_script(script, *arguments, folder=tmp_path)
    for factor in ("weight_magnitude", "depth", "residual", "gate"):
        assert re.search(rf"^{factor} +tanh .*\[.*\]", result.stdout, re.MULTILINE)
    check_figure(tmp_path / "redshift.png")


@pytest.mark.slow
def test_networks_learn_best_what_is_as_complex_as_they_are_untrained(tmp_path):
    script = "plot_07_neural_redshift.py"
    result = run_script(script, "--networks", "2", "--transformers", "2", folder=tmp_path)
    # modulus, complexity of the target, nearest prefactor, best prefactor, test errors
    rows = re.findall(r"^ +(\d+) +([\d.]+) +(\d+) +(\d+)  ", result.stdout, re.MULTILINE)
    complexity, nearest, best = np.array(rows, dtype=float).T[1:]
    assert (np.diff(complexity) > 0).all()
    # The best prefactor grows with the target's complexity, and is the nearest one or beside it.
    assert (np.diff(best) >= 0).all() and best[-1] > best[0]
    assert (np.abs(np.log2(best / nearest)) <= 1).all()
    assert (best == nearest).sum() >= 3


def test_kernel_benchmark_prints_milliseconds_and_ratios(tmp_path):
    arguments = ("--quick", "--output", "kernel.csv")
    script = "benchmarks/bench_kernel.py"
    result = run_script(script, *arguments, folder=tmp_path)
    assert re.search(
        r"^cpu, 1 thread: .* \d+\.\d\d times as long as tanh", result.stdout, re.MULTILINE
    )
    rows = read(tmp_path / "kernel.csv")
    passes = [(row["functions"], row["pass"]) for row in rows[1:]]
    names = ("forward", "frozen", "knots", "double")
    every = itertools.product(("shared", "per layer", "per feature"), names)
    assert passes == [pair for pair in every if pair != ("per feature", "frozen")]
    assert all(float(row[name]) > 0 for row in rows for name in ("ms", "/ tanh", "MB", "MB relu"))


@pytest.mark.parametrize(
    ("script", "columns"),
    [
        ("bench_meta_step", ("outer ms", "outer/tanh", "MB")),
        ("bench_schedules", ("loss",)),
    ],
)
def test_benchmarks_of_learning_keep_their_numbers(script, columns, tmp_path):
    arguments = ("--quick", "--output", "table.csv")
    run_script(f"benchmarks/{script}.py", *arguments, folder=tmp_path)
    rows = read(tmp_path / "table.csv")
    assert rows
    assert all(float(row[name]) > 0 for row in rows for name in columns)


def test_the_cluster_finds_what_one_process_finds(tmp_path):
    pytest.importorskip("distributed")
    result = run_script("cluster_with_dask.py", "--rows", 120, folder=tmp_path)
    assert "same weights: True, same scores: True" in result.stdout
