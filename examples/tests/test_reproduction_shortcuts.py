"""The commands on shortcuts as they are run, with settings that take seconds, and their parts."""

import numpy as np
import torch
from scripts import check_figure, records_of

from skibias import SplineActivation


def check_outputs(folder, name, n_activations):
    """Check that there are a figure and the learned activations; return the files of these."""
    check_figure(folder / "quick" / f"{name}.png")
    paths = sorted((folder / "quick" / "activations").glob("*.json"))
    assert len(paths) == n_activations
    for path in paths:
        assert np.isfinite(SplineActivation.from_json(path.read_text()).values).all()
    return paths


def shares(records, column, **wanted):
    """Return the numbers of a column in the records of the last step with the wanted cells."""
    last = str(max(int(record["step"]) for record in records))
    wanted = {"step": last, **wanted}
    own = [record for record in records if all(record[key] == wanted[key] for key in wanted)]
    assert own
    return np.array([float(record[column]) for record in own])


# The commands.


def test_relu_takes_the_threshold_and_a_steep_sine_the_slabs(tmp_path):
    records = records_of("slabs.py", tmp_path)
    assert len(records) == 2 * (2 + 3 * 2) * 2 * 2  # cases, activations, seeds, evaluations
    relu = {"case": "5 slabs", "activation": "relu"}
    assert abs(shares(records, "linear random", **relu) - 0.5).max() < 0.05
    assert shares(records, "slabs random", **relu).min() > 0.95
    sine = {"case": "5 slabs", "activation": "sin", "prefactor": "16"}
    assert shares(records, "linear random", **sine).min() > 0.9
    check_outputs(tmp_path, "slabs", 2)


def test_colours_are_learned_where_they_always_tell_the_digit(tmp_path):
    records = records_of("colored_digits.py", tmp_path)
    assert len(records) == 2 * (2 + 2 * 2) * 2 * 3
    relu = {"activation": "relu"}
    always, often = (dict(relu, case=f"correlation {own}") for own in ("1", "0.9"))
    assert shares(records, "aligned", **always).min() > 0.9
    assert (shares(records, "colour", **always) > shares(records, "digit", **always)).all()
    assert (shares(records, "digit", **often) > shares(records, "digit", **always)).all()
    check_outputs(tmp_path, "colored_digits", 2)


def test_collages_without_the_simple_cue_are_told_by_the_complex_tile(tmp_path):
    records = records_of("collages.py", tmp_path)
    assert len(records) == (4 + 7) * 2 * 3  # activations without and with normalisation
    for spectral in ("no", "yes"):
        ceiling = {"activation": "ceiling", "spectral": spectral}
        assert shares(records, "test simple", **ceiling).max() < 0.2
        assert shares(records, "test complex", **ceiling).min() > 0.25
    relu = {"activation": "ReLU", "spectral": "yes"}
    assert shares(records, "test simple", **relu).min() > 0.3
    times = [path.stat().st_mtime_ns for path in check_outputs(tmp_path, "collages", 5)]

    path = tmp_path / "quick" / "collages.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))
    assert records_of("collages.py", tmp_path) == records
    assert [own.stat().st_mtime_ns for own in check_outputs(tmp_path, "collages", 5)] == times


# Their data.


def test_images_are_halved_in_grey(part):
    halve = part("collages").halve
    grey = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    images, labels = halve((grey, [3]))
    np.testing.assert_allclose(images * 255, [[[2.5, 4.5], [10.5, 12.5]]])
    assert labels == [3]
    colours = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    colours[..., 1] = 255
    np.testing.assert_allclose(halve((colours, [0]))[0], [[[0.587]]])


def test_only_left_tiles_change_places(part):
    shape = (2, 6)
    X = np.arange(20 * 12, dtype=np.float32).reshape(20, 12)
    kept = X.copy()
    changed = part("collages").with_random_left_tile(X, shape).reshape(-1, *shape)
    images = X.reshape(-1, *shape)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(changed[:, :, 3:], images[:, :, 3:])
    assert (changed[:, :, :3] != images[:, :, :3]).any()
    np.testing.assert_array_equal(np.sort(changed[:, 0, 0]), images[:, 0, 0])


