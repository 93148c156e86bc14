"""The two estimators: multi-layer perceptrons with learned activation functions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight

from skibias._base_mlp import BaseLearnedActivationMLP
from skibias._errors import parameter_error
from skibias._learner import ActivationLearner
from skibias._mlp_docstrings import ATTRIBUTES, PARAMETERS
from skibias._numbers import is_real
from skibias._prepare.data_checks import check_weights
from skibias._prepare.rows import WeightedRows
from skibias._run.clock import Cut
from skibias._run.settings import plain_settings
from skibias._sklearn_compat import StrOptions
from skibias._train.calibration import fit_calibration
from skibias._typing import OptimizerName, RandomState, Sharing
from skibias.functions.spline import SplineActivation
from skibias.functions.supports import ColumnFunction


class LearnedActivationMLPClassifier(ClassifierMixin, BaseLearnedActivationMLP):
    __doc__ = f"""Multi-layer perceptron classifier whose activation functions are learned.

    `fit` meta-learns activation functions and functions of the input columns, trains networks with
    them, with ReLU and with tanh, and keeps the best on held-out rows (Teney et al., "Do We Always
    Need the Simplicity Bias?", CVPR 2025).

    Parameters
    ----------
    {PARAMETERS}
    class_weight : dict, "balanced" or None, default=None
        Factor on the weights of the rows of each class, by label; a class that a dict leaves out
        has 1. "balanced" is inversely proportional to the numbers of rows. Probabilities are then
        those of classes that are as frequent as their weights say.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    {ATTRIBUTES.format(score="Accuracy")}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skibias import LearnedActivationMLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LearnedActivationMLPClassifier((32,), activation="tanh", random_state=0)
    >>> model.fit(X, y).predict(X[:2])
    array([0, 0])
    """

    _parameter_constraints: dict = {
        **BaseLearnedActivationMLP._parameter_constraints,
        "class_weight": [Mapping, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (256, 256),
        *,
        activation: str | SplineActivation | Sequence[SplineActivation] = "auto",
        prefactor: float | None = None,
        input_activations: str | BaseEstimator | Sequence[ColumnFunction] | None = "auto",
        sharing: Sharing = "network",
        learner: ActivationLearner | None = None,
        scaling: str | None = "auto",
        categorical_features: Literal["from_dtype"] | ArrayLike | None = "from_dtype",
        optimizer: OptimizerName = "rmsprop",
        learning_rate: float = 0.001,
        label_smoothing: float = 0.1,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int = 100,
        early_stopping: bool = True,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 12,
        n_estimators: int = 4,
        callbacks: list[Any] | None = None,
        time_limit: float | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation=activation,
            prefactor=prefactor,
            input_activations=input_activations,
            sharing=sharing,
            learner=learner,
            scaling=scaling,
            categorical_features=categorical_features,
            optimizer=optimizer,
            learning_rate=learning_rate,
            label_smoothing=label_smoothing,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            n_estimators=n_estimators,
            callbacks=callbacks,
            time_limit=time_limit,
            checkpoint=checkpoint,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def _weighted_classes(self, weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.class_weight is None:
            return weights
        if isinstance(self.class_weight, Mapping) and not all(
            is_real(own) and 0 <= own < np.inf for own in self.class_weight.values()
        ):
            rule = "hold finite weights that are not negative"
            raise parameter_error("class_weight", type(self).__name__, rule, self.class_weight)
        try:
            factors = compute_sample_weight(self.class_weight, column_or_1d(y))
        except ValueError as error:
            raise parameter_error(
                "class_weight", type(self).__name__, "name classes of y", self.class_weight
            ) from error
        return weights * check_weights(factors, y, type(self).__name__, "class_weight")

    def _fit(self, *arguments: Any) -> list[Cut]:
        cuts = super()._fit(*arguments)
        self.classes_ = self.networks_.encoding.classes
        return cuts

    @plain_settings()
    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the logits, the mean over the networks; `predict_proba` calibrates them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            For two classes, the logit of the second one.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    @plain_settings()
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of every class.

        The smoothing of labels is undone in one way, and the logits are divided by a temperature
        in another. Both are mixed with each other and with equal probabilities; the most probable
        class stays that of the logits. The temperature and the shares are those that suit the
        held-out rows best. With ``early_stopping=False`` there are none, and only the smoothing
        is undone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        outputs = self._outputs(X)
        return self._calibration_.probabilities(outputs)

    @plain_settings()
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(1)]

    def _evaluate(self, held_out: WeightedRows) -> None:
        """Score the networks on held-out rows, and calibrate their probabilities."""
        logits = self.networks_.outputs(held_out.X)
        self._calibration_ = fit_calibration(
            logits, held_out.y, held_out.weights, self._calibration_
        )
        score = accuracy_score(held_out.y, logits.argmax(1), sample_weight=held_out.weights)
        self.best_validation_score_ = float(score)


class LearnedActivationMLPRegressor(RegressorMixin, BaseLearnedActivationMLP):
    __doc__ = f"""Multi-layer perceptron regressor whose activation functions are learned.

    `fit` meta-learns activation functions and functions of the input columns, trains networks with
    them, with ReLU and with tanh, and keeps the best on held-out rows (Teney et al., "Do We Always
    Need the Simplicity Bias?", CVPR 2025). Targets are standardised inside.

    Parameters
    ----------
    {PARAMETERS}

    Attributes
    ----------
    {ATTRIBUTES.format(score="Coefficient of determination")}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skibias import LearnedActivationMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LearnedActivationMLPRegressor((32,), activation="tanh", random_state=0)
    >>> model.fit(X, y).predict(X[:2]).shape
    (2,)
    """

    @plain_settings()
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the predicted values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), as y in `fit`
        """
        outputs = self._outputs(X)
        values = self.networks_.encoding.decode(outputs)
        return values[:, 0] if self._one_dimensional_ else values

    def _evaluate(self, held_out: WeightedRows) -> None:
        """Score the networks on held-out rows; undefined for one row."""
        if len(held_out.y) < 2:
            return
        # As they were standardised: in their own units, squares could overflow.
        encoding = self.networks_.encoding
        values = encoding.encode(held_out.y)
        predicted = self.networks_.outputs(held_out.X) * (encoding.scale > 0)
        score = r2_score(values, predicted, sample_weight=held_out.weights)
        self.best_validation_score_ = float(score)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
