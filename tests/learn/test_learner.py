"""Learning an activation directly."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import KFold, PredefinedSplit
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    SplineActivation,
)
from skibias._run.seeds import draw_seed
from skibias.engine.episodes import stream
from skibias.engine.networks import Architecture

QUICK = ActivationLearner(
    n_outer_steps=4, n_restarts=2, horizon=20, hidden_layer_sizes=(8,), random_state=0
)


def quick(**parameters):
    return clone(QUICK).set_params(**parameters)


def test_learning_moves_the_function_and_keeps_a_history(iris):
    learner = quick(init="relu")
    activation = learner.learn(*iris)
    start = np.maximum(activation.knots, 0)
    assert np.abs(activation.values - start).max() > 0.01
    assert learner.history_["validation_loss"].shape == (4, 2)
    assert list(learner.history_["snapshot_step"]) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(learner.history_["functions"][0][0][0].values, start, atol=1e-6)
    assert list(learner.candidates_["status"]).count("chosen") == 1


def test_no_outer_step_keeps_the_start(iris):
    activation = quick(n_outer_steps=0, init=np.sin, n_restarts=1).learn(*iris)
    np.testing.assert_allclose(activation.values, np.sin(activation.knots), atol=1e-6)


def test_the_same_seed_gives_the_same_function(iris):
    learner = quick(device="cpu")
    assert clone(learner).learn(*iris) == learner.learn(*iris)
    assert clone(learner).set_params(random_state=1).learn(*iris) != learner.learn(*iris)


def test_restarts_may_differ_in_every_setting(iris):
    learner = quick(
        n_knots=[10, 30],
        init=["zeros", "relu"],
        unroll_steps=[1, 3],
        outer_learning_rate=[0.1, 0.2],
    )
    learner.learn(*iris)
    last = learner.history_["functions"][-1]
    assert [len(functions[0].knots) for functions in last] == [10, 30]


@pytest.mark.parametrize("schedule", ["episodic", "staggered"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_schedules_and_optimizers(schedule, optimizer, iris):
    activation = quick(schedule=schedule, optimizer=optimizer).learn(*iris)
    assert isinstance(activation, SplineActivation)


def test_sharing_per_layer_returns_a_list(iris):
    functions = quick(sharing="layer", hidden_layer_sizes=(8, 8)).learn(*iris)
    assert len(functions) == 2
    assert functions[0] != functions[1]


def test_one_function_for_several_data_sets(iris):
    """Different columns, classes and kinds of target; the function is one."""
    X, y = iris
    tasks = [(X, y), (X[:, :2], y == 1), make_regression(90, 7, random_state=0)]
    learner = quick(n_outer_steps=6)
    joint = learner.learn(tasks)
    assert isinstance(joint, SplineActivation)
    assert learner.history_["validation_loss"].shape == (6, 2)
    assert joint != quick(n_outer_steps=6).learn(X, y)


def test_validation_by_splitter_or_from_another_domain(iris):
    X, y = iris
    by_fraction = quick().learn(X, y)
    by_splitter = quick(validation=KFold(3, shuffle=True, random_state=0)).learn(X, y)
    other_domain = quick(validation=(X[:, ::-1] + 1.0, y)).learn(X, y)
    assert len({by_fraction, by_splitter, other_domain}) == 3
    with pytest.raises(ValueError, match=r"must be among \[0, 1, 2\]. Got \[9\]"):
        quick(validation=(X, np.full(len(X), 9))).learn(X, y)


def test_splits_may_be_masks_or_row_numbers(iris):
    numbers = [np.arange(0, 150, 2), np.arange(1, 150, 4)]
    masks = [np.isin(np.arange(150), rows) for rows in numbers]
    learned = [quick(device="cpu", validation=[tuple(s)]).learn(*iris) for s in (numbers, masks)]
    assert learned[0] == learned[1]


@pytest.mark.parametrize(
    "validation",
    [
        [(np.arange(100), np.arange(0))],
        [(np.zeros(150, dtype=bool), np.ones(150, dtype=bool))],
        PredefinedSplit([-1] * 150),
        iter([]),
    ],
    ids=["no validation rows", "no training rows", "no split", "empty iterator"],
)
def test_splits_without_rows_are_refused(validation, iris):
    with pytest.raises(ValueError, match="'validation' parameter.*at least one"):
        quick(validation=validation).learn(*iris)


def test_an_iterator_of_splits_serves_several_data_sets(iris):
    splits = list(KFold(3).split(*iris))
    learned = [
        quick(device="cpu", validation=validation).learn([iris, iris])
        for validation in (splits, iter(splits))
    ]
    assert learned[0] == learned[1]


def test_estimators_refuse_an_iterator_of_splits(iris):
    learner = quick(validation=KFold(3).split(*iris))
    with pytest.raises(ValueError, match="'validation' parameter.*be a list"):
        LearnedActivationMLPClassifier((8,), learner=learner).fit(*iris)


@pytest.mark.parametrize(
    "method", [lambda learner: learner.learn, lambda learner: IAFTransformer(learner).fit]
)
@pytest.mark.parametrize("as_list", [True, False])
def test_zero_weights_beside_numbered_rows_are_refused(method, as_list, iris):
    validation = PredefinedSplit(np.arange(150) % 3)
    learner = quick(validation=list(validation.split()) if as_list else validation)
    with pytest.raises(ValueError, match="'sample_weight' parameter.*Got 1 zeros"):
        method(learner)(*iris, sample_weight=np.arange(150) > 0)


def test_folds_may_be_drawn_beside_zero_weights(iris):
    X, y = iris
    weighted = quick(device="cpu", validation=3).learn(X, y, sample_weight=np.arange(150) > 20)
    assert weighted == quick(device="cpu", validation=3).learn(X[21:], y[21:])


def test_a_column_of_classes_is_taken_with_a_warning(iris):
    X, y = iris
    with pytest.warns(DataConversionWarning):
        learned = quick(device="cpu").learn(X, y[:, None])
    assert learned == quick(device="cpu").learn(X, y)


def test_squared_error_on_classes_differs_from_log_loss(iris):
    assert quick(loss="squared_error").learn(*iris) != quick().learn(*iris)
    X, y = make_regression(90, 7, random_state=0)
    with pytest.raises(ValueError, match="'loss' parameter.*'log_loss'"):
        quick(loss="log_loss").learn(X, y)


def test_spectral_normalization_and_raw_columns(iris):
    X, y = iris
    assert quick(spectral_normalization=True).learn(X, y) != quick().learn(X, y)
    assert quick(scaling=None).learn(X, y) != quick().learn(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_knots": [10, 1]}, "'n_knots' parameter.*Got 1"),
        ({"init": "random"}, "'init' parameter.*'random'"),
        ({"init": []}, "'init' parameter.*empty"),
        ({"domain": (0, np.inf)}, "'domain' parameter"),
        ({"domain": (0, 1, 2)}, "'domain' parameter.*pair"),
        ({"schedule": "greedy"}, "'schedule' parameter"),
        ({"hidden_layer_sizes": (8, -1)}, "'hidden_layer_sizes' parameter"),
        ({"validation": 1.5}, "'validation' parameter"),
        ({"validation": (1, 2, 3)}, "'validation' parameter.*pair"),
        ({"validation": [np.ones((5, 2)), np.arange(5)]}, "'validation' parameter.*be a tuple"),
        ({"validation": []}, "'validation' parameter.*holds splits"),
        ({"device": "cuda:77"}, "'device' parameter"),
        ({"init": ["auto", "zeros"]}, "'init' parameter.*'auto'"),
        ({"n_knots": ["auto", 30]}, "'n_knots' parameter.*'auto'"),
        ({"outer_learning_rate": ["auto", 0.1]}, "'outer_learning_rate' parameter.*'auto'"),
        ({"init": lambda knots: 0.0}, "'init' parameter.*50 knots"),
        ({"init": lambda knots: np.full_like(knots, np.nan)}, "'init' parameter.*finite"),
        ({"init": "ramps"}, "'init' parameter.*'ramps'"),
        ({"hidden_layer_sizes": ()}, "'hidden_layer_sizes' parameter"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, message, iris):
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        quick(**parameters).learn(*iris)


def test_data_without_targets_are_refused(iris):
    with pytest.raises(TypeError, match=r"'X' parameter of learn.*list of \(X, y\)"):
        quick().learn(iris[0])


class Plain(NamedTuple):
    """One data set for `plain_algorithm`, as tensors."""

    X: torch.Tensor
    y: torch.Tensor  # class numbers, or standardised values (n, 1)
    X_validation: torch.Tensor
    y_validation: torch.Tensor


N_STEPS, RATE, OUTER_RATE, KNOTS = 4, 0.5, 0.7, np.linspace(-3, 3, 13)
ALGORITHM_1 = ActivationLearner(
    schedule="episodic",
    n_restarts=1,
    n_outer_steps=N_STEPS,
    unroll_steps=N_STEPS,
    patience=N_STEPS,
    init=np.tanh,
    n_knots=len(KNOTS),
    domain=(KNOTS[0], KNOTS[-1]),
    outer_learning_rate=OUTER_RATE,
    hidden_layer_sizes=(5, 6),
    optimizer="sgd",
    learning_rate=RATE,
    batch_size=None,
    horizon=5,
    scaling=None,
    random_state=3,
)


def plain_spline(heights, z):
    """Interpolate between the heights; constant outside."""
    position = ((z - KNOTS[0]) / (KNOTS[1] - KNOTS[0])).clamp(0, len(KNOTS) - 1)
    cell = position.detach().floor().long().clamp(max=len(KNOTS) - 2)
    return torch.lerp(heights[cell], heights[cell + 1], position - cell)


def plain_network(layers, tables, X, spectral_normalization):
    """Evaluate a network with layers (matrix, bias), the last of them linear."""
    for number, (matrix, bias) in enumerate(layers):
        if spectral_normalization:
            matrix = matrix / torch.linalg.svdvals(matrix)[0]
        X = X @ matrix + bias
        if number < len(layers) - 1:
            X = plain_spline(tables[min(number, len(tables) - 1)], X)
    return X


def plain_loss(loss, outputs, y):
    if y.is_floating_point():
        return mse_loss(outputs, y)
    if loss == "squared_error":
        return mse_loss(outputs, one_hot(y, outputs.shape[1]).to(outputs))
    return cross_entropy(outputs, y)


def plain_layers(learner, task, n_outputs, episode):
    """Draw the first weights of an episode, as the learner does, after one of one splits."""
    generator = stream(draw_seed(learner.random_state), "episode", 0, episode)
    torch.randint(1, (1,), generator=generator)
    architecture = Architecture(task.X.shape[1], learner.hidden_layer_sizes, n_outputs)
    weights = architecture.layout.draw(generator)
    layers = []
    for n_in, n_out in architecture.layer_shapes:
        n_rest = len(weights) - (n_in + 1) * n_out
        matrix, bias, weights = weights.split([n_in * n_out, n_out, n_rest])
        layers += [matrix.view(n_in, n_out).requires_grad_(), bias.requires_grad_()]
    return layers


def plain_algorithm(learner, tasks, n_outputs):
    """P Algorithm 1 by the letter, on one network at a time; return the functions (L, K)."""
    n_functions = len(learner.hidden_layer_sizes) if learner.sharing == "layer" else 1
    tables = torch.tensor(np.tanh(KNOTS), dtype=torch.float32).repeat(n_functions, 1)
    for episode in range(1, N_STEPS + 1):
        number = (episode - 1) % len(tasks)
        task = tasks[number]
        tables.requires_grad_()
        layers = plain_layers(learner, task, n_outputs[number], episode)

        def loss_on(X, y, layers=layers, tables=tables):
            pairs = list(zip(layers[::2], layers[1::2], strict=True))
            outputs = plain_network(pairs, tables, X, learner.spectral_normalization)
            return plain_loss(learner.loss, outputs, y)

        for _ in range(episode):
            loss = loss_on(task.X, task.y, layers)
            gradients = torch.autograd.grad(loss, layers, create_graph=True)
            layers = [part - RATE * own for part, own in zip(layers, gradients, strict=True)]
        loss = loss_on(task.X_validation, task.y_validation, layers)
        (gradient,) = torch.autograd.grad(loss, tables)
        length = gradient.norm() / n_functions**0.5
        tables = (tables - OUTER_RATE * gradient / length.clamp(min=1)).detach()
    return tables.numpy()


def tensors(X, y):
    """Return columns as float32, class numbers as they are and values as a column."""
    y = torch.as_tensor(y)
    y = y[:, None].float() if y.is_floating_point() else y.long()
    return torch.as_tensor(X, dtype=torch.float32), y


def learned_heights(learner, *data):
    functions = learner.learn(*data)
    functions = functions if isinstance(functions, list) else [functions]
    return np.stack([function.values for function in functions])


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"loss": "squared_error"},
        {"sharing": "layer"},
        {"spectral_normalization": True},
        {"sharing": "layer", "spectral_normalization": True, "loss": "squared_error"},
    ],
    ids=str,
)
def test_out_of_domain_validation_by_full_batch_gradient_descent(parameters, iris):
    """The whole of Algorithm 1, whose result depends on nothing but the first weights."""
    X, y = iris
    X = (X - X.mean(0)) / X.std(0)
    outside = (X[:, ::-1][:70] + 0.5, y[:70])
    learner = clone(ALGORITHM_1).set_params(validation=outside, **parameters)
    expected = plain_algorithm(learner, [Plain(*tensors(X, y), *tensors(*outside))], [3])
    heights = learned_heights(learner, X, y)
    np.testing.assert_allclose(heights, expected, atol=2e-5)
    assert np.abs(heights - np.tanh(KNOTS)).max() > 0.01


def plain_tasks(parts):
    """Return three unlike data sets split by the numbers in ``parts``, twice: plain, and not."""
    X, y = load_iris(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    X_values, values = make_regression(len(X), 7, random_state=0)
    first, second = parts
    values = (values - values.mean()) / values.std()
    tasks = [(X, y), (X[:, :2], (y == 1).astype(int)), (X_values, values)]
    plain = [Plain(*tensors(X[first], y[first]), *tensors(X[second], y[second])) for X, y in tasks]
    return tasks, plain


@pytest.mark.parametrize("parameters", [{}, {"sharing": "layer", "loss": "squared_error"}], ids=str)
def test_several_unlike_data_sets_take_turns(parameters):
    """Other columns, classes and kinds of target in every episode."""
    parts = np.arange(0, 150, 2), np.arange(1, 150, 2)
    tasks, plain = plain_tasks(parts)
    learner = clone(ALGORITHM_1).set_params(validation=[parts], **parameters)
    expected = plain_algorithm(learner, plain, [3, 2, 1])
    np.testing.assert_allclose(learned_heights(learner, tasks), expected, atol=2e-5)


def test_several_data_sets_are_validated_on_the_same_other_domain(iris):
    X, y = iris
    X = (X - X.mean(0)) / X.std(0)
    outside = (X[:, ::-1][:70] + 0.5, y[:70])
    tasks = [(X, y), (-X, y)]
    learner = clone(ALGORITHM_1).set_params(validation=outside)
    plain = [Plain(*tensors(*task), *tensors(*outside)) for task in tasks]
    expected = plain_algorithm(learner, plain, [3, 3])
    np.testing.assert_allclose(learned_heights(learner, tasks), expected, atol=2e-5)


def test_the_chosen_restart_is_the_best_on_all_data_sets(iris):
    """The scores of several data sets are the means of those of each, learned with the same."""
    X, y = iris
    tasks = [(X, y), (X[:, :2], y == 1)]
    starts = {"n_outer_steps": 0, "n_restarts": 3, "init": [np.sin, np.tanh, np.cos]}
    scores = []
    for data in (tasks, tasks[:1], tasks[1:]):
        learner = quick(**starts)
        learner.learn(data)
        scores.append(learner.candidates_["validation_score"])
        assert list(learner.candidates_["status"]).index("chosen") == np.argmax(scores[-1])
    np.testing.assert_allclose(scores[0], np.mean(scores[1:], axis=0))


def test_one_data_set_in_a_list_is_that_data_set(iris):
    learner = quick(device="cpu")
    assert clone(learner).learn([iris]) == learner.learn(*iris)


def test_a_common_shift_and_scale_of_all_columns_is_taken_out(iris):
    """Also of rows from another domain, which are scaled as the data are."""
    X, y = iris
    outside = X[:, ::-1] + 1.0
    learned = quick(validation=(outside, y), scaling="minmax").learn(X, y)
    moved = quick(validation=(4 * outside - 8, y), scaling="minmax").learn(4 * X - 8, y)
    np.testing.assert_allclose(moved.values, learned.values, atol=1e-5)


VALUES = make_regression(90, 4, random_state=0)


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (lambda X, y: (X[:, :3], y), "number of columns must be 4. Got 3"),
        (lambda X, y: (X, y + 1), r"among \[0, 1, 2\]. Got \[3\]"),
        (lambda X, y: (X, np.array(["a", "b", "c"])[y]), "Got .*'a', 'b', 'c'"),
        (lambda X, y: (X, y[:5]), "inconsistent numbers of samples"),
        (lambda X, y: (X[:0], y[:0]), r"0 sample"),
        (lambda X, y: (X * np.nan, y), "NaN"),
        (lambda X, y: (X, np.c_[y, y]), "number of targets of a row must be 1. Got 2"),
        (lambda X, y: (X, None), "y is None"),
    ],
)
@pytest.mark.parametrize("scaling", ["quantile", None])
def test_unusable_validation_data_are_refused_before_learning(
    validation, message, scaling, iris, no_networks
):
    pattern = f"'validation' parameter of ActivationLearner.*{message}"
    learner = quick(validation=validation(*iris), scaling=scaling)
    with pytest.raises(ValueError, match=pattern):
        learner.learn(*iris)
    with pytest.raises(ValueError, match=f"Pair 0 of the 'X' parameter.*{pattern}"):
        learner.learn([iris, iris])


@pytest.mark.parametrize(
    ("y", "message"),
    [(np.full(90, "a"), "could not convert"), (np.ones((90, 2)), "targets of a row must be 1")],
)
def test_unusable_validation_values_are_refused(y, message):
    X, values = VALUES
    with pytest.raises(ValueError, match=f"'validation' parameter of ActivationLearner.*{message}"):
        quick(validation=(X, y)).learn(X, values)


def test_validation_values_may_be_a_column_or_whole_numbers():
    X, values = VALUES
    whole = values.round()
    learned = quick(device="cpu", validation=(X[::-1], whole)).learn(X, values)
    for same in (whole[:, None], whole.astype(int)):
        assert quick(device="cpu", validation=(X[::-1], same)).learn(X, values) == learned


def test_estimators_refuse_unusable_validation_data_too(iris):
    X, y = iris
    learner = quick(validation=(X[:, :3], y))
    estimator = LearnedActivationMLPClassifier(
        (8,), activation="learned", input_activations=None, learner=learner
    )
    with pytest.raises(ValueError, match="'validation' parameter.*number of columns must be 4"):
        estimator.fit(X, y)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (lambda X, y: (X[:3], y), "inconsistent numbers of samples"),
        (lambda X, y: (X[:30], y[:30]), "at least two classes"),
        (lambda X, y: (X[:0], y[:0]), "0 sample"),
        (lambda X, y: (X * np.nan, y), "NaN"),
        (lambda X, y: (X, None), "y is None"),
    ],
)
def test_an_unusable_data_set_is_named_before_learning(second, message, iris, no_networks):
    with pytest.raises(ValueError, match=f"Pair 1 of the 'X' parameter of learn.*{message}"):
        quick().learn([iris, second(*iris)])


@pytest.mark.parametrize("nothing", [[], ()])
def test_no_data_set_is_refused(nothing):
    with pytest.raises(ValueError, match=r"'X' parameter of learn must hold at least one \(X, y\)"):
        quick().learn(nothing)


def test_pairs_have_no_weights(iris):
    with pytest.raises(ValueError, match="'sample_weight' parameter of learn must be None"):
        quick().learn([iris], sample_weight=np.ones(150))
    with pytest.raises(TypeError, match="'X' parameter of learn"):
        quick().learn([(*iris, np.ones(150))])
