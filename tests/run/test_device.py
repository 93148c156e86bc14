"""Fitting on a GPU, where there is one."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from skibias import ActivationLearner, IAFTransformer, LearnedActivationMLPClassifier

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
LEARNER = ActivationLearner(n_outer_steps=20, horizon=50, hidden_layer_sizes=(16,))


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_a_model_fitted_on_a_gpu_is_as_good_and_predicts_on_the_cpu(device):
    X, y = load_iris(return_X_y=True)
    options = {"learner": LEARNER, "max_iter": 60, "learning_rate": 0.01, "random_state": 0}
    model = LearnedActivationMLPClassifier((32,), device=device, **options).fit(X, y)
    assert model.score(X, y) > 0.9
    again = pickle.loads(pickle.dumps(model)).set_params(device="cpu")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert b"cuda" not in pickle.dumps(again)


def test_functions_learned_on_a_gpu_agree_with_those_of_the_cpu():
    X, y = load_iris(return_X_y=True)
    functions = [
        IAFTransformer(LEARNER, device=device, random_state=0).fit(X, y).activations_
        for device in ("cpu", "cuda")
    ]
    for own, other in zip(*functions, strict=True):
        np.testing.assert_allclose(own.values, other.values, atol=0.05)
