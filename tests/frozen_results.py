"""See whether a change of the code has changed a result: fit models, compare them bit for bit.

``python tests/frozen_results.py --store`` fits the models and writes what they compute to a file,
before the change; ``python tests/frozen_results.py`` fits them again after it, prints a line per
model with what differs, and ends with exit code 1 if anything does.

Both belong on one machine with the same versions of torch, NumPy, SciPy and scikit-learn: other
processors and versions round differently. The stored values are thus good for one machine and one
change, so that this is no test of pytest, and continuous integration does not run it.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from numbers import Number
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
import sklearn
import skorch
import torch
from sklearn.datasets import make_classification, make_regression
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from skorch.callbacks import Callback, EpochScoring

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)
from skibias.callbacks import WeightTrajectory

DEFAULT_FILE = "frozen_results.npz"
SURROUNDINGS = "surroundings"  # the array that says where the values were stored
METHODS = ("predict", "predict_proba", "decision_function", "transform")  # of rows
ATTRIBUTES = (
    "activation_",
    "activations_",
    "input_activations_",
    "candidates_",
    "meta_history_",
    "history_",
    "weights_",
    "classes_",
    "best_validation_score_",
    "n_iter_",
)
ARGUMENTS = np.linspace(-6, 6, 121)  # at which activations are evaluated, beyond their knots too

Arrays = dict[str, np.ndarray]


class Fitted(NamedTuple):
    """A fitted model, rows to apply it to, and what else the case computed."""

    model: Any
    X: np.ndarray | None = None  # None where only learned functions are compared
    more: Mapping[str, Any] = {}  # values, or `Fitted` of further models


# Data: columns in different units, and few rows, so that a fit takes about a second.


def class_rows(n_rows=160, n_classes=3, seed=0):
    """Return rows of classes, 0 to ``n_classes`` - 1."""
    X, y = make_classification(
        n_rows, 4, n_informative=3, n_redundant=0, n_classes=n_classes, random_state=seed
    )
    return X * [1.0, 10.0, 0.1, 100.0], y


def value_rows(n_rows=160, n_targets=1, seed=0):
    """Return rows with values (n,), or (n, n_targets) where there are several."""
    X, y = make_regression(n_rows, 4, n_targets=n_targets, noise=5.0, random_state=seed)
    return np.exp(X), y


def uneven_weights(n_rows):
    """Return weights of rows from 0.1 to 5, every seventh of them zero."""
    weights = np.random.default_rng(0).uniform(0.1, 5, n_rows)
    weights[::7] = 0
    return weights


def row_groups(n_rows):
    """Return the names of 20 groups of rows."""
    return np.array([f"group {number % 20}" for number in range(n_rows)])


def probes(X):
    """Return rows to apply a model to; half of them lie outside what it was fitted to."""
    return np.concatenate([X[:20], 1.5 * X[20:40]])


# Models: small ones, with settings of their own


def quick_learner(**parameters):
    """Return a learner of a few steps."""
    quick = {"n_outer_steps": 6, "horizon": 12, "hidden_layer_sizes": (8,)}
    return ActivationLearner(**{**quick, "device": "cpu", "random_state": 0, **parameters})


def quick_transformer(n_channels=3, learner=None, **parameters):
    """Return a transformer that learns a few steps."""
    learner = quick_learner(n_knots=9) if learner is None else learner
    quick = {"n_channels": n_channels, "device": "cpu", "random_state": 0}
    return IAFTransformer(learner, **{**quick, **parameters})


def quick_network(kind, sizes=(8,), **parameters):
    """Return an estimator of a few epochs."""
    quick = {"learner": quick_learner(), "max_iter": 6, "n_estimators": 2, "random_state": 0}
    return kind(sizes, **{**quick, "device": "cpu", **parameters})


def classifier(*sizes, **parameters):
    """Return an unfitted classifier; without sizes, one hidden layer."""
    return quick_network(LearnedActivationMLPClassifier, *sizes, **parameters)


def regressor(*sizes, **parameters):
    """Return an unfitted regressor; without sizes, one hidden layer."""
    return quick_network(LearnedActivationMLPRegressor, *sizes, **parameters)


def fitted(model, X, y, **row_data):
    """Fit a model and return it with rows to apply it to."""
    return Fitted(model.fit(X, y, **row_data), probes(X))


def learned(learner, *data, **row_data):
    """Learn an activation and return the learner, and the function beside it."""
    return Fitted(learner, more={"learned": learner.learn(*data, **row_data)})


# Cases: estimators whose activation is given


def relu_classes_with_weights():
    """Fit ReLU with a prefactor; weights are uneven, and some are zero."""
    X, y = class_rows()
    model = classifier(
        (8, 8),
        activation="relu",
        prefactor=2.0,
        input_activations=None,
        scaling="standard",
        optimizer="adam",
    )
    return fitted(model, X, y, sample_weight=uneven_weights(len(X)))


def tanh_values_without_stopping():
    """Fit tanh to values on all rows, with momentum and a generator as ``random_state``."""
    model = regressor(
        activation="tanh",
        input_activations=None,
        optimizer="momentum",
        early_stopping=False,
        batch_size=20,
        random_state=np.random.RandomState(5),
    )
    return fitted(model, *value_rows())


def given_splines_on_given_columns():
    """Fit with a spline as activation, and one for every column."""
    X, y = class_rows()
    columns = [
        SplineActivation([low, (low + high) / 3, high], [-1.0, 0.5, 1.0], "linear")
        for low, high in zip(X.min(0), X.max(0), strict=True)
    ]
    activation = SplineActivation.from_function(np.sin, n_knots=20)
    return fitted(classifier(activation=activation, input_activations=columns), X, y)


def spline_per_layer_on_frozen_columns():
    """Fit with a spline for each layer, one with uneven knots, behind a fitted transformer."""
    X, y = value_rows(n_targets=2)
    uneven = SplineActivation([-2.0, 0.0, 0.5, 3.0], [0.0, -0.5, 1.0, 0.2], "linear")
    model = regressor(
        (8, 6),
        activation=[SplineActivation.hat(), uneven],
        sharing="layer",
        input_activations=FrozenEstimator(quick_transformer().fit(X, y)),
        scaling=None,
    )
    return fitted(model, X, y)


def relu_behind_unfitted_transformer():
    """Fit ReLU behind functions that are learned anew and stay while networks are trained."""
    transformer = quick_transformer(scaling="quantile")
    return fitted(classifier(activation="relu", input_activations=transformer), *class_rows())


def no_hidden_layer():
    """Fit a linear model on learned columns."""
    return fitted(regressor((), input_activations="learned", scaling="minmax"), *value_rows())


def wide_networks():
    """Fit networks that are wide enough for a thread each."""
    parameters = {"activation": "gelu", "input_activations": None, "max_iter": 2}
    model = classifier((256, 256), batch_size=150, **parameters)
    return fitted(model, *class_rows(400))


# Cases: estimators that learn and choose


def learned_activation_of_named_classes():
    """Fit to two classes with names; one of three restarts diverges."""
    X, y = class_rows(n_classes=2)
    rates = [1e38, 0.1, 0.3]
    learner = quick_learner(n_restarts=3, outer_learning_rate=rates, outer_step="normalized")
    model = classifier(
        activation="learned",
        input_activations=None,
        learner=learner,
        scaling="minmax",
        optimizer="sgd",
    )
    return fitted(model, X, np.array(["sea", "land"])[y])


def learned_activation_and_columns():
    """Fit with a learned activation on learned columns, with spectral normalisation."""
    learner = quick_learner(schedule="episodic", patience=3, spectral_normalization=True)
    model = classifier(activation="learned", input_activations="learned", learner=learner)
    return fitted(model, *class_rows())


def everything_chosen():
    """Fit with the default choice among all candidates, and stop early."""
    learner = quick_learner(n_outer_steps=20)
    model = classifier((80,), learner=learner, max_iter=60, n_iter_no_change=2)
    return fitted(model.set_params(learning_rate=0.01), *class_rows())


def everything_chosen_for_two_outputs():
    """Fit two outputs with the default choice, a function per layer, and a splitter."""
    splitter = KFold(3, shuffle=True, random_state=1)
    learner = quick_learner(hidden_layer_sizes=(8, 8), validation=splitter)
    model = regressor((12, 12), sharing="layer", learner=learner, prefactor=3.0)
    model.set_params(time_limit=1e6)  # far away, so that it cuts nothing
    return fitted(model, *value_rows(n_targets=2))


def many_learned_columns():
    """Fit values on so many learned columns that each of them has few functions."""
    X, y = make_regression(120, 100, n_informative=5, random_state=0)
    return fitted(regressor(activation="relu", input_activations="learned", max_iter=3), X, y)


def few_rows_cross_validated():
    """Fit with the default choice on so few rows that candidates are cross-validated."""
    return fitted(classifier(label_smoothing=0.0), *class_rows(60))


def few_rows_with_learned_activation():
    """Fit with a learned activation on few rows."""
    model = regressor(activation="learned", input_activations=None, scaling="quantile")
    return fitted(model, *value_rows(60))


def weighted_rows_chosen():
    """Fit values with the default choice and uneven weights, some of them zero."""
    X, y = value_rows()
    return fitted(regressor(scaling="robust"), X, y, sample_weight=uneven_weights(len(X)))


def grouped_rows_chosen():
    """Fit with the default choice; groups of rows stay together, in the learner's folds too."""
    X, y = class_rows()
    model = classifier(learner=quick_learner(validation=GroupKFold(4)))
    return fitted(model, X, y, groups=row_groups(len(X)))


