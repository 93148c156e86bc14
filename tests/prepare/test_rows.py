"""Rows on their way to the engine: copies, weights, groups, and which are held out."""

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.utils.class_weight import compute_sample_weight

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
)
from skibias._prepare.rows import (
    WeightedRows,
    held_out_rows,
    hold_out,
    in_canonical_order,
    row_hashes,
)
from skibias._prepare.targets import TableData, encoded_rows, value_encoding

LINEAR = {"hidden_layer_sizes": (), "input_activations": None}
NARROW = {"hidden_layer_sizes": (32,), "activation": "relu", "input_activations": None}
FAST = {"activation": "tanh", "prefactor": 4, "input_activations": None, "learning_rate": 0.01}
QUICK_LEARNER = ActivationLearner(
    n_outer_steps=5, n_restarts=2, horizon=10, hidden_layer_sizes=(8,), n_knots=9
)


def rows_of(y, weights=None, groups=None):
    y = np.asarray(y)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    return WeightedRows(np.arange(len(y))[:, None], y, weights / weights.mean(), groups)


# Order


def test_the_order_does_not_depend_on_the_one_that_rows_came_in():
    generator = np.random.default_rng(0)
    X = generator.integers(4, size=(200, 3)).astype(float)
    y, weights = generator.integers(2, size=(200, 2)).astype(float), generator.uniform(size=200)
    order = generator.permutation(200)
    rows = WeightedRows(X, y, weights, groups=generator.integers(5, size=200))
    one, other = in_canonical_order(rows), in_canonical_order(rows.take(order))
    for part, own in zip(one, other, strict=True):
        np.testing.assert_array_equal(part, own)
    assert sorted(one.weights) == sorted(weights)


def test_rows_that_share_a_hash_are_all_kept():
    first = np.arange(200.0)
    hashes = row_hashes([first])
    # The second column undoes what the first one did to the hash.
    second = (hashes ^ hashes[0]).view(np.float64)
    X = np.c_[first, second][np.isfinite(second)]
    assert len(X) > 100
    y, weights = np.zeros(len(X)), np.ones(len(X))
    assert len(np.unique(row_hashes(list(X.T)))) == 1
    ordered = in_canonical_order(WeightedRows(X, y, weights))
    assert sorted(ordered.X[:, 0]) == sorted(X[:, 0])


@pytest.mark.parametrize("kind", [LearnedActivationMLPClassifier, LearnedActivationMLPRegressor])
def test_a_table_gives_the_same_fit_in_any_order(kind):
    generator = np.random.default_rng(0)
    X = generator.integers(3, size=(300, 2)).astype(float)
    y, weights = generator.integers(3, size=300), generator.uniform(0.5, 2, size=300)
    order = generator.permutation(300)
    model = kind((8,), activation="tanh", max_iter=3, random_state=0, device="cpu")
    one = model.fit(X, y, weights).weights_
    np.testing.assert_array_equal(one, model.fit(X[order], y[order], weights[order]).weights_)


# Copies


def noisy_cells(n_rows, seed, sizes=(2, 3, 4)):
    """Return rows of few distinct values, labels, and each one's probability, its cell's own."""
    share = np.random.default_rng(99).uniform(0.05, 0.95, size=sizes)
    generator = np.random.default_rng(seed)
    X = np.stack([generator.integers(size, size=n_rows) for size in sizes], axis=1).astype(float)
    cells = share[tuple(X.astype(int).T)]
    return X, (generator.uniform(size=n_rows) < cells).astype(int), cells


def test_noisy_labels_of_few_distinct_rows_are_learned_as_well_as_by_a_forest():
    X, y, _ = noisy_cells(6000, seed=0)
    network = LearnedActivationMLPClassifier(
        (64,),
        activation="relu",
        input_activations="learned",
        learner=QUICK_LEARNER,
        learning_rate=0.01,
        random_state=0,
    )
    models = network, RandomForestClassifier(random_state=0)
    scores = [model.fit(X[:3000], y[:3000]).score(X[3000:], y[3000:]) for model in models]
    assert scores[0] > scores[1] - 0.02


def test_copies_are_rows_for_batches_and_held_out_rows():
    X, y, _ = noisy_cells(4000, seed=0)
    model = LearnedActivationMLPClassifier(**NARROW, max_iter=2, n_estimators=1, random_state=0)
    model.fit(X, y)
    assert model.history_[0]["train_batch_count"] == round(3400 / 256)
    held_out = model.best_validation_score_ * 600
    assert held_out == pytest.approx(round(held_out))


