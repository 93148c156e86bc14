"""Whatever the caller has set in scikit-learn, torch, NumPy or pandas, results are the same bits.

And afterwards all is as the caller had it. The same holds in forked children, on the workers of
joblib and for models that lie in read-only memory.
"""

import contextlib
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.datasets import load_diabetes, load_iris

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)
from skibias._run.settings import one_thread
from skibias._run.tensors import as_tensor
from skibias.callbacks import WeightTrajectory
from skibias.complexity import (
    axis_sharpness,
    complexity_report,
    effective_rank,
    geometric_complexity,
    tv_complexity,
)
from skibias.functions.fixed import FixedActivation
from skibias.plots import ActivationDisplay, FunctionSliceDisplay, LandscapeDisplay
from skibias.redshift import complexity_sweep, grid_complexity, transformer_sweep

X, Y = (part[::2] for part in load_iris(return_X_y=True))
POINTS, VALUES = (part[:60] for part in load_diabetes(return_X_y=True))
LEARNER = ActivationLearner(
    n_restarts=2, n_outer_steps=2, horizon=4, hidden_layer_sizes=(4,), batch_size=32, random_state=0
)
SMALL = {"learner": LEARNER, "max_iter": 2, "random_state": 0}
DENORMAL = np.linspace(-3, 3, 7) * 1e-310
TINY_POINTS = POINTS * 1e-200  # whose squares are 0
TIMEOUT = 20  # seconds until a child counts as one that waits for ever


def fitted_classifier(**parameters):
    parameters = {"activation": "learned", "input_activations": "learned"} | parameters
    return LearnedActivationMLPClassifier((4,), **SMALL | parameters).fit(X, Y)


def fitted_regressor(points=POINTS, **parameters):
    parameters = {"activation": "tanh", "input_activations": None} | parameters
    return LearnedActivationMLPRegressor((4,), **SMALL | parameters).fit(points, VALUES)


def fits():
    """Return what new fits predict."""
    splines = [SplineActivation.from_function(np.tanh, n_knots=9)] * POINTS.shape[1]
    spline = SplineActivation([-1.0, 0.0, 2.0], [0.0, 0.0, 1.0], "linear")
    models = [
        fitted_regressor(optimizer="adam", activation="auto"),
        fitted_regressor(scaling=None, activation=spline),
        fitted_regressor(scaling="standard", input_activations=splines),
    ]
    episodic = LEARNER.get_params() | {"schedule": "episodic"}
    return [
        fitted_classifier(activation="auto").predict_proba(X),
        fitted_classifier(activation="auto", scaling="minmax").decision_function(X),
        *(model.predict(POINTS) for model in models),
        fitted_regressor(TINY_POINTS, scaling="standard").predict(TINY_POINTS),
        np.asarray(IAFTransformer(LEARNER, n_channels=2, random_state=0).fit_transform(X, Y)),
        LEARNER.learn(X, Y).values,
        ActivationLearner(**episodic).learn([(X, Y), (POINTS, VALUES)]).values,
    ]