def outside_rows_validate():
    """Fit with rows of another data set as the learner's ``validation``."""
    learner = quick_learner(validation=class_rows(50, seed=1))
    return fitted(classifier(learner=learner), *class_rows())


# Cases: checkpoint and callbacks


class InterruptedFitError(Exception):
    """What ends a fit from within."""


class Interruption(Callback):
    """Callback that ends a fit after the first epoch of the final training."""

    def on_epoch_end(self, net, **kwargs):
        """Raise an error."""
        raise InterruptedFitError


def fits_from_checkpoint():
    """Fit with a checkpoint after an interruption, and again from what this fit left behind."""
    X, y = class_rows()
    with tempfile.TemporaryDirectory() as folder:
        with suppress(InterruptedFitError):
            classifier(checkpoint=folder, callbacks=[Interruption()]).fit(X, y)
        first = fitted(classifier(checkpoint=folder), X, y)
        again = fitted(classifier(checkpoint=folder), X, y)
    return first._replace(more={"again": again})


def weights_followed_by_callbacks():
    """Fit with callbacks, one of which returns the model after earlier epochs."""
    X, y = class_rows()
    trajectory = WeightTrajectory()
    scoring = EpochScoring("neg_log_loss", lower_is_better=False, name="log_loss")
    model = classifier(
        input_activations="learned", callbacks=[trajectory, ("scoring", scoring)]
    ).fit(X, y)
    epochs = {
        f"epoch {epoch}": Fitted(trajectory.estimator_at(model, epoch), probes(X))
        for epoch in (0, 2, -1)
    }
    return Fitted(model, probes(X), {"trajectory": trajectory.trajectory_, **epochs})


