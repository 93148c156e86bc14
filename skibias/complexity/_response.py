"""What an estimator or a callable computes, as a function from points to numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skibias._columns import check_real, numbers_only
from skibias._run.settings import full_precision
from skibias._run.tensors import as_tensor

RESPONSE_METHODS = ("decision_function", "predict_proba", "predict")
CALL = "__call__"  # the response of a callable that has none of the methods
MODULE_ROWS = 1024  # rows that go through a torch module at once


class Response(NamedTuple):
    """One method of an estimator."""

    estimator: Any
    method: str
    owner: str  # the function that its errors name

    @property
    def is_module(self) -> bool:
        """Whether a torch module is called."""
        return self.method == CALL and isinstance(self.estimator, nn.Module)

    def __call__(self, points: Any) -> np.ndarray:
        """Return the outputs (n, n_outputs), float64, at n points."""
        outputs: Any
        if self.is_module:
            with numbers_only(points, self.owner):  # a module takes no categories
                inputs = np.asarray(points, dtype=np.float64)
            outputs = _module_outputs(self.estimator, inputs)
        else:
            outputs = getattr(self.estimator, self.method)(points)
        if self.method == "predict":
            outputs = _indicators(outputs, getattr(self.estimator, "classes_", ()))
        if isinstance(outputs, list) and np.ndim(outputs[0]) == 2:
            outputs = np.hstack(outputs)  # one array of probabilities per output
        return self.checked(outputs, len(points))

    def checked(self, outputs: Any, n_points: int) -> np.ndarray:
        """Return outputs as (n, n_outputs) float64, or raise ValueError."""
        if isinstance(outputs, Tensor):
            outputs = outputs.detach().cpu().double()
        try:
            check_real(outputs, self.owner, "estimator")
            outputs = np.asarray(outputs, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._refusal("numbers", f"{type(outputs).__name__} ({error})") from error
        if outputs.ndim == 0 or len(outputs) != n_points:
            shape = f"shape {outputs.shape} for {n_points} points"
            raise self._refusal("one row of outputs for every point", shape)
        if not np.isfinite(outputs).all():
            raise self._refusal("finite numbers", "missing or infinite values")
        return outputs.reshape(n_points, -1)

    def _refusal(self, rule: str, found: str) -> ValueError:
        return ValueError(
            f"The 'estimator' parameter of {self.owner} must return {rule}. "
            f"Got {found} from {self.method} of {self.estimator!r} instead."
        )


def find_response(estimator: Any, response_method: str, owner: str) -> Response:
    """Return the response of one fitted estimator or callable."""
    method = common_method([estimator], response_method, owner, parameter="estimator")
    return Response(estimator, method, owner)


def common_method(
    estimators: Sequence[Any],
    response_method: str,
    owner: str,
    *,
    parameter: str,
    order: Sequence[str] = RESPONSE_METHODS,
) -> str:
    """Return the method to compare estimators by.

    "auto" is the first in ``order`` that all of them have, else the call if all are callable.

    Raises
    ------
    NotFittedError
        If an estimator of scikit-learn is not fitted.
    ValueError
        If there is no such method.
    """
    if response_method not in ("auto", *RESPONSE_METHODS):
        raise ValueError(
            f"The 'response_method' parameter of {owner} must be 'auto' or one of "
            f"{RESPONSE_METHODS}. Got {response_method!r} instead."
        )
    for estimator in estimators:
        _check_fitted(estimator, owner, parameter)
    names = (*order, CALL) if response_method == "auto" else (response_method,)
    for name in names:
        if all(_has(estimator, name) for estimator in estimators):
            return name
    rule = f"have one of the methods {tuple(names)}" + (" in common" if estimators[1:] else "")
    got = ", ".join(repr(estimator) for estimator in estimators)
    raise ValueError(f"The {parameter!r} parameter of {owner} must {rule}. Got {got} instead.")


def _has(estimator: Any, name: str) -> bool:
    return callable(estimator) if name == CALL else hasattr(estimator, name)


def _check_fitted(estimator: Any, owner: str, parameter: str) -> None:
    """Raise unless an estimator is an object and, where scikit-learn can tell, fitted."""
    if isinstance(estimator, type):
        raise ValueError(
            f"The {parameter!r} parameter of {owner} must be fitted. "
            f"Got the class {estimator.__name__} instead."
        )
    # Whether others are fitted is for them to say when they are evaluated.
    if isinstance(estimator, BaseEstimator) and hasattr(estimator, "fit"):
        check_is_fitted(estimator)


def _indicators(labels: Any, classes: Any) -> np.ndarray:
    """Return predicted labels as indicators of the classes, and predicted values as they are."""
    labels = np.asarray(labels)
    if not len(classes):  # also regressors that have the attribute, but empty
        return labels
    if labels.ndim == 1:
        return labels[:, None] == np.asarray(classes)
    if isinstance(classes, list):  # the classes of every output
        return np.hstack([labels[:, [k]] == own for k, own in enumerate(classes)])
    return labels  # indicators already


def module_inputs(module: nn.Module, points: Any) -> Tensor:
    """Return points as a tensor of the kind and on the device of the module's parameters."""
    floating = (p for p in module.parameters() if p.is_floating_point())
    like = next(floating, torch.empty(0, dtype=torch.float32, device="cpu"))
    return as_tensor(points, like.dtype, like.device)


@contextmanager
def in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Turn off what a module does in training only, such as dropout or half precision.

    It is turned on again afterwards.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with full_precision():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def _module_outputs(module: nn.Module, points: Any) -> Tensor:
    with in_evaluation_mode(module), torch.no_grad():
        blocks = module_inputs(module, points).split(MODULE_ROWS)
        return torch.cat([module(block) for block in blocks])