class Fitted:
    """Models that were fitted before."""

    def __init__(self):
        self.trajectory = WeightTrajectory()
        self.classifier = fitted_classifier(callbacks=[self.trajectory])
        # In float32, a share of such weights is too small for a number.
        self.trajectory.trajectory_.append(self.trajectory.trajectory_[-1] * np.float32(1e-38))
        self.regressor = fitted_regressor()
        self.transformer = IAFTransformer(LEARNER, random_state=0).fit(X, Y)
        self.module = differentiable_module()

    def predictions(self):
        classifier, spline = self.classifier, self.transformer.activations_[0]
        return [
            classifier.predict_proba(X),
            classifier.predict(X),
            classifier.decision_function(X[:1]),
            classifier.hidden_representation(X[::-1]),
            *(self.trajectory.estimator_at(classifier, k).predict_proba(X) for k in (1, -1)),
            self.regressor.predict(POINTS),
            np.asarray(self.transformer.transform(X)),
            spline(X[:, 0]),
            SplineActivation.hat()(DENORMAL),
            *(FixedActivation(name, 2.0)(DENORMAL) for name in ("gelu", "tanh", "sin")),
        ]

    def measures(self):
        classifier = self.classifier
        landscape = LandscapeDisplay.from_estimator(
            classifier, X, Y, n_steps=3, n_rows=20, n_paths=3, n_points=5
        )
        principal = LandscapeDisplay.from_estimator(
            classifier, X, Y, trajectory=self.trajectory, n_steps=3, n_rows=20, n_paths=3
        )
        FunctionSliceDisplay.from_estimator(classifier, X)
        ActivationDisplay.from_estimator(classifier)
        sweeps = [
            complexity_sweep({"depth": (1, 2)}, n_networks=2, random_state=0),
            transformer_sweep({"depth": (1,)}, n_networks=2, length=20, random_state=0),
        ]
        return [
            *(landscape.loss, landscape.complexity, principal.loss, principal.complexity),
            complexity_report({"one": classifier}, X, Y, n_paths=5).to_numpy(float),
            effective_rank(classifier.hidden_representation(X)),
            axis_sharpness(classifier, X, n_rows=4, n_points=20),
            geometric_complexity(self.module, X, n_rows=5),
            tv_complexity(torch.nn.ReLU(), X[:, :1], n_paths=5),
            [*grid_complexity(lambda points: np.sin(points[:, 0]), n_points=4).values()],
            *(sweep.select_dtypes("number").to_numpy() for sweep in sweeps),
        ]


def differentiable_module():
    layer = torch.nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.fill_(0.5)
    return torch.nn.Sequential(layer, torch.nn.Tanh(), SplineActivation.hat().as_module())


@pytest.fixture(scope="module")
def fitted():
    return Fitted()


@pytest.fixture(scope="module")
def expected(fitted):
    """Return all results under the settings that torch and the others start with."""
    return {"fits": fits(), "predictions": fitted.predictions(), "measures": fitted.measures()}


def assert_same(results, expected):
    for number, (own, other) in enumerate(zip(results, expected, strict=True)):
        np.testing.assert_array_equal(own, other, err_msg=f"result {number}")


@contextlib.contextmanager
def process_setting(switch, value, before):
    switch(value)
    try:
        yield
    finally:
        switch(before)


def default_dtype(dtype):
    return process_setting(torch.set_default_dtype, dtype, torch.float32)


def default_device(device):
    return process_setting(torch.set_default_device, device, None)


@contextlib.contextmanager
def strict_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


SURROUNDINGS = {
    "pandas output": lambda: sklearn.config_context(transform_output="pandas"),
    "polars output": lambda: sklearn.config_context(transform_output="polars"),
    "metadata routing": lambda: sklearn.config_context(enable_metadata_routing=True),
    "other configuration": lambda: sklearn.config_context(
        assume_finite=True, skip_parameter_validation=True, working_memory=1, display="text"
    ),
    "double by default": lambda: default_dtype(torch.float64),
    "half by default": lambda: default_dtype(torch.float16),
    "brain float by default": lambda: default_dtype(torch.bfloat16),
    "named CPU": lambda: default_device("cpu"),
    "device without data": lambda: default_device("meta"),
    "device without data in a block": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "gradients off": lambda: torch.set_grad_enabled(False),
    "autocast": lambda: torch.autocast("cpu"),
    "deterministic algorithms": lambda: process_setting(
        torch.use_deterministic_algorithms, True, False
    ),
    "no denormal numbers": lambda: process_setting(torch.set_flush_denormal, True, False),
    "one thread": lambda: process_setting(torch.set_num_threads, 1, torch.get_num_threads()),
    "three threads": lambda: process_setting(torch.set_num_threads, 3, torch.get_num_threads()),
    "warnings as errors": strict_warnings,
    "NumPy raises": lambda: np.errstate(all="raise"),
    "old digits of NumPy": lambda: np.printoptions(legacy="1.13"),
    "pandas options": lambda: pd.option_context(
        "mode.string_storage", "python", "display.precision", 2
    ),
}


