"""The Hat activation against ReLU, and the optimization threshold."""

import csv
import math
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from scripts import check_figure, read, run_quick

from skibias import SplineActivation


@pytest.fixture
def hat(part):
    return part("hat")


@pytest.fixture
def optimization_threshold(part):
    return part("optimization_threshold")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def output_of(folder):
    """What the commands printed with --quick, by name."""
    results = {}
    for name in ("hat", "optimization_threshold"):
        results[name] = run_quick(f"{name}.py", folder)
    return results


@pytest.mark.parametrize(
    ("name", "activations"),
    [
        ("hat", ["waves_learned_from_zeros", "waves_learned_from_hat"]),
        ("optimization_threshold", ["linear_teacher"]),
    ],
)
def test_commands_leave_records_a_figure_and_activations(name, activations, output_of, folder):
    records = read(folder / "quick" / f"{name}.csv")
    column = "loss" if name == "hat" else "train loss"
    losses = [float(record[column]) for record in records]
    assert np.isfinite(losses).all() and min(losses) >= 0
    check_figure(folder / "quick" / f"{name}.png")
    for activation in activations:
        text = (folder / "quick" / "activations" / f"{activation}.json").read_text()
        assert np.abs(SplineActivation.from_json(text).values).max() > 0


def test_hat_measures_all_activations_at_the_best_rates(hat, output_of, folder):
    records = read(folder / "quick" / "hat.csv")
    rates = read(folder / "quick" / "hat_rates.csv")
    activations = {"waves": [*hat.FIXED, *hat.WAVES_ONLY, *hat.LEARNED], "digits": list(hat.FIXED)}
    for problem, names in activations.items():
        for optimizer in hat.OPTIMIZERS:
            for name in names:
                own = hat.select(records, problem, optimizer, name)
                assert {record["seed"] for record in own} == {"0", "1"}
                best = hat.best_rate(rates, problem, optimizer, name)
                assert {float(record["rate"]) for record in own} == {best}
                assert f"{problem:7} {optimizer:5} {name}" in output_of["hat"]


def test_hat_as_a_function_and_as_a_spline_are_the_same_network(hat, output_of, folder):
    records = read(folder / "quick" / "hat.csv")
    function, spline = (
        [float(record["loss"]) for record in hat.select(records, "waves", "sgd", name)]
        for name in ("hat", "hat spline")
    )
    np.testing.assert_allclose(spline, function, rtol=2e-3)


def test_threshold_command_measures_every_model(optimization_threshold, output_of, folder):
    records = read(folder / "quick" / "optimization_threshold.csv")
    last = optimization_threshold.last_step(records)
    for model in optimization_threshold.MODELS:
        own = optimization_threshold.select(records, model, last)
        assert {(record["samples"], record["seed"]) for record in own} == {
            (samples, seed) for samples in ("8", "64") for seed in ("0", "1")
        }
        assert f"{model}, 5 columns: threshold at" in output_of["optimization_threshold"]


