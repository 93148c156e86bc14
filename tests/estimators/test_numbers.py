"""Numbers as parameters: those of numpy are as good as Python's, and a boolean is none."""

import ast
import inspect
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import skibias
from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)
from skibias.complexity import (
    axis_sharpness,
    complexity_report,
    fourier_complexity,
    geometric_complexity,
    lz_complexity,
    polynomial_complexity,
    sample_paths,
    tv_complexity,
)
from skibias.datasets import make_collages, make_colored_digits, make_slabs
from skibias.plots import (
    ActivationDisplay,
    FunctionSliceDisplay,
    LandscapeDisplay,
    MetaLearningDisplay,
)
from skibias.redshift import (
    complexity_sweep,
    grid_complexity,
    sample_network_complexity,
    sweep_effects,
    transformer_sweep,
)

PACKAGE = Path(skibias.__file__).parent
LEARNER = {
    "n_knots": (9, 7),
    "domain": (-3.0, 3.0),
    "n_restarts": 2,
    "n_networks": 1,
    "unroll_steps": (2, 1),
    "horizon": 6,
    "n_outer_steps": 3,
    "outer_learning_rate": (0.25, 0.125),
    "hidden_layer_sizes": (8,),
    "learning_rate": 0.0009765625,
    "batch_size": 100,
    "spectral_normalization": True,
    "validation": 0.25,
    "patience": 3,
    "random_state": 1,
}
NETWORK = {
    "hidden_layer_sizes": (8, 8),
    "prefactor": 2.0,
    "learning_rate": 0.0009765625,
    "label_smoothing": 0.125,
    "batch_size": 100,
    "max_iter": 3,
    "early_stopping": True,
    "validation_fraction": 0.25,
    "n_iter_no_change": 3,
    "n_estimators": 2,
    "random_state": 1,
    "time_limit": 1000.0,
}


def as_numpy(value):
    """Return a number, or the members of a tuple, as the smallest type of numpy that holds it."""
    if isinstance(value, tuple):
        return tuple(map(as_numpy, value))
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int8(value)
    return np.float16(value) if isinstance(value, float) else value


def in_numpy(parameters):
    return {name: as_numpy(value) for name, value in parameters.items()}


def test_a_fit_with_numbers_of_numpy_is_that_with_pythons(iris):
    learner, same = ActivationLearner(**LEARNER), ActivationLearner(**in_numpy(LEARNER))
    first = LearnedActivationMLPClassifier(learner=learner, **NETWORK).fit(*iris)
    given = in_numpy(NETWORK)
    second = LearnedActivationMLPClassifier(learner=same, **given).fit(*iris)
    np.testing.assert_array_equal(first.weights_, second.weights_)
    for name, value in given.items():  # as they were given, also after the fit
        assert getattr(second, name) is value
    assert second.learner is same


def test_learning_and_transforming_with_numbers_of_numpy(iris):
    learner, same = ActivationLearner(**LEARNER), ActivationLearner(**in_numpy(LEARNER))
    assert learner.learn(*iris) == same.learn(*iris)
    kinds = [IAFTransformer(learner, n_channels=3, random_state=2)]
    kinds += [IAFTransformer(same, n_channels=np.int8(3), random_state=np.int64(2))]
    one, other = (own.fit_transform(*iris) for own in kinds)
    np.testing.assert_array_equal(one, other)


def test_other_kinds_of_real_numbers_are_numbers(iris):
    for rate in (Fraction(1, 1024), np.longdouble(0.0009765625)):
        model = LearnedActivationMLPClassifier(**NETWORK | {"learning_rate": rate}, learner=None)
        model.set_params(activation="relu").fit(*iris)
        assert model.learning_rate is rate
    with pytest.raises(ValueError, match="'learning_rate' parameter.*Got Fraction"):
        model.set_params(learning_rate=Fraction(-1, 2)).fit(*iris)


def test_numbers_of_folds_and_seeds_of_numpy(iris):
    learner = ActivationLearner(**LEARNER | {"validation": 2})
    same = ActivationLearner(**in_numpy(LEARNER | {"validation": 2}))
    assert learner.learn(*iris) == same.learn(*iris)


