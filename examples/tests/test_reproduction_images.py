"""The commands on images as they are run, with settings that take seconds, and their parts."""

import numpy as np
import pytest
import torch
from scripts import check_figure, records_of

from skibias import SplineActivation
from skibias.engine import networks
from skibias.functions.fixed import FixedActivation

# The commands.


def test_images_are_learned_on_and_measured(tmp_path):
    records = records_of("images.py", tmp_path)
    assert len(records) == 2 * 2 * (5 + 6) * 3  # sets, kinds, activations of both depths, seeds
    for record in records:
        assert 0 <= float(record["test"]) <= 1
        assert float(record["complexity"]) >= 0
        assert float(record["low"]) < float(record["high"])
        is_learned = record["activation"] not in ("ReLU", "GELU", "tanh(4z)")
        assert bool(record["to GELU"]) == bool(record["to ReLU"]) == is_learned
    easy = [float(own["test"]) for own in records if own["kind"] == "classification"]
    assert np.median(easy) > 0.5  # ten classes of digits
    check_figure(tmp_path / "quick" / "images.png")
    paths = sorted((tmp_path / "quick" / "activations").glob("*.json"))
    assert len(paths) == 2 * 2 * 2 * 2  # sets, kinds, depths, starts


def test_ablations_hold_every_line_of_the_tables(tmp_path):
    records = records_of("image_ablations.py", tmp_path)
    counts = {"ReLU": 1, "ReLU, 3 x steps": 1, "linear": 4, "nearest": 1, "cubic": 1}
    counts |= dict.fromkeys(("training data", "held-out data", "test data"), 2)
    for variant, n_restarts in counts.items():
        own = {(r["restart"], r["seed"]) for r in records if r["variant"] == variant}
        assert len(own) == 3 * n_restarts
    check_figure(tmp_path / "quick" / "image_ablations.png")
    names = [path.stem for path in (tmp_path / "quick" / "activations").glob("*.json")]
    assert sum("outer" in name for name in names) == 6
    assert len(names) == 10


def test_a_transfer_goes_on_where_it_was_ended(tmp_path):
    records = records_of("image_transfer.py", tmp_path)
    assert len(records) == 2 * 4 * 3  # sets, activations, seeds
    path = tmp_path / "quick" / "image_transfer.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-2]))
    activations = sorted((tmp_path / "quick" / "activations").glob("*.json"))
    times = [own.stat().st_mtime_ns for own in activations]
    assert records_of("image_transfer.py", tmp_path) == records
    assert [own.stat().st_mtime_ns for own in activations] == times
    check_figure(tmp_path / "quick" / "image_transfer.png")
    learned = tmp_path / "quick" / "activations" / "mnist_fashion_regression_zeros_depth1.json"
    assert SplineActivation.from_json(learned.read_text()).knots[-1] == 5


def test_tuning_looks_at_validation_rows_only(tmp_path):
    records = records_of("image_tuning.py", tmp_path)
    assert len(records) == 2 * 2 * 2 * 3  # sets, kinds, optimisers, rates
    assert "test" not in records[0]


def test_choices_look_at_validation_rows_only(tmp_path):
    records = records_of("image_choices.py", tmp_path)
    assert len(records) == 8 * 2 * 3  # choices, activations, seeds
    assert "test" not in records[0]


# Scales, targets and scores.