@pytest.mark.parametrize("name", ["hat", "optimization_threshold"])
def test_commands_go_on_where_they_were_ended(name, output_of, folder, tmp_path):
    """The record that is missing is measured; the others count as done, whatever they say."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "quick" / f"{name}.csv"
    header, first, *lines = path.read_text().splitlines(keepends=True)
    forged = first.rsplit(",", 1)[0] + ",0.125\n"
    kept = "".join([header, forged, *lines[:-1]])
    path.write_text(kept)
    run_quick(f"{name}.py", tmp_path)
    after = path.read_text()
    assert after.startswith(kept)
    (measured,) = csv.reader(after.removeprefix(kept).splitlines())
    (expected,) = csv.reader(lines[-1:])
    assert measured[:5] == expected[:5]
    numbers = [float(cell) for cell in measured[5:] if cell]
    np.testing.assert_allclose(numbers, [float(cell) for cell in expected[5:] if cell], rtol=0.02)


def test_first_weights_may_be_scaled(optimization_threshold):
    from stacks import Training, train

    samples = optimization_threshold.draw_samples(5, 0)
    rows = optimization_threshold.make_rows(samples.X, samples.y)
    models = ("relu", "relu, usual start")
    networks = [optimization_threshold.network_of(model, 4, None) for model in models]
    training = Training((8,), n_steps=0, interval=1)
    (evaluation,) = train(networks, rows, training, lambda predict: {})
    small, usual = evaluation.weights
    torch.testing.assert_close(small, 0.001 * usual)
    assert usual.abs().max() > 0.1


def test_amplitudes_are_those_of_the_sines(hat):
    x = hat.wave_rows().inputs.flatten()
    first, third = hat.FREQUENCIES[0], hat.FREQUENCIES[2]
    values = 0.5 * torch.sin(np.pi * first * x) - 2 * torch.cos(np.pi * third * x) + 7
    result = hat.amplitudes(torch.stack([values, hat.wave_rows().targets.flatten()]), x)
    expected = torch.tensor([[0.5, 0.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


def test_waves_are_judged_by_their_residual(hat):
    rows = hat.wave_rows()
    missing = torch.sin(np.pi * hat.FREQUENCIES[1] * rows.inputs)
    scores = hat.judge_waves(lambda X: (rows.targets - missing)[None], rows)
    assert scores.pop("loss").item() == pytest.approx(0.5, abs=1e-5)
    errors = [own.item() for own in scores.values()]
    np.testing.assert_allclose(errors, [0, 1, 0, 0], atol=1e-5)


def test_digits_are_judged_by_the_nearest_class(hat):
    classes = np.arange(10)
    rows = hat.make_rows(np.zeros((10, 3)), hat.spread(classes))
    assert hat.nearest_class(rows.targets).flatten().tolist() == classes.tolist()
    outputs = rows.targets + torch.tensor([0.1] * 7 + [0.2] * 3)[:, None]  # half a class: 0.11
    scores = hat.judge_digits(lambda X: outputs[None], rows, rows)
    assert scores["test error"].item() == pytest.approx(0.2)  # the 9 has no neighbour above
    assert scores["loss"].item() == pytest.approx((7 * 0.01 + 3 * 0.04) / 10)


def test_best_rate_ignores_networks_that_diverged(hat):
    key = {"problem": "waves", "optimizer": "sgd", "activation": "hat"}
    losses = {"1.0": "nan", "0.5": "inf", "0.1": "0.2", "0.01": "0.3"}
    records = [key | {"rate": rate, "loss": loss} for rate, loss in losses.items()]
    records.append(key | {"activation": "relu", "rate": "7", "loss": "0.0"})
    assert hat.best_rate(records, "waves", "sgd", "hat") == 0.1


def test_kept_steps_are_spread_over_the_logarithms(hat):
    steps = sorted(hat.spaced_steps(8000, 20))
    assert steps[:2] == [0, 20] and steps[-1] == 8000
    assert all(step % 20 == 0 for step in steps)
    assert max(later / step for step, later in pairwise(steps[1:])) <= 2


def test_steps_to_learn_are_the_median_over_the_seeds(hat):
    errors = {"0": [1, 0.05, 0.5], "1": [1, 0.5, 0.09], "2": [1, 0.9, 0.8]}
    records = [
        {"seed": seed, "step": str(10 * number), "error 3": str(error)}
        for seed, own in errors.items()
        for number, error in enumerate(own)
    ]
    assert hat.steps_to_learn(records, 3) == 20
    assert hat.steps_to_learn(records[:3], 3) == 10
    assert hat.steps_to_learn(records[6:], 3) == math.inf


def test_steps_to_a_loss_are_those_of_the_median(hat):
    losses = {"0": [3, 1], "1": [3, 2], "2": [3, 9]}
    records = [
        {"seed": seed, "step": str(step), "loss": str(loss)}
        for seed, own in losses.items()
        for step, loss in enumerate(own)
    ]
    assert hat.curve(records, "loss") == [(0, 3, 3, 3), (1, 2, 1, 9)]
    assert hat.steps_to_loss(records, 2) == 1
    assert hat.steps_to_loss(records, 1.5) == math.inf
    assert hat.last_losses(records) == {"0": 1, "1": 2, "2": 9}


def test_linear_regression_of_a_line_without_noise(optimization_threshold):
    samples = optimization_threshold.draw_samples(40, 0)
    test = optimization_threshold.draw_samples(30, 1)
    exact = samples._replace(y=3 + 2 * samples.truth)
    on_train, on_test = optimization_threshold.linear_losses(exact, test)
    assert on_train == pytest.approx(0, abs=1e-20)
    assert on_test == pytest.approx(np.mean((3 + test.truth) ** 2))


def test_samples_are_those_of_the_teacher(optimization_threshold):
    samples = optimization_threshold.draw_samples(20_000, 0, n_columns=3)
    assert samples.X.shape == (20_000, 3)
    assert np.var(samples.y - samples.truth) == pytest.approx(0.25, rel=0.05)
    slopes, *_ = np.linalg.lstsq(samples.X, samples.truth, rcond=None)
    np.testing.assert_allclose(slopes, [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([0.0, 0.25, 0.75], 2**0.5 * 16),
        ([0.6, 0.9, 0.9], 8),
        ([0.0, 0.1, 0.2], math.inf),
        ([0.0, 0.9, 0.5], 8 * 2 ** (5 / 9)),
        ([0.6, 0.0, 1.0], 2**0.5 * 16),
    ],
)
def test_threshold_is_where_the_ratio_passes_one_half(ratios, expected, optimization_threshold):
    points = list(zip((8, 16, 32), ratios, strict=True))
    assert optimization_threshold.threshold(points) == pytest.approx(expected)
