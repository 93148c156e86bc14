"""Break the engine's most important lines, one at a time, in a copy, and see a test fail.

`make mutations` runs all of it; a test alone would not say whether it protects its line.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TEST_FAILED = 1  # pytest's exit code; others mean that no test has run to its end


class Mutation(NamedTuple):
    """A line of the engine, what it becomes, and a test that must fail."""

    what: str
    file: str  # in skibias/engine
    old: str  # occurs once
    new: str
    test: str  # in tests/engine


MUTATIONS = [
    Mutation(
        "weights: a batch is not divided by its own",
        "losses.py",
        "return (row_losses * weights).mean(-1)",
        "return (row_losses * weights).sum(-1) / weights.sum(-1)",
        "test_engine_losses.py::test_a_batch_with_a_heavy_row_has_a_greater_loss",
    ),
    Mutation(
        "weights: rows that are drawn more often count less",
        "episodes.py",
        "return Draw(rows[drawn], own.mean() / own[drawn])",
        "return Draw(rows[drawn])",
        "test_engine_episodes.py::"
        "test_batches_drawn_by_chance_have_the_weighted_mean_and_no_row_counts_much",
    ),
    Mutation(
        "weights: shorter batches of a stack",
        "episodes.py",
        "factors[network, :n_rows] = own * (longest / n_rows)",
        "factors[network, :n_rows] = own",
        "test_engine_episodes.py::"
        "test_padding_of_shorter_batches_has_weight_zero_and_no_say_in_the_loss",
    ),
    Mutation(
        "spline evaluation: the cell of an argument",
        "splines.py",
        "offset = 1 - grid.low[trailing] * inverse_step",
        "offset = -grid.low[trailing] * inverse_step",
        "test_engine_splines.py::test_uniform_knots_equal_numpy_interp",
    ),
    Mutation(
        "knot gradient: through slope and intercept",
        "splines.py",
        "return Table(slope, height - slope * anchor)",
        "return Table(slope, height - slope.detach() * anchor)",
        "test_engine_splines.py::test_each_point_spreads_its_gradient_over_its_two_knots",
    ),
    Mutation(
        "double backward: refused where it would be wrong",
        "splines.py",
        "if torch.is_grad_enabled():",
        "if False:",
        "test_engine_splines.py::test_frozen_refuses_double_backward",
    ),
    Mutation(
        "meta-gradient: through the last steps",
        "metalearn.py",
        "cut = steps_kept == len(batches) - number",
        "cut = steps_kept == len(batches) - number + 1",
        "test_engine_meta_gradient.py::test_a_truncated_gradient_equals_that_of_a_graph_cut_by_hand",
    ),
    Mutation(
        "meta-gradient: through the networks' updates",
        "steps.py",
        "(gradient,) = torch.autograd.grad(losses.sum(), weights, create_graph=differentiable)",
        "gradient = torch.autograd.grad(losses.sum(), weights, create_graph=differentiable)[0]"
        ".detach()",
        "test_engine_meta_gradient.py::test_meta_gradient_equals_central_differences",
    ),
    Mutation(
        "staggered schedule: networks of different ages",
        "schedules.py",
        "ages = [settings.horizon * m // n_networks for m in range(n_networks)]",
        "ages = [0 for m in range(n_networks)]",
        "test_engine_schedules.py::test_networks_are_replaced_when_they_reach_the_horizon",
    ),
    Mutation(
        "outer step: clipping",
        "metalearn.py",
        "scale = (settings.max_norm / length.clamp(min=settings.max_norm)).clamp(max=1.0)",
        "scale = torch.ones_like(length)",
        "test_engine_schedules.py::test_episodic_steps_equal_algorithm_1",
    ),
    Mutation(
        "outer step: length per function",
        "metalearn.py",
        "length = gradient.flatten(1).norm(dim=1) / n_functions**0.5",
        "length = gradient.flatten(1).norm(dim=1)",
        "test_engine_schedules.py::test_a_normalised_step_has_the_same_length_per_function"
        "_whatever_the_gradient",
    ),
    Mutation(
        "outer step: normalisation",
        "metalearn.py",
        "scale = settings.max_norm / length.clamp(min=torch.finfo(length.dtype).tiny)",
        "scale = settings.max_norm / length.clamp(min=settings.max_norm)",
        "test_engine_schedules.py::test_a_normalised_step_has_the_same_length_per_function"
        "_whatever_the_gradient",
    ),
    Mutation(
        "initialisation: as torch.nn.Linear",
        "networks.py",
        "return (2 * uniform - 1) / segment.fan_in**0.5",
        "return (2 * uniform - 1) / segment.fan_in",
        "test_engine_networks.py::test_weights_are_drawn_as_torch_draws_those_of_linear_layers",
    ),
    Mutation(
        "spectral norm: the largest singular value",
        "networks.py",
        "torch.linalg.matrix_norm(torch.nan_to_num(matrix), 2, keepdim=True)",
        'torch.linalg.matrix_norm(torch.nan_to_num(matrix), "fro", keepdim=True)',
        "test_engine_networks.py::test_spectral_normalisation_makes_the_largest_singular_value_one",
    ),
    Mutation(
        "optimiser: RMSprop's running square",
        "optim.py",
        "square = torch.lerp(gradient * gradient, state[0], RMSPROP_DECAY)",
        "square = torch.lerp(state[0], gradient * gradient, RMSPROP_DECAY)",
        "test_engine_optim.py::test_twenty_steps_equal_those_of_torch",
    ),
    Mutation(
        "TV complexity: beside the straight line",
        "complexity.py",
        "return torch.sum((increments - line).abs(), dim=-1)",
        "return torch.sum(increments.abs(), dim=-1)",
        "test_engine_complexity.py::test_adding_a_line_changes_nothing",
    ),
]


def run_tests(folder: Path, tests) -> int:
    """Run tests in a copy of the repository; return pytest's exit code."""
    paths = [f"tests/engine/{test}" for test in tests]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *paths]
    return subprocess.run(command, cwd=folder, capture_output=True).returncode


def is_caught(mutation: Mutation, folder: Path) -> bool:
    """Whether the test fails with the mutation; the line's number and the answer are printed."""
    path = folder / "skibias/engine" / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        sys.exit(f"{mutation.file} must hold once: {mutation.old}")
    line = 1 + text[: text.index(mutation.old)].count("\n")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    caught = run_tests(folder, [mutation.test]) == TEST_FAILED
    path.write_text(text, encoding="utf-8")
    answer = "caught" if caught else "NOT CAUGHT"
    print(f"{answer}: {mutation.file}:{line} {mutation.what} ({mutation.test})", flush=True)
    return caught


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("skibias", "tests"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)
        if run_tests(folder, {mutation.test for mutation in MUTATIONS}) != 0:
            sys.exit("The tests fail before anything is broken.")
        caught = [is_caught(mutation, folder) for mutation in MUTATIONS]
    if not all(caught):
        sys.exit(f"{caught.count(False)} of {len(caught)} mutations were not caught.")


if __name__ == "__main__":
    main()
