"""Slabs: synthetic data in which features of different complexity all tell the class.

Notation: n rows, f features that tell the class, d columns of noise; k slabs of a feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skibias._numbers import is_whole
from skibias._run.seeds import draw_seed
from skibias._sklearn_compat import RANDOM_STATE, Interval, validate_params
from skibias._typing import RandomState


class _Slabs(NamedTuple):
    """The slabs of a feature, from left to right."""

    classes: np.ndarray  # (k,), of the rows in them
    probabilities: np.ndarray  # (k,), that a row of their class is in them


# From 5 slabs on, the probabilities give both classes the same mean and variance, so that neither
# a line nor a parabola tells them apart: Shah et al. (2020), "The Pitfalls of Simplicity Bias".
SLABS = {
    2: _Slabs(np.array([0, 1]), np.array([1, 1])),
    5: _Slabs(np.array([0, 1, 0, 1, 0]), np.array([1, 4, 6, 4, 1]) / 8),
    7: _Slabs(np.array([1, 0, 1, 0, 1, 0, 1]), np.array([1, 4, 7, 8, 7, 4, 1]) / 16),
}


@validate_params(
    {
        "n_slabs": [tuple, list],
        "n_noise": [Interval(Integral, 0, None, closed="left")],
        "margin": [Interval(Real, 0, 1, closed="neither")],
        "n_train": [Interval(Integral, 1, None, closed="left")],
        "n_test": [Interval(Integral, 1, None, closed="left")],
        "random_state": RANDOM_STATE,
    },
)
def make_slabs(
    *,
    n_slabs: Sequence[int] = (2, 5),
    n_noise: int = 18,
    margin: float = 0.1,
    n_train: int = 10_000,
    n_test: int = 2_000,
    random_state: RandomState = None,
) -> Bunch:
    """Make data of two classes that each of several features tells alone, simply or not.

    A feature is divided into slabs, which are of one class and the other in turn. With 2 slabs it
    is linear: one threshold tells the classes. With 5 slabs it takes four thresholds, and with 7
    six. All features are fully predictive in training; further test sets, in which some of them
    are random, tell which of them a model relies on. Networks with ReLU take to the simplest.

    Parameters
    ----------
    n_slabs : tuple of int, default=(2, 5)
        The slabs of each feature: 2 (linear), 5 or 7.

    n_noise : int, default=18
        The number of columns of noise after the features.

    margin : float, default=0.1
        Half the gap between two slabs, above 0 and below 1 / (k - 1), where k is the largest
        number of slabs. All columns go from -1 to 1.

    n_train, n_test : int, default=10_000, 2_000
        The number of rows for training, and for testing.

    random_state : int, RandomState instance or None, default=None
        What the data are drawn with. With an int, the result is always the same, and the rows
        for testing do not change with ``n_train``.

    Returns
    -------
    slabs : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        train, test : Bunch
            All features tell the class.
        test_without : list of Bunch
            For each feature the test set in which it alone is random.
        test_only : list of Bunch
            For each feature the test set in which it alone tells the class, and all other
            features are random.
        feature_names : list of str
            The names of the columns.
        DESCR : str
            The description of the data.

        Each of the sets has

        data : ndarray of shape (n, f + n_noise)
            The columns, float64: first the features, in the order of ``n_slabs``.
        target : ndarray of shape (n,)
            The class, 0 or 1, int64.

    Raises
    ------
    ValueError
        If there is no feature, or a number of slabs is not known, or the margin is too wide.

    Notes
    -----
    The classes are drawn with equal probability. A feature of k slabs has them on [-1, 1] with
    gaps of 2 ``margin`` between; all are (2 - 2 (k - 1) ``margin``) / k wide. A value is uniform
    in one of the slabs of its class, drawn with these probabilities, from left to right:

    === ======= ============================== =======================
    k   class 0 class 1                        slabs
    === ======= ============================== =======================
    2   1       1                              0 1
    5   1, 6, 1 4, 4 (eighths)                 0 1 0 1 0
    7   4, 8, 4 1, 7, 7, 1 (sixteenths)        1 0 1 0 1 0 1
    === ======= ============================== =======================

    With 5 and 7 slabs, mean and variance of both classes are then equal. Given the class, the
    columns are independent; noise is uniform on [-1, 1]. A random feature is drawn in the same
    way for a class that is drawn anew, so that its distribution is as before. All test sets have
    the same rows but for what is random, and that is the same wherever it is random.

    Shah et al. [1]_ have one feature of 2 slabs beside many of 5, or one of 5 beside many of 7.

    References
    ----------
    .. [1] Shah, H., Tamuly, K., Raghunathan, A., Jain, P. and Netrapalli, P. (2020). The Pitfalls
       of Simplicity Bias in Neural Networks. NeurIPS.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skibias.datasets import make_slabs
    >>> slabs = make_slabs(n_slabs=(2, 5), n_noise=3, random_state=0)
    >>> slabs.feature_names
    ['2 slabs', '5 slabs', 'noise', 'noise', 'noise']
    >>> model = LogisticRegression().fit(slabs.train.data, slabs.train.target)
    >>> for name, part in zip(slabs.feature_names, slabs.test_only):
    ...     print(f"{name} only: {model.score(part.data, part.target):.1f}")
    2 slabs only: 1.0
    5 slabs only: 0.5
    """
    _check_slabs(n_slabs, margin)
    seed = draw_seed(random_state)
    generators = [np.random.RandomState([seed, number]) for number in range(3)]
    train, test = (
        _make_part(n, n_slabs, n_noise, margin, generator)
        for n, generator in zip((n_train, n_test), generators[:2], strict=True)
    )
    summary = (
        f"Two classes, which features of {', '.join(map(str, n_slabs))} slabs each tell; "
        f"{n_noise} columns of noise. In test_without one feature is random, in test_only all but "
        "one are."
    )
    return Bunch(
        train=train,
        test=test,
        **_randomize(test, n_slabs, margin, generators[2]),
        feature_names=[f"{k} slabs" for k in n_slabs] + ["noise"] * n_noise,
        DESCR=summary,
    )


def _check_slabs(n_slabs: Sequence[int], margin: float) -> None:
    if not n_slabs or not all(is_whole(k) and k in SLABS for k in n_slabs):
        raise ValueError(
            "The 'n_slabs' parameter of make_slabs must hold at least one number, each of them 2, "
            f"5 or 7. Got {n_slabs!r} instead."
        )
    limit = 1 / (max(n_slabs) - 1)
    if margin >= limit:
        raise ValueError(
            f"The 'margin' parameter of make_slabs must be below 1 / {max(n_slabs) - 1}, since the "
            f"gaps between {max(n_slabs)} slabs fill the whole range then. Got {margin!r} instead."
        )


def draw_classes(n: int, generator: np.random.RandomState) -> np.ndarray:
    """Draw classes (n,), 0 or 1 with equal probability."""
    return generator.randint(2, size=n, dtype=np.int64)


def draw_feature(
    target: np.ndarray, k: int, margin: float, generator: np.random.RandomState
) -> np.ndarray:
    """Draw the values (n,) of a feature of k slabs for rows of the classes ``target`` (n,)."""
    classes, probabilities = SLABS[k]
    n = len(target)
    width = (2 - 2 * (k - 1) * margin) / k
    slab = np.empty(n, dtype=np.int64)
    for label in (0, 1):
        choices = np.flatnonzero(classes == label)
        drawn = generator.choice(choices, size=n, p=probabilities[choices])
        slab = np.where(target == label, drawn, slab)
    left_end = -1 + slab * (width + 2 * margin)
    return left_end + width * generator.uniform(size=n)


def _make_part(
    n: int, n_slabs: Sequence[int], n_noise: int, margin: float, generator: np.random.RandomState
) -> Bunch:
    target = draw_classes(n, generator)
    features = [draw_feature(target, k, margin, generator) for k in n_slabs]
    noise = generator.uniform(-1, 1, size=(n, n_noise))
    return Bunch(data=np.column_stack([*features, noise]), target=target)


def _randomize(
    part: Bunch, n_slabs: Sequence[int], margin: float, generator: np.random.RandomState
) -> dict[str, Any]:
    """Return the sets in which one feature, or all but one, are drawn for classes drawn anew."""
    n = len(part.target)
    random_features = np.column_stack(
        [draw_feature(draw_classes(n, generator), k, margin, generator) for k in n_slabs]
    )
    features = np.arange(len(n_slabs))
    return {
        "test_without": [_replace(part, random_features, features == each) for each in features],
        "test_only": [_replace(part, random_features, features != each) for each in features],
    }


def _replace(part: Bunch, random_features: np.ndarray, is_random: np.ndarray) -> Bunch:
    """Return a set in which the features (f,) that are so marked are random."""
    data = part.data.copy()
    data[:, np.flatnonzero(is_random)] = random_features[:, is_random]
    return Bunch(data=data, target=part.target.copy())
