"""Callbacks for the final training of the estimators, in the form of skorch's.

Any skorch callback can be passed to an estimator's ``callbacks``; this module adds what skorch
does not have. It imports skorch, which ``import skibias`` alone does not.
"""

from skibias._skorch import WeightTrajectory

__all__ = ["WeightTrajectory"]
