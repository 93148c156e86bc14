"""Break the most important lines, one at a time, in a copy, and see a test fail.

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
    """A line of the package, what it becomes, and a test that must fail."""

    what: str
    file: str  # in skibias
    old: str  # occurs once
    new: str
    test: str  # in tests


MUTATIONS = [
    Mutation(
        "weights: a batch is not divided by its own",
        "engine/losses.py",
        "return (row_losses * weights).mean(-1)",
        "return (row_losses * weights).sum(-1) / weights.sum(-1)",
        "engine/test_engine_losses.py::test_a_batch_with_a_heavy_row_has_a_greater_loss",
    ),
    Mutation(
        "weights: rows that are drawn more often count less",
        "engine/episodes.py",
        "return Draw(rows[drawn], own.mean() / own[drawn])",
        "return Draw(rows[drawn])",
        "engine/test_engine_episodes.py::"
        "test_batches_drawn_by_chance_have_the_weighted_mean_and_no_row_counts_much",
    ),
    Mutation(
        "weights: shorter batches of a stack",
        "engine/episodes.py",
        "factors[network, :n_rows] = own * (longest / n_rows)",
        "factors[network, :n_rows] = own",
        "engine/test_engine_episodes.py::"
        "test_padding_of_shorter_batches_has_weight_zero_and_no_say_in_the_loss",
    ),
    Mutation(
        "spline evaluation: the cell of an argument",
        "engine/splines.py",
        "offset = 1 - grid.low[trailing] * inverse_step",
        "offset = -grid.low[trailing] * inverse_step",
        "engine/test_engine_splines.py::test_uniform_knots_equal_numpy_interp",
    ),
    Mutation(
        "knot gradient: through slope and intercept",
        "engine/splines.py",
        "return Table(slope, height - slope * anchor)",
        "return Table(slope, height - slope.detach() * anchor)",
        "engine/test_engine_splines.py::test_each_point_spreads_its_gradient_over_its_two_knots",
    ),
    Mutation(
        "double backward: refused where it would be wrong",
        "engine/splines.py",
        "if torch.is_grad_enabled():",
        "if False:",
        "engine/test_engine_splines.py::test_frozen_refuses_double_backward",
    ),
    Mutation(
        "meta-gradient: through the last steps",
        "engine/metalearn.py",
        "cut = steps_kept == len(batches) - number",
        "cut = steps_kept == len(batches) - number + 1",
        "engine/test_engine_meta_gradient.py::test_a_truncated_gradient_equals_that_of_a_graph_cut_by_hand",
    ),
    Mutation(
        "meta-gradient: through the networks' updates",
        "engine/steps.py",
        "(gradient,) = torch.autograd.grad(losses.sum(), weights, create_graph=differentiable)",
        "gradient = torch.autograd.grad(losses.sum(), weights, create_graph=differentiable)[0]"
        ".detach()",
        "engine/test_engine_meta_gradient.py::test_meta_gradient_equals_central_differences",
    ),
    Mutation(
        "staggered schedule: networks of different ages",
        "engine/schedules.py",
        "ages = [settings.horizon * m // n_networks for m in range(n_networks)]",
        "ages = [0 for m in range(n_networks)]",
        "engine/test_engine_schedules.py::test_networks_are_replaced_when_they_reach_the_horizon",
    ),
    Mutation(
        "outer step: clipping",
        "engine/metalearn.py",
        "scale = (settings.max_norm / length.clamp(min=settings.max_norm)).clamp(max=1.0)",
        "scale = torch.ones_like(length)",
        "engine/test_engine_schedules.py::test_episodic_steps_equal_algorithm_1",
    ),
    Mutation(
        "outer step: length per function",
        "engine/metalearn.py",
        "length = gradient.flatten(1).norm(dim=1) / n_functions**0.5",
        "length = gradient.flatten(1).norm(dim=1)",
        "engine/test_engine_schedules.py::test_a_normalised_step_has_the_same_length_per_function"
        "_whatever_the_gradient",
    ),
    Mutation(
        "outer step: normalisation",
        "engine/metalearn.py",
        "scale = settings.max_norm / length.clamp(min=torch.finfo(length.dtype).tiny)",
        "scale = settings.max_norm / length.clamp(min=settings.max_norm)",
        "engine/test_engine_schedules.py::test_a_normalised_step_has_the_same_length_per_function"
        "_whatever_the_gradient",
    ),
    Mutation(
        "initialisation: as torch.nn.Linear",
        "engine/networks.py",
        "return (2 * uniform - 1) / segment.fan_in**0.5",
        "return (2 * uniform - 1) / segment.fan_in",
        "engine/test_engine_networks.py::test_weights_are_drawn_as_torch_draws_those_of_linear_layers",
    ),
    Mutation(
        "spectral norm: the largest singular value",
        "engine/networks.py",
        "torch.linalg.matrix_norm(torch.nan_to_num(matrix), 2, keepdim=True)",
        'torch.linalg.matrix_norm(torch.nan_to_num(matrix), "fro", keepdim=True)',
        "engine/test_engine_networks.py::test_spectral_normalisation_makes_the_largest_singular_value_one",
    ),
    Mutation(
        "optimiser: RMSprop's running square",
        "engine/optim.py",
        "square = torch.lerp(gradient * gradient, state[0], RMSPROP_DECAY)",
        "square = torch.lerp(state[0], gradient * gradient, RMSPROP_DECAY)",
        "engine/test_engine_optim.py::test_twenty_steps_equal_those_of_torch",
    ),
    Mutation(
        "TV complexity: beside the straight line",
        "engine/complexity.py",
        "return torch.sum((increments - line).abs(), dim=-1)",
        "return torch.sum(increments.abs(), dim=-1)",
        "engine/test_engine_complexity.py::test_adding_a_line_changes_nothing",
    ),
    Mutation(
        "comparison: losses are relative to the weight of the validation rows",
        "_choose/comparison.py",
        ".mean(1) / comparison.validation_weight",
        ".mean(1)",
        "choose/test_comparison.py::test_losses_are_relative_to_the_weight_of_the_validation_rows",
    ),
    Mutation(
        "comparison: a candidate's learning rate is divided by its prefactor",
        "_choose/comparison.py",
        "comparison.plan.network.learning_rate / prefactors",
        "comparison.plan.network.learning_rate + 0 * prefactors",
        "choose/test_comparison.py::"
        "test_the_learning_rate_of_a_candidate_is_divided_by_its_prefactor",
    ),
    Mutation(
        "selection: what few rows were learned from does not rank it",
        "_choose/selection.py",
        "if plan.screens or plan.learns:",
        "if plan.screens:",
        "estimators/test_estimators.py::"
        "test_few_rows_that_learning_saw_do_not_rank_what_it_learned",
    ),
    Mutation(
        "validation rows weigh one in the mean",
        "_prepare/problem.py",
        "return rows._replace(weights=weights.to(rows.weights))",
        "return rows",
        "prepare/test_problem.py::test_validation_rows_weigh_one_in_the_mean",
    ),
    Mutation(
        "trained input functions: how far they have moved",
        "_train/fitted.py",
        "reader = encoder.after_training(INPUT_RATE * changes)",
        "reader = encoder.after_training(changes)",
        "prepare/test_encoders.py::"
        "test_the_functions_of_a_fit_are_the_start_and_what_training_has_changed",
    ),
    Mutation(
        "categories: a training row does not see its own target",
        "_prepare/target_means.py",
        "own, others = train[fold == number], train[fold != number]",
        "own, others = train[fold == number], train",
        "prepare/test_target_means.py::test_the_own_target_of_a_training_row_does_not_count",
    ),
    Mutation(
        "categories: levels are rare by weight",
        "_prepare/levels.py",
        "n_frequent = int(np.count_nonzero(shares >= MIN_LEVEL_ROWS))",
        "n_frequent = int(np.count_nonzero(np.bincount(known) >= MIN_LEVEL_ROWS))",
        "prepare/test_levels.py::test_rows_of_weight_two_count_like_two_rows",
    ),
    Mutation(
        "categories: an unknown label has the mean of the levels",
        "functions/supports.py",
        "unknown = self.shares @ own",
        "unknown = own[0]",
        "functions/test_supports.py::"
        "test_unknown_labels_have_the_mean_of_the_levels_by_their_shares",
    ),
    Mutation(
        "missing numbers: a module passes no NaN to a gradient",
        "functions/modules.py",
        "self._at_numbers(x.masked_fill(gaps, 0.0))",
        "self._at_numbers(x)",
        "functions/test_category_activation.py::"
        "test_the_module_of_a_spline_learns_the_value_for_missing_numbers",
    ),
]


def run_tests(folder: Path, tests) -> int:
    """Run tests in a copy of the repository; return pytest's exit code."""
    paths = [f"tests/{test}" for test in tests]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *paths]
    return subprocess.run(command, cwd=folder, capture_output=True).returncode


def is_caught(mutation: Mutation, folder: Path) -> bool:
    """Whether the test fails with the mutation; the line's number and the answer are printed."""
    path = folder / "skibias" / mutation.file
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
