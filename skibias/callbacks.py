"""Callbacks for the final training of the estimators, in the form of skorch's.

Any skorch callback can be passed to an estimator's ``callbacks``; this module adds what skorch
does not have. It imports skorch, which ``import skibias`` alone does not.
"""

from copy import copy
from typing import Any

import numpy as np
from skorch import NeuralNet
from skorch.callbacks import Callback

from skibias._numbers import check_index
from skibias._run.settings import plain_settings

__all__ = ["WeightTrajectory"]


class WeightTrajectory(Callback):
    """skorch callback that keeps the weights after every epoch.

    Attributes
    ----------
    trajectory_ : list of ndarray of shape (n_estimators, n_weights), float32
        The start first, then one entry per epoch; each network as the flat vector that the
        estimator's ``weights_`` holds, followed by the changes of the input functions it trains.
    """

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Keep the weights that training starts from."""
        self.trajectory_ = [_weights_of(net)]

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Keep this epoch's weights."""
        self.trajectory_.append(_weights_of(net))

    def estimator_at(self, estimator: Any, epoch: int) -> Any:
        """Return a copy of the fitted estimator as it was after an epoch.

        Parameters
        ----------
        estimator : LearnedActivationMLPClassifier or LearnedActivationMLPRegressor
            The one that was fitted with this callback.
        epoch : int
            0 is the start, 1 the end of the first epoch, -1 that of the last.

        Returns
        -------
        The same class
            Fitted; shares all but the weights with the estimator.

        Raises
        ------
        ValueError
            If there is no such epoch, or the weights are of other networks.
        """
        n_states = len(self.trajectory_)
        epoch = check_index("epoch", epoch, -n_states, n_states - 1, "estimator_at")
        other = copy(estimator)
        with plain_settings():
            other.networks_ = estimator.networks_.with_weights(self.trajectory_[epoch])
        return other


def _weights_of(net: NeuralNet) -> np.ndarray:
    return net.module_.weights.detach().cpu().numpy().copy()