def test_scales_of_images(part):
    tasks, choices = part("image_tasks"), part("image_choices")
    images = tasks.load_images("fashion", tasks.QUICK)
    images = {name: choices.scaled(images, scale).train.X for name, scale in choices.SCALES.items()}
    assert (images["from -1 to 1"].min(), images["from -1 to 1"].max()) == (-1, 1)
    for name, spread in (("centred", 1), ("centred, halved", 0.5)):
        np.testing.assert_allclose(images[name].mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(np.sqrt((images[name] ** 2).mean()), spread, rtol=1e-5)


def test_class_numbers_are_spread_evenly_and_found_again(part):
    tasks = part("image_tasks")
    values = tasks.class_values(np.arange(10))
    np.testing.assert_allclose(np.diff(values), 2 / 9, rtol=1e-5)
    assert (values[0], values[-1]) == (-1, 1)
    moved = torch.as_tensor(values) + torch.tensor([-1, 1] * 5) * 0.99 / 9
    assert tasks.nearest_class(moved).tolist() == list(range(10))
    assert tasks.nearest_class(torch.tensor([-7.0, 7.0])).tolist() == [0, 9]


def test_hits_are_counted_for_values_and_for_logits(part):
    tasks = part("image_tasks")
    y = torch.tensor([0, 9, 4, 5])
    values = torch.tensor([[[-1.0], [0.8], [-0.2], [0.4]], [[-2.0], [2.0], [0.2], [0.2]]])
    assert tasks.hit_rates(values, y).tolist() == [0.5, 0.75]
    logits = torch.eye(10)[[0, 9, 4, 4]][None]
    assert tasks.hit_rates(logits, y).tolist() == [0.75]


def test_parts_of_a_set_share_no_image(part):
    tasks = part("image_tasks")
    images = tasks.load_images("mnist", tasks.QUICK)
    rows = [{row.tobytes() for row in own.X} for own in images]
    assert [len(own.y) for own in images[:3]] == list(tasks.QUICK[:3])
    assert not any(rows[i] & rows[j] for i in range(4) for j in range(i))


def test_every_second_pixel_is_kept_and_scaled(part):
    tasks = part("image_tasks")
    images = np.zeros((1, 4, 4), dtype=np.uint8)
    images[0, 2, 0], images[0, 1, 1] = 255, 77
    assert tasks._every_second_pixel(images, [3]).X.tolist() == [[0, 0, 1, 0]]


def test_networks_are_judged_at_their_own_best_step(part):
    tasks, stacks = part("image_tasks"), part("stacks")
    networks = [stacks.Network((FixedActivation("relu"),), seed, 0.1) for seed in (4, 5)]
    model = tasks.Model(None)
    scores = ((0, [0.1, 0.5]), (10, [0.3, 0.4]), (20, [0.3]))  # the second one has ended
    evaluations = [
        stacks.Evaluation(
            step,
            list(range(len(own))),
            {"accuracy": torch.tensor(own)},
            torch.full((len(own), 3), step),
            model,
        )
        for step, own in scores
    ]
    first, second = tasks._best_of(networks, evaluations)
    assert (first.seed, first.step, second.step) == (4, 10, 0)
    assert first.weights.tolist() == [10] * 3
    assert second.validation == 0.5


def test_a_network_ends_when_it_no_longer_improves(part):
    is_finished = part("image_tasks")._ends_after(2)
    scores = ([0.1, 0.5, 0.2], [0.2, 0.5, 0.1], [0.3, 0.4, 0.3], [0.3, 0.2], [0.3, 0.4])
    ended = [is_finished({"accuracy": torch.tensor(own)}).tolist() for own in scores]
    assert ended == [[False] * 3, [False] * 3, [False, True, False], [False] * 2, [True, False]]


def test_preactivations_are_those_of_all_hidden_layers(part):
    tasks = part("image_tasks")
    images = tasks.load_images("mnist", tasks.QUICK)
    setting = tasks.QUICK._replace(n_steps=1)
    task = tasks.Task("mnist", "regression", depth=2)
    (network,) = tasks.train_networks([FixedActivation("relu")], [0], task, images, setting)
    z = tasks.preactivations(network, images.test.X[:7])
    assert z.shape == (2 * 7 * setting.width,)
    matrix, bias = next(networks.unpack_layers(network.weights, network.model.architecture))
    first = torch.as_tensor(images.test.X[:7]) @ matrix + bias
    np.testing.assert_allclose(z[: 7 * setting.width], first.numpy().ravel(), rtol=1e-4, atol=1e-5)


# Shapes.


@pytest.mark.parametrize("slope", [-2.0, 0.7])
def test_a_moved_gelu_is_found_again(part, slope):
    shapes = part("image_shapes")
    z = np.linspace(-4, 4, 200)
    fit = shapes.fit_shape(shapes.gelu, z, -1.5 * shapes.gelu(slope * z + 0.4) + 2)
    assert fit.distance < 1e-6
    np.testing.assert_allclose(fit[1:], (-1.5, slope, 0.4, 2), rtol=1e-4)


def test_a_relu_is_nearer_to_relu_and_a_gelu_to_gelu(part):
    shapes = part("image_shapes")
    z = np.random.default_rng(0).normal(size=300)
    for own, other in ((shapes.gelu, shapes.relu), (shapes.relu, shapes.gelu)):
        heights = 3 * own(z - 0.2)
        near, far = (shapes.fit_shape(shape, z, heights) for shape in (own, other))
        assert near.distance < 1e-6 < 0.005 < far.distance


def test_no_gelu_is_steeper_than_allowed(part):
    shapes = part("image_shapes")
    z = np.linspace(-2, 2, 100)
    assert abs(shapes.fit_shape(shapes.gelu, z, shapes.gelu(9 * z)).slope) <= 3
    assert shapes.fit_shape(shapes.relu, z, np.full(100, 2.5)).distance < 1e-9


def test_the_distance_is_that_of_least_squares(part):
    shapes = part("image_shapes")
    z = np.linspace(-3, 3, 101)
    # By symmetry and orthogonality, the best fit of |z| beside a ReLU's line is not exact.
    fit = shapes.fit_shape(shapes.relu, z, np.abs(z))
    fitted = fit.scale * shapes.relu(fit.slope * z + fit.shift) + fit.offset
    assert fit.distance == pytest.approx(np.sqrt(np.mean((np.abs(z) - fitted) ** 2)))
    for slope, shift in ((1, -1), (1, 0), (1, 1), (-1, 1), (-2, 3)):
        design = np.stack([shapes.relu(slope * z + shift), np.ones_like(z)], axis=1)
        rest = np.abs(z) - design @ np.linalg.lstsq(design, np.abs(z), rcond=None)[0]
        assert fit.distance <= np.sqrt(np.mean(rest**2)) + 1e-9


def test_visited_points_follow_the_density(part):
    shapes = part("image_shapes")
    points = shapes.visited_points(np.repeat([0.0, 1.0, 99.0], [899, 100, 1]), 99)
    assert (points == 0).sum() == pytest.approx(89, abs=1)
    assert points.max() == 1


# Interpolation.


def test_interpolations_agree_at_the_knots(part):
    ablations = part("image_ablations")
    knots = np.linspace(-1, 1, 9)
    function = SplineActivation(knots, np.sin(7 * knots))
    nearest = ablations.NearestActivation(function).as_module(torch.float64)
    np.testing.assert_allclose(ablations.cubic_activation(function)(knots), function.values)
    np.testing.assert_allclose(nearest(torch.tensor(knots)).detach(), function.values)


def test_the_nearest_knot_gives_the_value_and_the_line_gives_the_slope(part):
    ablations = part("image_ablations")
    function = SplineActivation([0, 1, 2], [0, 1, 5])
    nearest = ablations.NearestActivation(function).as_module(torch.float64)
    z = torch.tensor([-3.0, 0.4, 0.6, 1.4, 1.6, 9.0], dtype=torch.float64, requires_grad=True)
    heights = nearest(z)
    np.testing.assert_allclose(heights.detach(), [0, 0, 1, 1, 5, 5])
    (slopes,) = torch.autograd.grad(heights.sum(), z)
    np.testing.assert_allclose(slopes, [0, 1, 1, 4, 4, 0])


def test_a_function_and_its_negative_are_drawn_alike(part):
    ablations = part("image_ablations")
    rising, falling = (
        SplineActivation([0, 1, 2], [0, 1, 5]),
        SplineActivation([0, 1, 2], [0, -1, -5]),
    )
    assert ablations.upright(rising) == ablations.upright(falling) == rising


def test_a_cubic_spline_stays_near_a_smooth_function(part):
    ablations = part("image_ablations")
    function = SplineActivation.from_function(np.sin, (-3, 3), 13)
    z = np.linspace(-2, 2, 101)
    linear, cubic = (
        np.abs(own(z) - np.sin(z)).max() for own in (function, ablations.cubic_activation(function))
    )
    assert cubic < linear / 10


# Records.


def test_gains_pair_records_with_their_baseline(part):
    records = part("image_records")
    baseline = [{"seed": "1", "test": "0.5"}, {"seed": "0", "test": "0.25"}]
    own = [{"seed": "0", "test": "0.5"}, {"seed": "1", "test": "0.4"}]
    np.testing.assert_allclose(records.gains(own, baseline, ("seed",)), [25, -10])


def test_the_correlation_is_one_of_ranks(part):
    records = part("image_records")
    pairs = zip((1, 2, 3, 100), (0.1, 0.2, 0.9, 0.95), strict=True)
    table = [{"complexity": str(own), "test": str(test)} for own, test in pairs]
    assert records.correlation(table)[0] == pytest.approx(1)


def test_the_best_restart_is_chosen_on_validation_rows(part):
    ablations = part("image_ablations")
    scores = ((0, 0.5, 0.9), (1, 0.7, 0.1), (2, 0.6, 0.9), (3, 0.1, 0.9))
    table = [
        {"variant": "linear", "restart": str(restart), "validation": str(own), "test": str(test)}
        for restart, own, test in scores
    ]
    assert ablations.best_restart(table) == 1