def settings_now():
    """Return every setting, and the states of the global generators."""
    denormal = 5e-324
    return {
        "scikit-learn": sklearn.get_config(),
        "NumPy": (np.geterr(), np.get_printoptions(), str(np.random.get_state())),
        "dtype and device": (torch.get_default_dtype(), torch.empty(0).device),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        # A product is of another dtype where autocast is on.
        "autocast": (torch.ones(1, 1, dtype=torch.float32) @ torch.ones(1, 1).float()).dtype,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "denormal numbers": denormal * 2 == 0,
        "generators": (torch.get_rng_state().tolist(), random.getstate()),
        "warnings": list(warnings.filters),
    }


@pytest.mark.parametrize("name", SURROUNDINGS)
@pytest.mark.parametrize("kind", ["fits", "predictions", "measures"])
@pytest.mark.usefixtures("closed_figures", "kept_thread_count")
def test_results_are_the_same_bits_and_settings_stay(name, kind, fitted, expected):
    with SURROUNDINGS[name]():
        before = settings_now()
        results = fits() if kind == "fits" else getattr(fitted, kind)()
        after = settings_now()
    assert_same(results, expected[kind])
    assert before == after


@pytest.mark.parametrize("name", ["inference mode", "device without data", "NumPy raises"])
def test_settings_stay_when_a_fit_fails(name):
    model = LearnedActivationMLPClassifier((4,), **SMALL)
    with SURROUNDINGS[name]():
        before = settings_now()
        with pytest.raises(ValueError, match="classes"):
            model.fit(X, np.zeros(len(X)))
        assert settings_now() == before


def test_tensors_keep_the_modes_of_their_caller():
    spline = SplineActivation.hat()
    x = torch.tensor([0.25, 1.5], requires_grad=True)
    assert spline(x).requires_grad
    with torch.no_grad():
        assert not spline(x).requires_grad
    with torch.inference_mode():
        assert spline(x).is_inference()
    with default_dtype(torch.float64):
        assert spline(torch.tensor([1, 2])).dtype == torch.float64


