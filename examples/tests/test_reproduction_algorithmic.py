"""The commands about algorithmic tasks, and what they compute with."""

import numpy as np
import pytest
from scripts import check_figure, read, records_of, run_quick

from skibias import SplineActivation


@pytest.fixture
def algorithmic(part):
    return part("algorithmic")


@pytest.fixture
def grokking(part):
    return part("grokking")


@pytest.fixture
def transfer(part):
    return part("transfer")


def test_grokking_leaves_records_curves_functions_and_a_figure(tmp_path):
    output = run_quick("grokking.py", tmp_path)
    folder = tmp_path / "quick"
    steps = read(folder / "grokking_steps.csv")
    assert {record["part"] for record in steps} == {"search", "moduli", "scope"}
    assert {record["activation"] for record in steps} == {"relu", "gelu", "tanh", "learned"}
    assert all(0 <= float(record["best_test"]) <= 1 for record in steps)
    curves = read(folder / "grokking_curves.csv")
    assert {record["modulus"] for record in curves} == {"7", "27"}
    assert [int(own["step"]) for own in curves[:6]] == [0, 20, 40, 60, 80, 100]
    for record in read(folder / "grokking_sines.csv"):
        assert float(record["r2"]) <= 1 and float(record["frequency"]) > 0
        assert float(record["low"]) < float(record["high"])
    text = (folder / "activations" / "add_mod27.json").read_text(encoding="utf-8")
    assert np.ptp(SplineActivation.from_json(text).values) > 0  # it was learned from zeros
    late = read(folder / "grokking_late.csv")
    assert {record["activation"] for record in late} == {"relu", "learned"}
    assert [int(own["step"]) for own in late[:51]] == list(range(0, 102, 2))
    check_figure(folder / "grokking.png")
    check_figure(folder / "grokking_late.png")
    assert "best / learned" in output
    run_quick("grokking.py", tmp_path)  # goes on from what is there: nothing is left to do
    assert read(folder / "grokking_steps.csv") == steps
    assert read(folder / "grokking_curves.csv") == curves
    assert read(folder / "grokking_late.csv") == late


def test_ideal_sines_are_measured_once_each(tmp_path):
    records = records_of("ideal_sines.py", tmp_path)
    assert len({record["activation"] for record in records}) == len(records) == 5 * 6
    assert all(0 <= float(record["best_test"]) <= 1 for record in records)
    check_figure(tmp_path / "quick" / "ideal_sines.png")
    assert records_of("ideal_sines.py", tmp_path) == records


def test_an_ideal_sine_has_the_frequency_and_height_of_its_name(part):
    (function,) = part("ideal_sines").make_sines()["sine 26 0.04"]
    z = np.linspace(-0.9, 0.9, 1000)
    np.testing.assert_allclose(function(z), 0.04 * np.sin(26 * z), atol=0.04 * 0.02)


def test_transfer_leaves_cells_functions_and_a_figure(tmp_path):
    output = run_quick("transfer.py", tmp_path)
    folder = tmp_path / "quick"
    cells = read(folder / "transfer.csv")
    names = ["relu", "a+b mod 5", "a*b S4", "all mod5 S4"]
    expected = [(task, name) for task in ("a+b mod 5", "a*b S4") for name in names]
    assert [(record["task"], record["activation"]) for record in cells] == expected
    files = {path.name for path in (folder / "activations").iterdir()}
    assert files == {"add_mod5.json", "product_s4.json", "all_mod5_s4.json"}
    check_figure(folder / "transfer.png")
    assert "mean of those learned on one task" in output
    run_quick("transfer.py", tmp_path)
    assert read(folder / "transfer.csv") == cells


def test_parts_of_a_problem_are_disjoint_complete_and_always_the_same(algorithmic):
    problem = algorithmic.make_problem("a-b mod 7", 0.6)
    assert (len(problem.y), len(problem.y_test)) == (29, 20)
    pairs = np.concatenate([problem.X, problem.X_test])
    assert len(np.unique(pairs, axis=0)) == 49
    a, b = pairs[:, :7].argmax(1), pairs[:, 7:].argmax(1)
    results = np.concatenate([problem.y, problem.y_test])
    np.testing.assert_array_equal(results, (a - b) % 7)
    np.testing.assert_array_equal(problem.X, algorithmic.make_problem("a-b mod 7", 0.6).X)