@pytest.mark.parametrize("is_classification", [True, False])
def test_copies_give_what_rows_beside_one_another_give(is_classification):
    X, y, cells = noisy_cells(4000, seed=1)
    beside = X + 1e-6 * np.random.default_rng(0).normal(size=X.shape)
    kind = LearnedActivationMLPClassifier if is_classification else LearnedActivationMLPRegressor
    errors = []
    for columns in (X, beside):
        model = kind((64,), **FAST, random_state=0).fit(columns, y)
        predicted = model.predict_proba(X)[:, 1] if is_classification else model.predict(X)
        errors.append(np.abs(predicted - cells).mean())
    assert errors[0] < errors[1] + 0.02
    assert errors[0] < 0.08


def test_a_table_that_comes_twice_is_like_itself():
    X, y = make_classification(400, 4, random_state=0)
    model = LearnedActivationMLPClassifier(**NARROW, max_iter=10, random_state=0)
    once = model.fit(X, y).predict_proba(X)[:, 1]
    twice = model.fit(np.r_[X, X], np.r_[y, y]).predict_proba(X)[:, 1]
    assert np.abs(once - twice).mean() < 0.1


def test_counts_with_many_zeros_are_learned():
    generator = np.random.default_rng(0)
    X = generator.poisson(0.5, size=(3000, 2)).astype(float)
    rate = np.exp(0.5 * X[:, 0] - 0.3 * X[:, 1])
    y = generator.poisson(rate).astype(float)
    predicted = LearnedActivationMLPRegressor(**NARROW, random_state=0).fit(X, y).predict(X)
    assert ((predicted - rate) ** 2).mean() < 0.3 * rate.var()
    assert predicted.mean() == pytest.approx(rate.mean(), rel=0.05)


# Weights


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_only_ratios_of_weights_matter_whatever_their_size(scale):
    rows, _ = encoded_rows(TableData(np.eye(3), np.arange(3), scale * np.array([1.0, 2, 3])), True)
    np.testing.assert_allclose(sorted(rows.weights), [0.5, 1.0, 1.5])


