"""Neural networks whose activation functions are learned, for scikit-learn.

skibias meta-learns activation functions (linear splines, by bi-level optimisation inside ``fit``)
that give a network the inductive bias its data needs.
"""

from skibias._learner import ActivationLearner
from skibias._mlp import LearnedActivationMLPClassifier, LearnedActivationMLPRegressor
from skibias._transformer import IAFTransformer
from skibias._version import __version__
from skibias.complexity import tv_complexity
from skibias.functions.category import CategoryActivation
from skibias.functions.spline import SplineActivation

__all__ = [
    "ActivationLearner",
    "CategoryActivation",
    "IAFTransformer",
    "LearnedActivationMLPClassifier",
    "LearnedActivationMLPRegressor",
    "SplineActivation",
    "__version__",
    "tv_complexity",
]
