"""The MAGIC gamma telescope data, bundled with the package."""

from __future__ import annotations

import gzip
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skibias._typing import Dataset, Frame

_DATA_MODULE = "skibias.datasets.data"
_FILE_NAME = "magic_telescope.csv.gz"
_CLASS_CODES = {"h": 0.0, "g": 1.0}
_TARGET_NAMES = ("hadron", "gamma")


def load_magic_telescope(*, return_X_y: bool = False, as_frame: bool = False) -> Dataset:
    """Load the MAGIC gamma telescope data (binary classification).

    Simulated images of an atmospheric Cherenkov telescope, each described by the ellipse of
    light in the camera; gamma rays are to be told from hadrons. The rows are sorted by class:
    shuffle before any sequential split.

    =================   ===============================
    Classes             2
    Samples per class   6688 hadron (0), 12332 gamma (1)
    Samples total       19020
    Dimensionality      10
    Features            real
    =================   ===============================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame and ``target`` a pandas Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        data : {ndarray, DataFrame} of shape (19020, 10)
            The features, float64.
        target : {ndarray, Series} of shape (19020,)
            The class: 0 for hadron (``h`` in the source), 1 for gamma (``g``).
        feature_names : list of 10 str
            The names of the columns.
        target_names : ndarray of shape (2,)
            The names of the classes.
        frame : DataFrame of shape (19020, 11) or None
            Features and target together; only with ``as_frame=True``.
        DESCR : str
            The description of the data, with its source and licence.
        filename : str
            The name of the data file.
        data_module : str
            The place of the data file, as a dotted name.

    (data, target) : tuple if ``return_X_y`` is True
        The features and the class alone.

    Raises
    ------
    TypeError
        If a parameter is not a bool.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Notes
    -----
    Licence of the data: Creative Commons Attribution 4.0 International (CC BY 4.0). The values
    are unchanged.

    References
    ----------
    Bock, R. (2004). MAGIC Gamma Telescope. UCI Machine Learning Repository.
    https://doi.org/10.24432/C52C8B

    Examples
    --------
    >>> from skibias.datasets import load_magic_telescope
    >>> X, y = load_magic_telescope(return_X_y=True)
    >>> X.shape, y.shape
    ((19020, 10), (19020,))
    >>> magic = load_magic_telescope()
    >>> magic.feature_names[:3]
    ['fLength', 'fWidth', 'fSize']
    >>> [str(name) for name in magic.target_names[magic.target[[0, -1]]]]
    ['gamma', 'hadron']
    """
    _check_bool("return_X_y", return_X_y)
    _check_bool("as_frame", as_frame)
    feature_names, data, target = _read_table()
    frame = None
    if as_frame:
        frame = _to_frame(feature_names, data, target)
        data, target = frame[feature_names], frame["target"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        target_names=np.array(_TARGET_NAMES),
        feature_names=feature_names,
        DESCR=_data_file("README.md").read_text(encoding="utf-8"),
        filename=_FILE_NAME,
        data_module=_DATA_MODULE,
    )


def _check_bool(name: str, value: Any) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(
            f"The {name!r} parameter of load_magic_telescope must be a bool. Got {value!r} instead."
        )


def _data_file(name: str) -> Traversable:
    # The folder has no __init__.py: it is reached through its parent, a regular package.
    return resources.files("skibias.datasets") / "data" / name


def _read_table() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read the names of the features, their values (n, d) and the class codes (n,)."""
    with _data_file(_FILE_NAME).open("rb") as compressed, gzip.open(compressed, "rt") as lines:
        feature_names = lines.readline().rstrip().split(",")[:-1]
        # With encoding=None the converter is given text by numpy 1 too, not bytes.
        codes: Any = {-1: _CLASS_CODES.__getitem__}
        table = np.loadtxt(lines, delimiter=",", converters=codes, encoding=None)
    # A copy: a slice of the table would be a strided view and keep the class column alive.
    return feature_names, table[:, :-1].copy(), table[:, -1].astype(np.int64)


def _to_frame(feature_names: list[str], data: Any, target: np.ndarray) -> Frame:
    """Put features and target into one pandas DataFrame."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "load_magic_telescope with as_frame=True needs pandas: pip install pandas."
        ) from error
    frame = pd.DataFrame(data, columns=feature_names)
    frame["target"] = target
    return frame