def test_weights_equal_copies_exactly_where_no_row_is_held_out_and_a_batch_holds_all():
    X, y = load_iris(return_X_y=True)
    X, y = X[::5], y[::5]
    repeats = np.random.default_rng(0).integers(0, 5, len(X))
    model = LearnedActivationMLPClassifier(
        **NARROW,
        scaling="minmax",
        early_stopping=False,
        batch_size=1000,
        max_iter=50,
        random_state=0,
    )
    kept = repeats > 0
    weighted = model.fit(X[kept], y[kept], repeats[kept]).decision_function(X)
    repeated = model.fit(np.repeat(X, repeats, 0), np.repeat(y, repeats)).decision_function(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
def test_balanced_weights_of_a_rare_class_count_in_full(optimizer):
    y = (np.arange(4000) < 8).astype(int)
    X = np.random.default_rng(0).normal(size=(4000, 2))
    X[y == 1, 0] += 1
    weights = compute_sample_weight("balanced", y)
    model = LearnedActivationMLPClassifier(
        **LINEAR,
        early_stopping=False,
        label_smoothing=0,
        optimizer=optimizer,
        learning_rate=0.05 if optimizer == "sgd" else 0.001,
        random_state=0,
    )
    logistic = LogisticRegression().fit(X, y, weights).predict_proba(X)[:, 1].mean()
    found = model.fit(X, y, weights).predict_proba(X)[:, 1].mean()
    assert found == pytest.approx(logistic, abs=0.03)


@pytest.mark.parametrize("heavy", [100.0, 10_000.0])
@pytest.mark.parametrize("is_classification", [True, False])
def test_labels_of_equal_rows_count_by_their_weight(heavy, is_classification):
    """Without any information in X, what is predicted is the weighted mean."""
    generator = np.random.default_rng(0)
    y = generator.integers(2, size=2000)
    weights = np.where(generator.uniform(size=2000) < 0.01, heavy, 1.0)
    y[weights > 1] = (np.arange((weights > 1).sum()) % 4 == 0).astype(int)
    kind = LearnedActivationMLPClassifier if is_classification else LearnedActivationMLPRegressor
    model = kind(**LINEAR, learning_rate=0.01, max_iter=40, early_stopping=False, random_state=0)
    model.fit(np.zeros((2000, 1)), y, weights)
    found = model.predict_proba([[0.0]])[0, 1] if is_classification else model.predict([[0.0]])[0]
    assert found == pytest.approx(np.average(y, weights=weights), abs=0.05)


def test_regression_with_heavy_rows_equals_weighted_least_squares():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(2000, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.1 * generator.normal(size=2000)
    y[:20] += 3.0 * X[:20, 0]  # another law where rows are heavy
    weights = np.where(np.arange(2000) < 20, 200.0, 1.0)
    model = LearnedActivationMLPRegressor(
        **LINEAR, scaling="standard", learning_rate=0.003, early_stopping=False, random_state=0
    )
    expected = LinearRegression().fit(X, y, weights).predict(X)
    assert np.abs(model.fit(X, y, weights).predict(X) - expected).mean() < 0.15


@pytest.mark.parametrize("kind", [LearnedActivationMLPClassifier, LearnedActivationMLPRegressor])
def test_fits_with_one_very_heavy_row_are_stable(kind):
    X, y = make_classification(300, 4, flip_y=0.0, class_sep=2.0, random_state=0)
    weights = np.where(np.arange(300) == 7, 1e6, 1.0)
    model = kind((16,), learner=QUICK_LEARNER, max_iter=20, random_state=0).fit(X, y, weights)
    assert np.isfinite(model.predict(X)).all()
    assert model.predict(X[7:8])[0] == pytest.approx(y[7], abs=0.3)
    assert np.isfinite(model.candidates_["validation_score"]).any()


@pytest.mark.parametrize("kind", [LearnedActivationMLPClassifier, LearnedActivationMLPRegressor])
def test_a_row_beside_which_others_are_nothing_does_not_break_a_fit(kind):
    X, y = make_classification(200, 4, random_state=0)
    weights = np.where(np.arange(200) == 7, 1e200, 1.0)
    model = kind((8,), activation="tanh", max_iter=3, random_state=0).fit(X, y, weights)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.best_validation_score_)


def test_learned_functions_take_heavy_rows_too():
    X, y = make_classification(300, 3, n_informative=3, n_redundant=0, random_state=0)
    weights = np.where(np.arange(300) < 3, 1e4, 1.0)
    function = QUICK_LEARNER.learn(X, y, weights)
    assert np.isfinite(function.values).all()
    transformer = IAFTransformer(QUICK_LEARNER, n_channels=2, random_state=0).fit(X, y, weights)
    assert np.isfinite(transformer.transform(X)).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_held_out_rows_count_where_all_weigh_the_same_and_losses_where_not(weighted):
    X, y = make_classification(400, 4, flip_y=0.2, random_state=0)
    weights = np.random.default_rng(0).uniform(0.1, 30, size=400) if weighted else None
    model = LearnedActivationMLPClassifier((8,), learner=QUICK_LEARNER, max_iter=3, random_state=0)
    model.fit(X, y, weights)
    judged = [epoch["valid_error"] for epoch in model.history_]
    if weighted:  # the mean over networks of their losses is above that of their mean outputs
        losses = [epoch["valid_loss"] for epoch in model.history_]
        assert all(own <= loss < 2 for own, loss in zip(judged, losses, strict=True))
        assert np.nanmax(-model.candidates_["validation_score"]) < 2
    else:
        shares = np.array(judged) * 60
        np.testing.assert_allclose(shares, np.round(shares), atol=0.02)
    assert 0.5 < model.best_validation_score_ <= 1


@pytest.mark.parametrize("factor", [3.0, 0.1, 1e-6, 1 / 7])
def test_a_factor_on_all_weights_changes_nothing(factor):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(600, 4))
    y, weights = (X[:, 0] > 0).astype(int), generator.uniform(0.1, 3, size=600)
    model = LearnedActivationMLPClassifier(**NARROW, max_iter=3, random_state=0)
    one = model.fit(X, y, weights).weights_
    np.testing.assert_array_equal(model.fit(X, y, factor * weights).weights_, one)


