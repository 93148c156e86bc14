"""scikit-learn's own checks, with no expected failure."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
)


def small(estimator_class):
    """Return an estimator that learns in a moment and still fits easy data well."""
    learner = ActivationLearner(n_outer_steps=3, n_restarts=1, horizon=6)
    if estimator_class is IAFTransformer:
        return IAFTransformer(learner)
    return estimator_class((16,), learner=learner, max_iter=300, learning_rate=0.01)


ESTIMATORS = [LearnedActivationMLPClassifier, LearnedActivationMLPRegressor, IAFTransformer]


@parametrize_with_checks([small(estimator) for estimator in ESTIMATORS])
def test_small_settings_pass_every_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([estimator() for estimator in ESTIMATORS])
def test_defaults_pass_every_check(estimator, check):
    check(estimator)
