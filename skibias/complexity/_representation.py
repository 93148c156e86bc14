"""Complexity of what a layer computes."""

from __future__ import annotations

from numpy.typing import ArrayLike
from torch import Tensor

from skibias._run.settings import plain_settings
from skibias._run.tensors import as_tensor
from skibias.complexity._tables import numeric_columns
from skibias.engine.complexity import effective_rank as engine_effective_rank


def effective_rank(representation: ArrayLike | Tensor) -> float:
    """Effective rank of a representation, such as the units of a hidden layer.

    ``exp(-sum_k p_k log p_k)``, where p are the singular values divided by their sum (Roy and
    Vetterli, "The effective rank: a measure of effective dimensionality", 2007, definition 1). It
    does not change when the representation is rotated or multiplied by a number other than 0.
    Columns are not centred: subtract their means before if they shall not count as a direction.

    Parameters
    ----------
    representation : array-like or tensor of shape (n_samples, n_units)
        For instance ``model.hidden_representation(X)``.

    Returns
    -------
    float
        In [1, min(n_samples, n_units)]; 0 for zeros only.

    Raises
    ------
    ValueError
        If the representation is not a table of finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skibias.complexity import effective_rank
    >>> round(effective_rank(np.eye(5)[:, :3]), 6)
    3.0
    """
    if isinstance(representation, Tensor):
        representation = representation.detach().cpu().double().numpy()
    columns = numeric_columns(representation, "effective_rank", "representation")
    with plain_settings():
        return float(engine_effective_rank(as_tensor(columns)))