def line(points):
    return np.sin(3 * points[:, 0])


X = np.random.default_rng(0).normal(size=(120, 2))
IMAGES = load_digits().images / 16, load_digits().target
SWEEP = complexity_sweep(["width"], activations=["relu"], n_networks=2, n_points=8, random_state=0)
# A function of the parameters, and good values of those that are numbers.
CALLS = {
    "tv": (lambda **p: tv_complexity(line, X, **p), {"n_paths": 100, "n_points": 100}),
    "fourier": (lambda **p: fourier_complexity(line, X, **p), {"n_paths": 100, "n_points": 100}),
    "polynomial": (
        lambda **p: polynomial_complexity(line, X, **p),
        {"n_paths": 100, "n_points": 100},
    ),
    "lz": (
        lambda **p: lz_complexity(line, X, **p),
        {"n_paths": 100, "n_points": 100, "n_levels": 100},
    ),
    "geometric": (
        lambda **p: geometric_complexity(line, X, **p),
        {"n_rows": 100, "step": 0.125, "random_state": 3},
    ),
    "sharpness": (
        lambda **p: axis_sharpness(line, X, **p),
        {"n_rows": 100, "n_points": 100, "random_state": 3},
    ),
    "report": (
        lambda **p: complexity_report({"line": line}, X, **p).to_numpy(),
        {"n_paths": 100, "n_points": 100, "random_state": 3},
    ),
    "paths": (lambda **p: sample_paths(X, **p).start, {"n_paths": 100, "random_state": 3}),
    "grid": (lambda **p: grid_complexity(line, **p), {"n_points": 20, "n_levels": 100}),
    "networks": (
        lambda **p: sample_network_complexity(**p),
        {
            "n_networks": 2,
            "width": 100,
            "depth": 2,
            "weight_magnitude": 1.5,
            "bias_magnitude": 0.5,
            "prefactor": 2.0,
            "n_points": 20,
            "n_levels": 100,
            "random_state": 3,
        },
    ),
    "transformers": (
        lambda **p: transformer_sweep(["depth"], **p),
        {
            "weight_magnitude": 1.5,
            "depth": 1,
            "n_networks": 2,
            "n_symbols": 100,
            "length": 9,
            "width": 8,
            "random_state": 3,
        },
    ),
    "effects": (
        lambda **p: sweep_effects(SWEEP, **p),
        {"n_resamples": 100, "random_state": 3},
    ),
    "slabs": (
        lambda **p: make_slabs(**p).train.data,
        {"n_noise": 3, "margin": 0.125, "n_train": 100, "n_test": 100, "random_state": 3},
    ),
    "collages": (
        lambda **p: make_collages(IMAGES, IMAGES, **p).train.data,
        {"n_train": 100, "n_test": 100, "holdout_fraction": 0.25, "random_state": 3},
    ),
    "digits": (
        lambda **p: make_colored_digits(IMAGES, **p).train.data,
        {"correlation": 0.875, "holdout_fraction": 0.25, "random_state": 3},
    ),
    "spline": (
        lambda **p: SplineActivation.from_function(np.tanh, **p).values,
        {"n_knots": 100, "domain": (-1.2, 2.3)},
    ),
    "scaled": (lambda **p: SplineActivation.hat().scale_argument(**p).knots, {"prefactor": 0.1}),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_take_numbers_of_numpy(name):
    call, parameters = CALLS[name]
    typed = in_numpy(parameters)
    # Half-precision numbers stand for themselves, not for the ones they were rounded from.
    exact = {
        key: tuple(map(float, value)) if isinstance(value, tuple) else value.item()
        for key, value in typed.items()
    }
    np.testing.assert_equal(np.asarray(call(**typed)), np.asarray(call(**exact)))


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, key) for name, (_, given) in CALLS.items() for key in given]
)
@pytest.mark.parametrize("flag", [True, np.True_])
def test_a_boolean_is_no_number_of_a_function(name, parameter, flag):
    call, parameters = CALLS[name]
    bad = (0.0, flag) if parameter == "domain" else flag
    with pytest.raises(ValueError, match=f"'{parameter}' parameter.*Got .*True"):
        call(**parameters | {parameter: bad})