# Cases: the transformer and the learner alone


def transformer_of_channels():
    """Learn several functions of every column; one column is constant."""
    X, y = class_rows()
    X[:, 1] = 3.0
    model = quick_transformer().fit(X, y)
    return Fitted(model, probes(X), {"names of columns": model.get_feature_names_out()})


def transformer_from_identity():
    """Learn one function of every column, with weights and groups of rows."""
    X, y = value_rows()
    learner = quick_learner(n_restarts=1, outer_step="clipped", schedule="episodic", validation=3)
    model = quick_transformer(1, learner, scaling="quantile", target_type="continuous")
    weights = uneven_weights(len(X))
    return fitted(model, X, y, sample_weight=weights, groups=row_groups(len(X)))


def learn_with_restarts():
    """Learn staggered, with settings that differ from restart to restart."""
    learner = quick_learner(
        n_restarts=3,
        n_knots=[5, 20, 50],
        init=["relu", "zeros", np.sin],
        unroll_steps=[2, 5, 3],
        outer_learning_rate=[0.1, 0.2, 0.05],
        validation=StratifiedKFold(4),
        n_outer_steps=60,  # more than a history has snapshots
    )
    return learned(learner, *class_rows())


def learn_episodically_per_layer():
    """Learn in episodes, a function for each layer, from values with weights and groups."""
    X, y = value_rows()
    learner = quick_learner(
        schedule="episodic",
        sharing="layer",
        hidden_layer_sizes=(8, 6),
        optimizer="adam",
        patience=2,
        scaling="robust",
    )
    return learned(learner, X, y, uneven_weights(len(X)), groups=row_groups(len(X)))


def learn_from_two_data_sets():
    """Learn one function from classes and values together, on all rows at every step."""
    data = [class_rows(100), value_rows(120)]
    return learned(quick_learner(batch_size=None, n_networks=3, scaling="minmax"), data)


def learn_in_episodes_from_two_data_sets():
    """Learn in episodes from two data sets, with rows of a third for validation."""
    data = [class_rows(100, seed=seed) for seed in (1, 2)]
    learner = quick_learner(
        schedule="episodic", validation=class_rows(60), loss="squared_error", domain=(-3, 4)
    )
    return learned(learner, data)