def test_array_api_dispatch_changes_nothing():
    """In a process of its own, since SciPy reads its variable when it is imported."""
    code = (
        "import sklearn, torch, test_surroundings as own\n"
        "sklearn.set_config(array_api_dispatch=True)\n"
        "X = torch.from_numpy(own.X)\n"
        "model = own.LearnedActivationMLPClassifier((4,), activation='tanh', max_iter=1,"
        " random_state=0).fit(X, own.Y)\n"
        "print(model.predict_proba(X).tobytes().hex())"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = os.environ | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": paths}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    model = LearnedActivationMLPClassifier((4,), activation="tanh", max_iter=1, random_state=0)
    assert result.stdout.strip() == model.fit(X, Y).predict_proba(X).tobytes().hex(), result.stderr


@contextlib.contextmanager
def used_threads():
    """Use torch's own threads first: a forked child must not wait for them."""
    torch.set_num_threads(2)
    torch.rand(1 << 20).exp_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside other threads
        yield


def in_forked_child(call):
    """Return the result of a call in a child; fail if it does not end."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(call()))
    child.start()
    try:
        assert receiver.poll(TIMEOUT), "the child does not end"
        return receiver.recv()
    finally:
        child.kill()
        child.join()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@needs_fork
@pytest.mark.usefixtures("kept_thread_count")
def test_forked_children_predict_and_transform(fitted, expected):
    with used_threads():
        assert_same(in_forked_child(fitted.predictions), expected["predictions"])


@needs_fork
@pytest.mark.usefixtures("kept_thread_count")
def test_forked_children_use_none_of_torchs_threads(fitted):
    many = np.tile(X, (1000, 1))
    calls = [
        lambda: fitted.classifier.predict_proba(many),
        lambda: np.asarray(fitted.transformer.transform(many)),
        lambda: fitted.transformer.activations_[0](many[:, 0]),
        lambda: FixedActivation("tanh")(many),
        lambda: effective_rank(many),
    ]
    with used_threads():
        for call in calls:
            assert_same([in_forked_child(call)], [call()])


@needs_fork
@pytest.mark.usefixtures("kept_thread_count")
def test_children_forked_after_a_fit_fit_as_well(expected):
    with used_threads():
        assert_same(in_forked_child(fits), fits())


@needs_fork
@pytest.mark.usefixtures("kept_thread_count")
def test_a_fork_while_other_threads_are_computing(fitted, monkeypatch):
    """One computes, and one is kept just where it sets torch's number of threads."""

    def compute(inside):
        with one_thread():
            inside.set()
            ended.wait()

    def count_threads():
        if threading.current_thread() is threads[1]:
            setting.set()
            ended.wait()
        return n_threads

    computing, setting, ended = (threading.Event() for _ in range(3))
    threads = [threading.Thread(target=compute, args=[own]) for own in (computing, setting)]
    n_threads = torch.get_num_threads()
    threads[0].start()
    computing.wait()
    with used_threads(), monkeypatch.context() as patch:
        patch.setattr(torch, "get_num_threads", count_threads)
        threads[1].start()
        setting.wait()
        try:
            found = in_forked_child(lambda: fitted.classifier.predict_proba(X))
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    assert_same([found], [fitted.classifier.predict_proba(X)])


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
@pytest.mark.usefixtures("kept_thread_count")
def test_workers_of_joblib_fit_and_predict_the_same_bits(backend, fitted, expected):
    with used_threads(), joblib.parallel_config(backend, n_jobs=2), default_dtype(torch.float64):
        found = fitted_classifier(activation="auto").predict_proba(X)
        calls = [joblib.delayed(fitted.classifier.predict_proba)(X) for _ in range(2)]
        predicted = joblib.Parallel()(calls)
    assert_same([found, *predicted], [expected["fits"][0]] + [expected["predictions"][0]] * 2)


def test_models_in_read_only_memory(tmp_path, fitted, expected):
    joblib.dump(fitted, tmp_path / "models.joblib")
    mapped = joblib.load(tmp_path / "models.joblib", mmap_mode="r")
    assert not mapped.classifier.weights_.flags.writeable
    assert_same(mapped.predictions(), expected["predictions"])
    mapped.measures()


def test_arrays_that_torch_does_not_take(fitted):
    read_only = X.copy()
    read_only.setflags(write=False)
    unusual = [read_only, X[::-1][::-1], np.asfortranarray(X), X.astype(">f8")]
    for name in ("predict_proba", "hidden_representation"):
        predict = getattr(fitted.classifier, name)
        assert_same([predict(table) for table in unusual], [predict(X)] * len(unusual))
    spline = fitted.transformer.activations_[0]
    assert_same([spline(table) for table in unusual], [spline(X)] * len(unusual))
    assert_same([as_tensor(table).numpy() for table in unusual], [X] * len(unusual))
    again = [fitted_regressor().fit(table, Y).weights_ for table in unusual]
    assert_same(again, again[:1] * len(unusual))


@pytest.mark.parametrize("n_estimators", [1, 4])
@pytest.mark.parametrize("sizes", [(), (3,), (64,), (30, 7, 1)])
def test_a_row_alone_is_predicted_as_in_a_batch(sizes, n_estimators):
    parameters = {"activation": "tanh", "n_estimators": n_estimators, **SMALL}
    model = LearnedActivationMLPRegressor(sizes, **parameters).fit(POINTS, VALUES)
    together = model.predict(POINTS)
    alone = np.concatenate([model.predict(row[None]) for row in POINTS])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-14 * np.abs(together).max())


def test_a_row_alone_is_transformed_as_in_a_batch(fitted):
    alone = np.concatenate([fitted.transformer.transform(row[None]) for row in X])
    np.testing.assert_allclose(alone, fitted.transformer.transform(X), rtol=1e-15)