@pytest.mark.parametrize("is_classification", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_few_heavy_rows_do_not_stop_training_before_it_has_begun(is_classification, seed):
    """As their copies would, they stand on both sides of the split."""
    generator = np.random.default_rng(seed)
    X = np.repeat([[0.0, 0], [0, 1], [1, 0], [1, 1]], 50, axis=0)
    y = generator.integers(2, size=200)
    weights = np.where(generator.random(200) < 0.1, 10_000, 1)
    kind = LearnedActivationMLPClassifier if is_classification else LearnedActivationMLPRegressor
    model = kind((32, 32), activation="relu", input_activations=None, random_state=0)
    model.fit(X, y, weights)
    shares = [np.average(y[i : i + 50], weights=weights[i : i + 50]) for i in (0, 50, 100, 150)]
    found = model.predict_proba(X[::50])[:, 1] if is_classification else model.predict(X[::50])
    np.testing.assert_allclose(found, shares, atol=0.1)


def test_balanced_weights_with_early_stopping_are_like_those_of_a_linear_model():
    generator = np.random.default_rng(2)
    X = generator.normal(size=(12_000, 3))
    chance = 1 / (1 + np.exp(-(X @ [1.5, -1, 0] + np.log(1 / 100) - 1)))
    y = (generator.random(12_000) < chance).astype(int)
    train, weights = slice(3000), compute_sample_weight("balanced", y)
    network = LearnedActivationMLPClassifier(**LINEAR, random_state=0)
    models = network, LogisticRegression()
    losses = [
        log_loss(
            y[3000:],
            model.fit(X[train], y[train], weights[train]).predict_proba(X[3000:]),
            sample_weight=weights[3000:],
        )
        for model in models
    ]
    assert losses[0] < losses[1] + 0.05


def test_one_network_with_weights_is_judged_by_its_log_loss():
    X, y = make_classification(400, 4, flip_y=0.2, random_state=0)
    weights = np.random.default_rng(0).uniform(0.1, 30, size=400)
    model = LearnedActivationMLPClassifier(**NARROW, n_estimators=1, max_iter=3, random_state=0)
    for epoch in model.fit(X, y, weights).history_:
        assert epoch["valid_error"] == pytest.approx(epoch["valid_loss"], rel=1e-6)


# Classes without weight


def test_a_class_without_weight_stays_a_class_that_is_hardly_predicted():
    X, y = load_iris(return_X_y=True)
    model = LearnedActivationMLPClassifier((16,), **FAST, random_state=0)
    model.fit(X, y, sample_weight=(y != 2).astype(float))
    assert model.classes_.tolist() == [0, 1, 2]
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (150, 3)
    assert probabilities[:, 2].mean() < 0.05
    assert set(model.predict(X)) == {0, 1}


def test_a_single_class_of_positive_weight_is_predicted():
    X, y = load_iris(return_X_y=True)
    model = LearnedActivationMLPClassifier((16,), activation="tanh", max_iter=20, random_state=0)
    model.fit(X, y, sample_weight=(y == 1).astype(float))
    assert (model.predict(X) == 1).all()


# Constant targets


@pytest.mark.parametrize("value", [0.0, 1e-6, -3.0, 1e200, 1 / 3, 1e-310])
def test_a_constant_target_is_predicted_exactly(value):
    X, _ = load_iris(return_X_y=True)
    model = LearnedActivationMLPRegressor(**NARROW, max_iter=3, random_state=0)
    predicted = model.fit(X, np.full(150, value)).predict(X)
    np.testing.assert_array_equal(predicted, value)


def test_one_constant_output_leaves_the_others_alone():
    X, _ = load_iris(return_X_y=True)
    y = np.column_stack([np.full(150, 0.1), X[:, 0]])
    predicted = LearnedActivationMLPRegressor(**NARROW, random_state=0).fit(X, y).predict(X)
    np.testing.assert_array_equal(predicted[:, 0], 0.1)
    assert np.corrcoef(predicted[:, 1], y[:, 1])[0, 1] > 0.9


@pytest.mark.parametrize(("offset", "step"), [(1e15, 1.0), (1.7e18, 2048.0), (0.0, 1e-300)])
def test_a_target_that_varies_little_is_no_constant(offset, step):
    X = np.random.default_rng(0).normal(size=(120, 3))
    y = offset + step * (X[:, 0] > 0)
    model = LearnedActivationMLPRegressor(**NARROW, random_state=0).fit(X, y)
    found = (model.predict(X) - offset) / step
    assert np.corrcoef(found, X[:, 0] > 0)[0, 1] > 0.5


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_values_of_any_size_are_standardised(unit):
    encoding = value_encoding(unit * np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(encoding.mean, [3.75 * unit])
    np.testing.assert_allclose(encoding.scale, [np.sqrt(5.1875) * unit])


# Held-out rows


@pytest.mark.parametrize("n_classes", [1, 2, 7, 100])
@pytest.mark.parametrize("fraction", [0.05, 0.15, 0.5])
def test_as_many_rows_are_held_out_as_asked_for_however_small_the_classes(n_classes, fraction):
    y = np.arange(300) % n_classes
    for seed in range(5):
        train, held_out = held_out_rows(rows_of(y), fraction, seed, stratify=True)
        assert len(held_out) == round(300 * fraction)
        assert sorted([*train, *held_out]) == list(range(300))
        counts = np.bincount(y[held_out], minlength=n_classes)
        assert counts.max() - counts.min() <= 1
        assert set(y[train]) == set(y)


def test_the_only_row_of_a_class_is_not_held_out():
    y = np.r_[np.zeros(20, dtype=int), 1, 2]
    for seed in range(20):
        train, held_out = held_out_rows(rows_of(y), 0.5, seed, stratify=True)
        assert len(held_out) == 11
        assert set(y[train]) == {0, 1, 2}


@pytest.mark.parametrize("y", [[0, 1], [0, 0], [0, 1, 2, 3], [0, 0, 1]])
@pytest.mark.parametrize("fraction", [0.001, 0.5, 0.999])
def test_very_few_rows_leave_one_on_either_side(y, fraction):
    train, held_out = held_out_rows(rows_of(y), fraction, 0, stratify=True)
    assert len(train) >= 1 and len(held_out) >= 1
    assert sorted([*train, *held_out]) == list(range(len(y)))


def test_every_row_is_held_out_as_often_as_any_other():
    y = np.repeat([0, 1, 2], [5, 20, 35])
    counts = np.zeros(60)
    for seed in range(2000):
        counts[held_out_rows(rows_of(y), 0.2, seed, stratify=True)[1]] += 1
    assert np.abs(counts / 2000 - 0.2).max() < 0.05


def test_other_seeds_hold_out_other_rows_whatever_they_weigh():
    weights = np.random.default_rng(0).uniform(0.5, 2, size=200)
    rows = rows_of(np.zeros(200, dtype=int), weights)
    parts = {tuple(held_out_rows(rows, 0.15, seed, stratify=False)[1]) for seed in range(50)}
    assert len(parts) == 50


def test_heavy_rows_are_held_out_in_their_share():
    weights = np.r_[np.ones(180), np.full(20, 100.0)]
    for seed in range(10):
        _, held_out = held_out_rows(rows_of(np.zeros(200), weights), 0.15, seed, stratify=False)
        assert weights[held_out].sum() / weights.sum() == pytest.approx(0.15, abs=0.06)


def test_very_heavy_rows_are_divided_and_those_of_a_rare_class_are_not():
    y, weights = np.arange(300) % 2, np.ones(300)
    weights[:4] = 1000.0
    for seed in range(5):
        rows, train, held_out = hold_out(rows_of(y, weights), 0.15, seed, stratify=True)
        assert len(rows.X) == 304 and set(range(4)) <= set(train)
        assert set(rows.X[held_out, 0]) >= set(range(4))
        assert rows.weights.mean() == pytest.approx(1)
        parts = [rows.weights[part][rows.weights[part] > 1] for part in (train, held_out)]
        assert [len(part) for part in parts] == [4, 4]
        assert parts[1].sum() / (parts[0].sum() + parts[1].sum()) == pytest.approx(0.15)
    rare = (np.arange(300) < 6).astype(int)
    balanced = compute_sample_weight("balanced", rare)
    assert len(hold_out(rows_of(rare, balanced), 0.15, 0, stratify=True).rows.X) == 300


def test_a_table_of_one_light_row_beside_a_heavy_one_is_fitted():
    for weights in ([1.0, 1e9], [1e9, 1e9, 1.0], [1.0, 1e-300]):
        X, y = np.arange(len(weights), dtype=float)[:, None], np.arange(len(weights)) % 2
        model = LearnedActivationMLPClassifier(**NARROW, max_iter=3, random_state=0)
        assert np.isfinite(model.fit(X, y, weights).predict_proba(X)).all()


def test_many_small_classes_are_scored_on_many_rows():
    y = np.repeat(np.arange(60), 3)
    X = np.random.default_rng(0).normal(size=(60, 5))[y]
    model = LearnedActivationMLPClassifier(**NARROW, max_iter=5, random_state=0).fit(X, y)
    n_held_out = model.best_validation_score_ * 27
    assert n_held_out == pytest.approx(round(n_held_out))


# Groups


def grouped():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 5)
    X = generator.normal(size=(150, 3)) + generator.normal(size=(30, 1))[groups]
    return X, (X[:, 0] > 0).astype(int), groups


def test_whole_groups_are_held_out():
    _, y, groups = grouped()
    for seed in range(10):
        rows = rows_of(y, groups=groups)
        train, held_out = held_out_rows(rows, 0.15, seed, stratify=True)
        assert not set(groups[train]) & set(groups[held_out])
        assert abs(len(held_out) - 0.15 * 150) <= 5


class RecordingGroupKFold(GroupKFold):
    """Keeps the groups that it is given."""

    seen: list = []

    def split(self, X, y=None, groups=None):
        self.seen.append(groups)
        yield from super().split(X, y, groups)


@pytest.mark.parametrize("validation", [GroupKFold(3), 3, 0.3])
@pytest.mark.parametrize("names", [False, True])
def test_groups_reach_the_splits_of_learning(validation, names):
    X, y, groups = grouped()
    if names:
        groups = np.array([f"patient {number}" for number in groups], dtype=object)
    learner = ActivationLearner(
        validation=validation, n_outer_steps=3, n_restarts=1, horizon=5, random_state=0
    )
    function = learner.learn(X, y, groups=groups)
    assert len(function.knots) == 50
    other = learner.learn(X, y, groups=np.roll(groups, 2))
    assert function != other
    model = LearnedActivationMLPClassifier((8,), learner=learner, max_iter=2, random_state=0)
    model.fit(X, y, groups=groups)
    IAFTransformer(learner).fit(X, y, groups=groups)


def test_a_splitter_sees_the_groups_of_the_rows_it_splits():
    X, y, groups = grouped()
    splitter = RecordingGroupKFold(3)
    splitter.seen.clear()
    learner = ActivationLearner(validation=splitter, n_outer_steps=2, n_restarts=1, horizon=5)
    learner.learn(X, y, groups=groups)
    np.testing.assert_array_equal(RecordingGroupKFold.seen[0], groups)
    weights = (groups != 4).astype(float)
    learner.learn(X, y, weights, groups=groups)
    assert len(RecordingGroupKFold.seen[1]) == 145
    assert len(set(RecordingGroupKFold.seen[1])) == 29


def test_groups_come_through_metadata_routing():
    X, y, groups = grouped()
    with sklearn.config_context(enable_metadata_routing=True):
        learner = ActivationLearner(
            validation=GroupKFold(3), n_outer_steps=2, n_restarts=1, horizon=5
        )
        model = LearnedActivationMLPClassifier((8,), learner=learner, max_iter=2, random_state=0)
        scores = cross_validate(
            model.set_fit_request(groups=True),
            X,
            y,
            cv=GroupKFold(2),
            params={"groups": groups},
            error_score="raise",
        )
    assert np.isfinite(scores["test_score"]).all()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (None, "'validation' parameter of ActivationLearner.*needs the 'groups' parameter"),
        (np.zeros(150), "'groups' parameter must hold at least two groups"),
        (np.arange(149), "'groups' parameter must .* each of the 150 rows. Got 149 values instead"),
        (
            np.zeros((150, 2)),
            r"'groups' parameter .* one dimension. Got .* shape \(150, 2\) instead",
        ),
        ("a", "'groups' parameter must hold one value for each of the 150 rows.* Got 'a' instead"),
        ([[1], [2, 3]], r"'groups' parameter must hold one value .* Got \[\[1\], \[2, 3\]\] inst"),
        (np.array([1, "a"] * 75, dtype=object), "'groups' parameter must hold values of one kind"),
    ],
)
@pytest.mark.parametrize("door", ["learn", "estimator", "transformer"])
def test_groups_that_cannot_be_used_are_named(groups, message, door):
    X, y, _ = grouped()
    learner = ActivationLearner(validation=GroupKFold(3), n_outer_steps=2, n_restarts=1)
    call = {
        "learn": learner.learn,
        "estimator": LearnedActivationMLPClassifier((8,), learner=learner).fit,
        "transformer": IAFTransformer(learner).fit,
    }[door]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        call(X, y, groups=groups)


def test_a_list_of_data_sets_has_no_groups():
    X, y, groups = grouped()
    with pytest.raises(ValueError, match="'groups' parameter of learn must be None without y"):
        QUICK_LEARNER.learn([(X, y)], groups=groups)


def test_one_group_that_is_left_to_learn_from_is_refused_by_name():
    X, y = np.arange(3.0)[:, None], np.array([0, 0, 1])
    model = LearnedActivationMLPClassifier((4,), activation="learned", learner=QUICK_LEARNER)
    with pytest.raises(ValueError, match=r"'groups' parameter must leave learning .* two groups"):
        model.fit(X, y, sample_weight=[0, 1, 1], groups=[0, 1, 2])
