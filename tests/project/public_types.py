"""What a user writes, for the type checker: mypy must accept it, and infer the types named here."""

from __future__ import annotations

from typing import assert_type

import numpy as np
import torch

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
    tv_complexity,
)
from skibias.datasets import load_magic_telescope, make_algorithmic_task
from skibias.plots import ActivationDisplay


def compare() -> float:
    X, y = load_magic_telescope(return_X_y=True)
    learner = ActivationLearner(n_outer_steps=100, horizon="auto", random_state=0)  # type: ignore[arg-type]
    learner = ActivationLearner(n_outer_steps=100, schedule="staggered", random_state=0)
    model = LearnedActivationMLPClassifier((64, 64), learner=learner, random_state=0).fit(X, y)
    assert_type(model, LearnedActivationMLPClassifier)
    assert_type(model.predict_proba(X), np.ndarray)
    ActivationDisplay.from_estimator(model, X, max_features=4).plot()
    return float(tv_complexity(model, X, y, n_paths=50, response_method="predict_proba"))


def regress(X: list[list[float]], y: list[float]) -> np.ndarray:
    model = LearnedActivationMLPRegressor(activation="tanh", prefactor=4, n_estimators=1)
    return model.fit(X, y, sample_weight=[1.0] * len(y)).predict(X)


def transform(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    transformer = IAFTransformer(ActivationLearner(n_knots=20), n_channels=1).fit(X, y)
    assert_type(transformer, IAFTransformer)
    return np.asarray(transformer.transform(X))


def share(path: str) -> torch.nn.Module:
    X, y = make_algorithmic_task("a+b mod 27", return_X_y=True)
    learned: SplineActivation = ActivationLearner(loss="squared_error").learn(X, y)
    assert_type(learned.to_json(), str)
    tanh = SplineActivation.from_function(np.tanh, domain=(-5, 5), n_knots=50)
    same = SplineActivation.from_json(tanh.to_json())
    return same.as_module(dtype=torch.float64)