def learn_from_many_rows():
    """Learn from more rows than learning looks at."""
    learner = quick_learner(n_restarts=1, horizon=6, scaling="standard", optimizer="momentum")
    return learned(learner, *class_rows(61_000, n_classes=2))


CASES: dict[str, Callable[[], Fitted]] = {
    case.__name__.replace("_", " "): case
    for case in (
        relu_classes_with_weights,
        tanh_values_without_stopping,
        given_splines_on_given_columns,
        spline_per_layer_on_frozen_columns,
        relu_behind_unfitted_transformer,
        no_hidden_layer,
        wide_networks,
        learned_activation_of_named_classes,
        learned_activation_and_columns,
        everything_chosen,
        everything_chosen_for_two_outputs,
        many_learned_columns,
        few_rows_cross_validated,
        few_rows_with_learned_activation,
        weighted_rows_chosen,
        grouped_rows_chosen,
        outside_rows_validate,
        fits_from_checkpoint,
        weights_followed_by_callbacks,
        transformer_of_channels,
        transformer_from_identity,
        learn_with_restarts,
        learn_episodically_per_layer,
        learn_from_two_data_sets,
        learn_in_episodes_from_two_data_sets,
        learn_from_many_rows,
    )
}


# From a model to arrays


def arrays_of(case: Fitted) -> Arrays:
    """Return all that is compared of a case, by name."""
    arrays = dict(outputs_of(case.model, case.X))
    for name in ATTRIBUTES:
        if hasattr(case.model, name):
            arrays |= flattened(name, compared_part(name, getattr(case.model, name)))
    for name, value in case.more.items():
        if isinstance(value, Fitted):
            arrays |= {f"{name}: {inner}": array for inner, array in arrays_of(value).items()}
        else:
            arrays |= flattened(name, value)
    return arrays


def outputs_of(model, X) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what the methods of a model return."""
    if X is None:
        return
    for name in METHODS:
        if hasattr(model, name):
            yield name, plain(getattr(model, name)(X))
    for layer in range(len(getattr(model, "hidden_layer_sizes", ()))):
        yield f"hidden_representation[{layer}]", plain(model.hidden_representation(X, layer))


def compared_part(name, value) -> Any:
    """Return what is compared of an attribute: neither durations nor every snapshot."""
    if name == "history_" and not isinstance(value, dict):
        return epoch_numbers(value)
    if name == "history_":  # of a learner
        return learning_numbers(value)
    if name == "meta_history_":
        is_one = "functions" in value  # of a transformer
        return learning_numbers(value) if is_one else by_name(learning_numbers, value)
    return value


def by_name(function, values: Mapping) -> dict:
    """Return the function's results under the names of its arguments."""
    return {name: function(value) for name, value in values.items()}


def learning_numbers(record: Mapping) -> dict:
    """Return the history of learning with the last of its snapshots."""
    return {**record, "functions": record["functions"][-1]}


def epoch_numbers(history) -> list[dict]:
    """Return the numbers of every epoch, without how long it took."""
    return [
        {key: value for key, value in record.items() if isinstance(value, Number) and key != "dur"}
        for record in history
    ]


def flattened(name: str, value: Any) -> Arrays:
    """Return nested values as arrays under the names of their places."""
    if isinstance(value, SplineActivation):
        parts = {"knots": value.knots, "values": value.values, "calls": value(ARGUMENTS)}
        return flattened(name, {**parts, "extrapolation": value.extrapolation})
    if isinstance(value, Mapping):
        named = [(f"{name}.{key}", part) for key, part in value.items()]
    elif isinstance(value, (list, tuple)) and not all(isinstance(part, Number) for part in value):
        named = [(f"{name}[{number}]", part) for number, part in enumerate(value)]
    else:
        return {name: plain(value(ARGUMENTS) if callable(value) else value)}
    return {place: array for own in named for place, array in flattened(*own).items()}


def plain(value: Any) -> np.ndarray:
    """Return an array that can be stored without pickles; objects become strings."""
    array = np.asarray(value)
    return array.astype(str) if array.dtype == object else array


# Comparison


