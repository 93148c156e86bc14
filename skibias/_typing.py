"""Types in the annotations of several public functions."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

OptimizerName = Literal["rmsprop", "adam", "momentum", "sgd"]
RandomState = int | np.random.RandomState | None
ResponseMethod = Literal["auto", "decision_function", "predict_proba", "predict"]
Sharing = Literal["network", "layer"]
TargetType = Literal["auto", "binary", "multiclass", "continuous"]

# These say less than they could. What a function returns depends on an argument, or comes from a
# library without types.
Dataset = Any  # a Bunch, or a pair (X, y) with return_X_y=True
Complexity = Any  # a float, or a pair of floats with return_standard_error=True
Frame = Any  # a pandas DataFrame
