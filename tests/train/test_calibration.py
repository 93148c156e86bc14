"""Probabilities from the logits of networks: closed forms, and what held-out rows decide."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_iris, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss

from skibias import LearnedActivationMLPClassifier
from skibias._prepare.targets import class_encoding
from skibias._train.calibration import (
    TEMPERATURE_SPREAD,
    Calibration,
    fit_calibration,
    uncalibrated,
)


def logits_of(probabilities):
    return np.log(probabilities) + 3.0  # a constant per row changes nothing


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_smoothing_is_undone_exactly(smoothing, n_classes):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(n_classes), size=50)
    probabilities = 0.99 * probabilities + 0.01 / n_classes  # above what is given at least
    smoothed = (1 - smoothing) * probabilities + smoothing / n_classes
    found = uncalibrated(smoothing, 1000).probabilities(logits_of(smoothed))
    np.testing.assert_allclose(found, probabilities, rtol=1e-10)


def test_logits_beyond_what_smoothing_allows_give_one_over_the_rows():
    found = uncalibrated(0.1, 1000).probabilities(np.array([[0.0, 9.0]]))
    above = (1 / (1 + np.exp(-9)) - 0.05) / 0.9  # more than one
    np.testing.assert_allclose(found, [[0.001 / (above + 0.001), above / (above + 0.001)]])


def calibrated(factor, *, n_rows=20_000, smoothing=0.0, weights=None):
    """Fit to logits that are ``factor`` times those of the true probabilities."""
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(n_rows, 3)) * 2
    cumulated = softmax(logits, axis=1).cumsum(axis=1)
    classes = (generator.uniform(size=(n_rows, 1)) > cumulated).sum(axis=1)
    weights = np.ones(n_rows) if weights is None else weights
    return fit_calibration(factor * logits, classes, weights, uncalibrated(smoothing, n_rows))


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_is_that_of_the_logits(factor):
    assert calibrated(factor).temperature == pytest.approx(factor, rel=0.05)


def test_a_share_of_random_labels_is_found_again():
    generator = np.random.default_rng(2)
    n_rows = 20_000
    classes = generator.integers(4, size=n_rows)
    probabilities = np.full((n_rows, 4), 1e-4)
    probabilities[np.arange(n_rows), classes] = 1 - 3e-4
    is_random = generator.uniform(size=n_rows) < 0.3
    labels = np.where(is_random, generator.integers(4, size=n_rows), classes)
    found = fit_calibration(
        logits_of(probabilities), labels, np.ones(n_rows), uncalibrated(0, 10**5)
    )
    sureness = found.probabilities(logits_of(probabilities)).max(axis=1)
    assert sureness.mean() == pytest.approx(1 - 0.3 * 3 / 4, abs=0.01)


def test_few_rows_that_are_all_predicted_well_do_not_make_it_sure():
    logits = np.tile([[1.5, -1.5]], (5, 1))
    found = fit_calibration(logits, np.zeros(5, dtype=int), np.ones(5), uncalibrated(0.1, 33))
    assert np.exp(-TEMPERATURE_SPREAD) < found.temperature < 1
    assert 0.01 < found.probabilities(logits)[0, 1] < 0.05


def test_heavy_rows_decide():
    light = calibrated(1.0)
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(20_000, 3)) * 2
    right = np.zeros(20_000, dtype=bool)
    right[:10] = True  # of very great weight, and of the least probable class
    weights = np.where(right, 1e6, 1.0)
    classes = np.where(right, logits.argmin(1), logits.argmax(1))
    found = fit_calibration(logits, classes, weights, uncalibrated(0, 20_000))
    assert found.temperature > 5 * light.temperature


def test_a_mixture_lies_between_its_ways_and_the_order_of_the_classes_stays():
    logits = np.random.default_rng(0).normal(size=(1000, 4)) * 5
    calibration = Calibration(0.2, 0.001, temperature=0.4, shares=(0.5, 0.2, 0.3))
    probabilities = calibration.probabilities(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    ways = np.stack([np.broadcast_to(way, (1000, 4)) for way in calibration.ways(logits)])
    assert (ways.min(axis=0) <= probabilities + 1e-12).all()
    assert (probabilities <= ways.max(axis=0) + 1e-12).all()
    assert (probabilities.argmax(1) == logits.argmax(1)).all()


def test_outputs_begin_with_the_logits_of_smoothed_frequencies():
    y = np.repeat(["a", "b", "c"], [700, 200, 97])
    encoding = class_encoding(y, np.ones(997))
    np.testing.assert_allclose(encoding.frequencies, np.array([700, 200, 97]) / 997)
    start = softmax(encoding.start(0.3))
    np.testing.assert_allclose(start, 0.7 * encoding.frequencies + 0.1)
    balanced = class_encoding(np.arange(30) % 3, np.ones(30))
    np.testing.assert_allclose(balanced.start(0.1), 0, atol=1e-15)


@pytest.mark.parametrize("max_iter", [5, 100])
@pytest.mark.parametrize("rate", [50, 200, 1000])
def test_probabilities_of_a_rare_class_are_better_than_its_frequency(rate, max_iter):
    generator = np.random.default_rng(0)
    n_rows = 6000
    y = (generator.uniform(size=2 * n_rows) < 1 / rate).astype(int)
    X = generator.normal(size=(2 * n_rows, 4))
    X[y == 1, :2] += 1.5
    network = LearnedActivationMLPClassifier(
        (16,), activation="relu", input_activations=None, max_iter=max_iter, random_state=0
    )
    losses = [
        log_loss(y[n_rows:], model.fit(X[:n_rows], y[:n_rows]).predict_proba(X[n_rows:]))
        for model in (network, DummyClassifier(strategy="prior"))
    ]
    assert losses[0] < losses[1]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_column_without_information_leaves_the_frequencies(smoothing, early_stopping):
    y = np.repeat([0, 1, 2], [700, 200, 100])
    X = np.zeros((1000, 1))
    network = LearnedActivationMLPClassifier(
        (),
        input_activations=None,
        label_smoothing=smoothing,
        early_stopping=early_stopping,
        learning_rate=0.01,
        max_iter=60,
        random_state=0,
    )
    found = network.fit(X, y).predict_proba(X[:1])[0]
    np.testing.assert_allclose(found, [0.7, 0.2, 0.1], atol=0.035)


def test_predictions_are_the_most_probable_classes():
    X, y = make_classification(400, 6, n_informative=4, n_classes=3, flip_y=0.3, random_state=0)
    network = LearnedActivationMLPClassifier((16,), activation="tanh", max_iter=20, random_state=0)
    network.fit(X, y)
    probabilities = network.predict_proba(X)
    np.testing.assert_array_equal(network.predict(X), network.classes_[probabilities.argmax(1)])
    assert network.score(X, y) == (probabilities.argmax(1) == y).mean()


def test_probabilities_are_positive_however_sure_the_networks_are():
    X, y = load_iris(return_X_y=True)
    for smoothing in (0.0, 0.1):
        network = LearnedActivationMLPClassifier(
            (16,),
            activation="relu",
            input_activations=None,
            label_smoothing=smoothing,
            random_state=0,
        )
        probabilities = network.fit(X, y == 0).predict_proba(X)
        assert probabilities.min() > 0
        assert log_loss(y == 0, probabilities) < 0.1