def number_parameters(cls):
    """List the parameters of an estimator that may be a number, as its documentation says."""
    numbers = re.findall(r"^ +(\w+) : (?:int|float)\b.*default=", cls.__doc__, re.MULTILINE)
    return [(cls, name) for name in numbers if name != "verbose"]  # which may be a boolean


ESTIMATORS = [
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
]


@pytest.mark.parametrize("flag", [True, np.True_])
@pytest.mark.parametrize(
    ("cls", "name"), [pair for cls in ESTIMATORS for pair in number_parameters(cls)]
)
def test_a_boolean_is_no_number_of_an_estimator(cls, name, flag, iris):
    estimator = cls(**{name: flag})
    fit = estimator.learn if cls is ActivationLearner else estimator.fit
    with pytest.raises(ValueError, match=f"'{name}' parameter of {cls.__name__}.*Got .*True"):
        fit(*iris)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_layer_sizes", (8, True)),
        ("domain", (False, True)),
        ("n_knots", (9, True)),
        ("unroll_steps", [True]),
        ("outer_learning_rate", (0.1, np.True_)),
    ],
)
def test_a_boolean_is_no_member_of_a_sequence_of_numbers(name, value, iris):
    learner = ActivationLearner(**{name: value})
    with pytest.raises(ValueError, match=f"'{name}' parameter.*Got .*True"):
        learner.learn(*iris)
    with pytest.raises(ValueError, match=f"'{name}' parameter.*Got .*True"):
        LearnedActivationMLPClassifier(learner=learner).fit(*iris)


def test_sizes_of_the_network_are_no_booleans(iris):
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter of Learned.*Got .*True"):
        LearnedActivationMLPClassifier((16, True)).fit(*iris)


def test_parameters_that_are_numbers_by_default_are_documented_as_numbers():
    for cls in ESTIMATORS:
        names = {name for _, name in number_parameters(cls)}
        defaults = inspect.signature(cls).parameters
        numbers = {
            name
            for name, own in defaults.items()
            if type(own.default) in (int, float) and name != "verbose"
        }
        assert numbers <= names


def test_private_modules_of_scikit_learn_are_known_to_one_file():
    offenders = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
                if any(name.startswith("_") for name in names):
                    offenders.append(path.name)
    assert set(offenders) == {"_sklearn_compat.py"}


@pytest.mark.usefixtures("closed_figures")
def test_displays_take_numbers_of_numpy_and_no_booleans(iris, tmp_path):
    learner = ActivationLearner(**LEARNER)
    model = LearnedActivationMLPClassifier(learner=learner, **NETWORK).fit(*iris)
    small = {"n_steps": np.int8(3), "n_paths": np.int8(2), "n_points": np.int8(4)}
    displays = {
        LandscapeDisplay: {"network": np.int8(1), "extent": np.float16(0.5), **small},
        MetaLearningDisplay: {"restart": np.int8(1), "number": np.int8(0), "channel": np.int8(0)},
        ActivationDisplay: {"max_features": np.int8(2)},
        FunctionSliceDisplay: {
            "rows": (np.int8(3),),
            "features": (np.int8(2),),
            "n_points": np.int8(100),
            "output": np.int8(1),
        },
    }
    data = {LandscapeDisplay: iris, FunctionSliceDisplay: iris[:1]}
    for display, parameters in displays.items():
        shown = display.from_estimator(model, *data.get(display, ()), **parameters)
        for name in parameters:
            bad = (True,) if isinstance(parameters[name], tuple) else True
            with pytest.raises(ValueError, match=f"'{name}' parameter of .*Got .*True"):
                display.from_estimator(model, *data.get(display, ()), **parameters | {name: bad})
        if display is MetaLearningDisplay:
            with pytest.raises(ValueError, match="'frames_per_second' parameter.*Got True"):
                shown.save_animation(tmp_path / "shape.gif", frames_per_second=True)
    for method, name in ((model.hidden_representation, "layer"),):
        method(iris[0], np.int8(-1))
        with pytest.raises(ValueError, match=f"'{name}' parameter.*Got True"):
            method(iris[0], True)