def test_rates_are_in_proportion_to_the_number_of_outputs(algorithmic):
    small, large = (algorithmic.make_problem(f"a+b mod {modulus}") for modulus in (9, 45))
    assert algorithmic.scaled_rate(6, small) == 2
    assert algorithmic.scaled_rate(6, large) == 10
    assert algorithmic.scaled_rate(6, small, large) == 6


def test_every_task_has_a_file_of_its_own(algorithmic, transfer):
    names = [algorithmic.file_name(task) for task in transfer.list_algorithmic_tasks()]
    assert len(set(names)) == 22
    assert (names[0], names[-1]) == ("add_mod27", "conjugate_s5")


@pytest.mark.parametrize(
    ("test", "expected"), [([0, 0.9, 0.95, 0.2], 20), ([0, 0.5, 0.94, 0.2], None)]
)
def test_steps_to_reach_are_those_of_the_first_evaluation_there(algorithmic, test, expected):
    curve = algorithmic.Curve([0, 10, 20, 30], [1.0] * 4, test)
    assert curve.steps_to_reach == expected


def test_sine_fit_finds_frequency_phase_and_offset(algorithmic):
    z = np.random.default_rng(0).uniform(-1, 1, 500)
    frequencies = [1.0, 2.5, 4.0]
    exact = algorithmic.fit_sine(lambda z: 3 * np.sin(5 * np.pi * z + 1) - 2, z, frequencies)
    assert exact.frequency == 2.5
    assert exact.r2 == pytest.approx(1)
    noisy = algorithmic.fit_sine(
        lambda z: np.sin(8 * np.pi * z) + np.where(np.arange(500) % 2, 1, -1), z, frequencies
    )
    assert noisy.frequency == 4
    assert noisy.r2 == pytest.approx(1 / 3, abs=0.05)  # a variance of 1/2 beside one of 1


def record(activation, rate, decay, seed, steps, best_test=0.5, part="search"):
    names = ("activation", "learning_rate", "weight_decay", "seed", "steps", "best_test", "part")
    values = (activation, rate, decay, seed, steps, best_test, part)
    return dict(zip(names, map(str, values), strict=True))


def test_best_rates_have_the_fewest_median_steps_then_the_highest_accuracy(grokking):
    records = [
        *(record("relu", 10, 0.0, seed, steps) for seed, steps in enumerate((100, 900, ""))),
        *(record("relu", 5, 0.1, seed, steps) for seed, steps in enumerate((800, 810, 820))),
        *(record("relu", 1, 0.0, seed, steps) for seed, steps in enumerate((10, "", ""))),
        record("tanh", 1, 0.0, 0, "", 0.2),
        record("tanh", 2, 0.0, 0, "", 0.3),
        record("tanh", 3, 0.0, 0, "", 0.1),
        record("tanh", 1, 0.0, 0, 5, part="scope"),
    ]
    assert grokking.best_rates(records) == {"relu": (5.0, 0.1), "tanh": (2.0, 0.0)}
    assert grokking.plain_relu(records) == 900


def test_functions_are_learned_on_all_tasks_and_on_the_smaller_ones(transfer):
    small, large = ["a+b mod 27", "a*b S4"], ["a+b mod 53", "a*b S5"]
    assert transfer.joint_groups([*small, *large]) == [small, [*small, *large]]
    assert transfer.joint_groups(small) == [small]
    assert transfer.joint_groups([*small[:1], *large]) == [[*small[:1], *large]]


def test_scores_compare_steps_where_relu_gets_there_and_accuracies_elsewhere(transfer):
    steps = np.array([400.0, 100.0, np.inf])
    accuracies = np.array([0.95, 0.96, 0.5])
    np.testing.assert_allclose(transfer.row_scores(steps, accuracies, True), [0.25, 1, 0])
    easy, hard = "a+b mod 5", "a-b mod 5"
    cells = [(easy, "relu", 400, 0.95), (easy, "x", 100, 0.96)]
    cells += [(hard, "relu", "", 0.2), (hard, "x", 300, 0.8)]
    columns = ("task", "activation", "steps", "best_test")
    records = [dict(zip(columns, map(str, cell), strict=True)) for cell in cells]
    scores = transfer.score_matrix(records, [easy, hard], ["relu", "x"])
    np.testing.assert_allclose(scores, [[0.25, 1], [0.25, 1]])