def is_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays agree in type, shape and every bit."""
    kinds = (one.dtype, one.shape), (other.dtype, other.shape)
    return kinds[0] == kinds[1] and one.tobytes() == other.tobytes()


class Change(NamedTuple):
    """How an array differs."""

    place: str
    gap: float  # the largest difference of two numbers; inf where there is none to be told
    kind: str

    @property
    def attribute(self) -> str:
        """The attribute or method that the array belongs to."""
        return re.split(r"[.[]", self.place)[0]


def change(place: str, expected: np.ndarray | None, found: np.ndarray | None) -> Change | None:
    """Return how an array differs; None if it does not."""
    if expected is None or found is None:
        return Change(place, np.inf, "new" if expected is None else "missing")
    if is_same(expected, found):
        return None
    if (expected.dtype, expected.shape) != (found.dtype, found.shape):
        kinds = [f"{array.dtype} {array.shape}" for array in (found, expected)]
        return Change(place, np.inf, "{}, was {}".format(*kinds))
    if expected.dtype.kind not in "fiu":
        return Change(place, np.inf, "other values")
    gap = largest_gap(expected.astype(float), found.astype(float))
    return Change(place, gap, f"by up to {gap:.1e}")


def largest_gap(expected: np.ndarray, found: np.ndarray) -> float:
    """Return the largest difference; a number and nan are infinitely far apart."""
    are_equal = (expected == found) | (np.isnan(expected) & np.isnan(found))
    with np.errstate(invalid="ignore"):  # inf - inf
        gaps = np.nan_to_num(np.abs(found - expected), nan=np.inf)
    return float(np.where(are_equal, 0.0, gaps).max(initial=0.0))


def changes(expected: Arrays, found: Arrays) -> list[Change]:
    """Return how the arrays differ."""
    pairs = {name: (expected.get(name), found.get(name)) for name in {**expected, **found}}
    all_changes = (change(name, *pair) for name, pair in pairs.items())
    return [one for one in all_changes if one is not None]


def summary(changed: Iterable[Change]) -> str:
    """Return the largest change of every attribute, and how many more there are."""
    by_attribute = defaultdict(list)
    for one in changed:
        by_attribute[one.attribute].append(one)
    texts = []
    for own in by_attribute.values():
        largest = max(own, key=lambda one: one.gap)
        more = f" and {len(own) - 1} more" if len(own) > 1 else ""
        texts.append(f"{largest.place} ({largest.kind}){more}")
    return ", ".join(texts)


def compare_case(name: str, expected: Arrays) -> bool:
    """Fit a case again and print a line about it; return whether it agrees."""
    try:
        found = arrays_of(CASES[name]())
    except Exception as error:  # the other cases may tell where it comes from
        print(f"{name}: {type(error).__name__}: {error}", flush=True)
        return False
    changed = changes(expected, found)
    if changed:
        count = f"{len(changed)} of {len(found)} arrays differ"
        print(f"{name}: {count}: {summary(changed)}", flush=True)
    else:
        print(f"{name}: {len(found)} arrays agree", flush=True)
    return not changed


# Files


def surroundings() -> str:
    """Return what rounding depends on."""
    parts = [f"{part.__name__} {part.__version__}" for part in (np, scipy, sklearn, skorch, torch)]
    return ", ".join([platform.node(), torch.backends.cpu.get_cpu_capability(), *parts])


def store(file: Path) -> int:
    """Fit all cases and write their arrays; return the exit code."""
    stored = {SURROUNDINGS: np.array(surroundings())}
    for name, case in CASES.items():
        arrays = arrays_of(case())
        stored |= {f"{name}/{place}": array for place, array in arrays.items()}
        print(f"{name}: {len(arrays)} arrays", flush=True)
    np.savez_compressed(file, **stored)
    return 0


def compare(file: Path) -> int:
    """Fit all cases and compare them with a file; return the exit code."""
    if not file.exists():
        sys.exit(f"There is no {file}. Write it with --store, before the change.")
    expected: dict[str, Arrays] = {name: {} for name in CASES}
    with np.load(file) as stored:
        if stored[SURROUNDINGS] != surroundings():
            print(f"Stored with other surroundings: {stored[SURROUNDINGS]}; here {surroundings()}")
        for key in stored.files:
            case, _, place = key.partition("/")
            if place:
                expected.setdefault(case, {})[place] = stored[key]
    gone = [name for name in expected if name not in CASES]
    if gone:
        print(f"Stored, but no longer among the cases: {', '.join(gone)}")
    agree = [compare_case(name, expected[name]) for name in CASES]
    print(f"{sum(agree)} of {len(agree)} models agree.")
    return int(bool(gone) or not all(agree))


def main() -> int:
    """Read the command line, store or compare, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", action="store_true", help="write the values, compare nothing")
    parser.add_argument("--file", type=Path, default=Path(DEFAULT_FILE), help="of the values")
    arguments = parser.parse_args()
    start = time.perf_counter()
    code = (store if arguments.store else compare)(arguments.file)
    print(f"{time.perf_counter() - start:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