def test_columns_are_centred_and_constant_ones_are_zero(part):
    collages = part("collages")
    X = np.array([[1.0, 5.0], [1.0, 7.0]])
    scaled = collages.make_scale(X)(X)
    width = np.sqrt(1 + collages.SOFTENING**2)
    np.testing.assert_allclose(scaled, [[0, -1 / width], [0, 1 / width]], rtol=1e-6)


def test_parts_of_collages_are_scaled_as_the_training_rows(part):
    collages = part("collages")
    cues, ceiling = collages.load("digits/turned", collages.QUICK)
    np.testing.assert_allclose(cues.train.inputs.mean(0), 0, atol=1e-5)
    assert list(cues.judged) == list(collages.JUDGED)
    assert {len(y) for _, y in cues.judged.values()} == {collages.QUICK.n_test}
    np.testing.assert_array_equal(cues.train.targets, ceiling.train.targets)


def test_the_dead_zone_is_flat_in_the_middle(part):
    function = part("collages").HAND_MADE["dead zone"]
    z = np.array([-20.0, -6.0, -3.0, 0.0, 6.0, 10.0])
    expected = 0.02 * z + 0.1 * np.sign(z) * np.maximum(np.abs(z) - 6, 0)
    np.testing.assert_allclose(function(z), expected, atol=1e-12)


# What is made of curves.


def make_curve(validation, test, tile="complex"):
    columns = f"validation {tile}", f"test {tile}"
    return [
        dict(zip(("step", *columns), (10.0 * number, *own), strict=True))
        for number, own in enumerate(zip(validation, test, strict=True))
    ]


def test_the_step_is_chosen_on_validation_rows(part):
    curves = [
        make_curve([0.1, 0.3, 0.2], [0.1, 0.25, 0.9]),
        make_curve([0.1, 0.4, 0.4], [0.1, 0.2, 0.5]),  # of equal ones, the first
    ]
    assert part("collages").chosen_and_last(curves, "complex") == ([0.25, 0.2], [0.9, 0.5])


def test_curves_are_put_in_order_and_together(part):
    cues = part("cues")
    rows = [("a", "1", "20", "0.5"), ("b", "0", "0", "0.9"), ("a", "1", "0", "0.1")]
    rows.append(("a", "0", "0", "0.2"))
    records = [dict(zip(("kind", "seed", "step", "share"), row, strict=True)) for row in rows]
    curves = cues.curves_of(records, ("kind",))
    assert [point["step"] for point in curves["a", 1]] == [0, 20]
    kinds = cues.kinds_of(curves)
    assert {kind: len(own) for kind, own in kinds.items()} == {("a",): 2, ("b",): 1}


def test_a_median_curve_comes_with_its_range(part):
    cues = part("cues")
    curves = [[{"step": 0, "x": own}, {"step": 5, "x": 1 - own}] for own in (0.1, 0.2, 0.9)]
    steps, numbers = cues.median_curve(curves, "x")
    assert steps == [0, 5]
    np.testing.assert_allclose(numbers, [[0.1, 0.1], [0.2, 0.8], [0.9, 0.9]])
    assert cues.percent([0.1, 0.2, 0.9]) == "20.0 (10.0-90.0)"


def test_networks_are_judged_on_every_set(part):
    cues = part("cues")
    rows = np.array([[1.0, 0.0], [0.0, 1.0]])
    data = cues.make_cues((rows, [0, 1]), {"own": (rows, [0, 1]), "other": (rows, [1, 1])})

    def both_ways(inputs):
        return torch.stack([inputs, -inputs])

    scores = cues.judge_on(data, both_ways)
    assert {name: own.tolist() for name, own in scores.items()} == {
        "own": [1.0, 0.0],
        "other": [0.5, 0.5],
    }


def test_learning_rates_are_divided_by_prefactors(part):
    contenders = part("sweeps").fixed_contenders("case", part("slabs").QUICK)
    rates = {kind[1:]: contender.learning_rate for kind, contender in contenders.items()}
    assert rates["relu", "1"] == rates["tanh", "1"] == 0.1
    assert rates["sin", "16"] == 0.1 / 16
