"""Scores of every epoch: what a user's `EpochScoring` records in the final training."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import check_scoring
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochScoring

from skibias._prepare.targets import TargetEncoding


class HeldOutScores(Callback):
    """Score the averaged networks on the held-out rows, for every `EpochScoring` of the user.

    skorch itself has no validation set here, so that its own call records nothing.
    """

    def __init__(self, scorings: list[EpochScoring], evaluation: Any, encoding: TargetEncoding):
        self.scorings = scorings
        self.evaluation = evaluation  # has the held-out rows and, after an epoch, mean outputs
        self.encoding = encoding

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        rows = self.evaluation.validation
        kind = _Regressor if self.encoding.classes is None else _Classifier
        model = kind(rows.inputs, self.evaluation.outputs_.double().cpu().numpy(), self.encoding)
        y = self.encoding.decode(rows.targets.cpu().numpy())
        for scoring in self.scorings:
            score = check_scoring(model, scoring.scoring_)(model, rows.inputs, y)
            scoring._record_score(net.history, score)


def epoch_scorings(callbacks: list | None) -> list[EpochScoring]:
    """Return the `EpochScoring` among callbacks, which may stand in pairs (name, callback)."""
    own = [entry[1] if isinstance(entry, tuple) else entry for entry in callbacks or []]
    return [callback for callback in own if isinstance(callback, EpochScoring)]


class _Networks(BaseEstimator):
    """The networks' predictions for the held-out rows, in the form that scorers ask for."""

    def __init__(self, X: Any, outputs: np.ndarray, encoding: TargetEncoding) -> None:
        self.X = X
        self.outputs = outputs
        self.encoding = encoding

    def fit(self, X: Any, y: Any) -> _Networks:
        """Do nothing; scorers take estimators only."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _outputs_of(self, X: Any) -> np.ndarray:
        if X is not self.X:
            raise ValueError(
                "The 'scoring' parameter of EpochScoring must predict the X that it is called "
                "with, the held-out rows as the networks read them. Got other rows instead."
            )
        return self.outputs


class _Classifier(ClassifierMixin, _Networks):
    @property
    def classes_(self) -> np.ndarray:
        assert self.encoding.classes is not None
        return self.encoding.classes

    def decision_function(self, X: Any) -> np.ndarray:
        outputs = self._outputs_of(X)
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        return softmax(self._outputs_of(X), axis=1)

    def predict(self, X: Any) -> np.ndarray:
        return self.classes_[self._outputs_of(X).argmax(axis=1)]


class _Regressor(RegressorMixin, _Networks):
    def predict(self, X: Any) -> np.ndarray:
        return self.encoding.decode(self._outputs_of(X))
