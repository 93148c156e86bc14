"""The benchmark of Grinsztajn et al. (2022) on numerical features: two suites of tables."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skibias._docstrings import shared_parts
from skibias._sklearn_compat import StrOptions, validate_params
from skibias._typing import Dataset, Frame
from skibias.datasets._local import local_copy_hint, local_folder, read_first_usable
from skibias.datasets._openml import DOWNLOAD_PARAMETERS, DOWNLOAD_RULES, read_openml
from skibias.datasets._tabular_rule import to_benchmark_version
from skibias.datasets._tabular_sets import SETS, SUITES, TabularSet


class _Table(NamedTuple):
    """A data set as it was read: features (n, d), target (n,) and where they are from."""

    data: Frame
    target: Any
    target_names: list[str] | None  # of the classes 0 and 1
    description: str
    details: dict[str, Any]


@validate_params({"task": [StrOptions(set(SETS))]})
def list_tabular(task: Literal["classification", "regression"]) -> list[str]:
    """List the names of a suite of the tabular benchmark, for :func:`fetch_tabular`.

    Parameters
    ----------
    task : {"classification", "regression"}
        Which suite.

    Returns
    -------
    names : list of str
        16 names for classification, 19 for regression. "pol" and "house_16H" are in both suites.

    Raises
    ------
    ValueError
        If ``task`` is neither.

    Examples
    --------
    >>> from skibias.datasets import list_tabular
    >>> list_tabular("classification")[:3]
    ['credit', 'electricity', 'covertype']
    >>> len(list_tabular("regression"))
    19
    """
    return list(SETS[task])


@shared_parts(download_parameters=DOWNLOAD_PARAMETERS)
@validate_params(
    {
        "name": [str],
        "task": [StrOptions(set(SETS)), None],
        "return_X_y": ["boolean"],
        **DOWNLOAD_RULES,
    },
)
def fetch_tabular(
    name: str,
    *,
    task: Literal["classification", "regression"] | None = None,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
    verbose: int = 0,
) -> Dataset:
    """Load a data set of the tabular benchmark of Grinsztajn et al. by its name.

    The benchmark has 16 sets for classification and 19 for regression, all with numerical
    features and no missing values; :func:`list_tabular` gives their names. In classification
    there are two classes of equal size, sorted by class: shuffle before any sequential split.

    A set is read from a local folder if the environment variable ``SKIBIAS_DATA`` names one that
    holds it, and otherwise from OpenML, through openml-python and its cache on disk.

    Parameters
    ----------
    name : str
        The name of the data set.

    task : {"classification", "regression"} or None, default=None
        The suite. None takes the one that has the name; "pol" and "house_16H" are in both, and
        need to be told apart.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    {download_parameters}

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        data : DataFrame of shape (n, d)
            The features, float64.
        target : Series of shape (n,)
            In classification the class, 0 or 1 as int64; in regression the value as float64,
            as it is in the benchmark, which has taken the logarithm of some.
        frame : DataFrame of shape (n, d + 1)
            Features and target together, the target last under the name "target".
        feature_names : list of d str
            The names of the features.
        target_names : ndarray of shape (2,) or None
            The labels of the classes 0 and 1; None in regression.
        DESCR : str
            The description of the data.
        data_id : int
            The id of the benchmark's version on OpenML.
        url : str
            The address of the benchmark's version on OpenML.
        details : dict
            Where the data are from. ``version`` is "benchmark", or for a local copy also "raw"
            or "subset", see Notes; beside it are ``file`` and ``metadata`` of a local copy, or
            ``name``, ``version_on_openml`` and ``licence`` on OpenML.

    (data, target) : tuple if ``return_X_y`` is True
        The features and the target alone.

    Raises
    ------
    ValueError
        If the name is not in the suite, or in both and ``task`` is None, or another parameter
        or ``SKIBIAS_DATA`` is out of its range.
    ImportError
        If pandas and pyarrow, or for OpenML openml, are not installed.
    ConnectionError
        If there is no copy, neither local nor in openml's cache, and the download fails.
    OSError
        If the files in openml's cache cannot be read.

    Warns
    -----
    UserWarning
        If a local copy cannot be used. It is named and passed over.

    Notes
    -----
    The sets are those of the suites 337 (classification) and 336 (regression) on OpenML [1]_, [2]_.

    *Classes from OpenML.* The labels in sorted order are the classes 0 and 1.

    *Local copies.* The folder in ``SKIBIAS_DATA`` may hold, in the order of preference:

    - ``<name>.parquet`` for classification or ``reg-<name>.parquet`` for regression: the version
      of the benchmark, with the target in the last column, ``target``, as the classes 0 and 1 or
      the value;
    - ``<name>-raw.parquet``, for classification: the original data, from which the version of
      the benchmark is made;
    - ``<name>-<number>k.parquet``, for classification: a random subset of the original rows,
      which the same is made from. The result is *not* the version of the benchmark: it has
      fewer rows.

    The key ``skibias`` of a file's metadata may hold a JSON object. Of its entries
    ``target_mapping`` gives the labels of the classes as ``{label: number in the file}``.

    *From original data to the benchmark's version.* Columns are categorical if they are not
    numbers, have two values, have a name that ends in ``id`` or ``index`` after one of ``_-.``,
    or are numbers in place of names (``patient_nbr`` of Diabetes130US). Categorical columns are
    dropped, then number columns with fewer than 10 values, then those with more than 70 %
    missing, then rows with a missing value. Of the classes the two largest are kept: the
    larger becomes class 0, undersampled to the size of the smaller, which becomes class 1. In
    covertype, class 2 is set against all others first.

    References
    ----------
    .. [1] Grinsztajn, L., Oyallon, E. and Varoquaux, G. (2022). Why do tree-based models still
       outperform deep learning on typical tabular data? NeurIPS, Datasets and Benchmarks.
    .. [2] https://www.openml.org/search?type=study&study_type=task&id=337 and ``id=336``

    Examples
    --------
    >>> from skibias.datasets import fetch_tabular
    >>> X, y = fetch_tabular("electricity", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (38474, 7)
    """
    suite = _find_task(name, task)
    known = SETS[suite][name]
    folder = local_folder()
    copies = [] if folder is None else find_local_copies(folder, name, suite)
    table = read_first_usable(copies, partial(_read_copy, task=suite, known=known), name, verbose)
    if table is None:
        download = {"data_home": data_home, "n_retries": n_retries, "delay": delay}
        table = _read_openml(name, suite, known, folder, verbose=verbose, **download)
    if return_X_y:
        return table.data, table.target
    return _to_bunch(name, suite, known, table)


# Where a set is read from.


def _find_task(name: str, task: str | None) -> str:
    searched = [task] if task else list(SETS)
    tasks = [suite for suite in searched if name in SETS[suite]]
    if not tasks:
        names = "; ".join(f"{suite}: {', '.join(SETS[suite])}" for suite in searched)
        raise ValueError(
            f"The 'name' parameter of fetch_tabular must be one of the names in {names}. "
            f"Got {name!r} instead."
        )
    if len(tasks) > 1:
        raise ValueError(
            "The 'task' parameter of fetch_tabular must be 'classification' or 'regression' for "
            f"the name {name!r}, which is in both suites. Got None instead."
        )
    return tasks[0]


def find_local_copies(folder: Path, name: str, task: str) -> list[tuple[Path, str]]:
    """List the copies of a set in a folder as pairs (path, version), the best first."""
    if task == "regression":
        candidates = [(folder / f"reg-{name}.parquet", "benchmark")]
    else:
        subsets = [
            (int(match[1]), path)
            for path in folder.iterdir()
            if (match := re.fullmatch(rf"{re.escape(name)}-(\d+)k\.parquet", path.name))
        ]
        candidates = [
            (folder / f"{name}.parquet", "benchmark"),
            (folder / f"{name}-raw.parquet", "raw"),
            *((path, "subset") for _, path in sorted(subsets, reverse=True)),
        ]
    return [(path, version) for path, version in candidates if path.is_file()]


def _read_copy(path: Path, version: str, task: str, known: TabularSet) -> _Table:
    """Read a local copy; a ValueError or OSError says why it cannot be used."""
    frame, metadata = _read_parquet(path)
    if frame.columns[-1:].tolist() != ["target"]:
        raise ValueError("its last column is not 'target'")
    data, target = frame.iloc[:, :-1], frame["target"]
    if target.isna().any():
        raise ValueError("its target has missing values")
    mapping = metadata.get("target_mapping", {})
    label_of = {number: str(label) for label, number in mapping.items()}
    target_names = None
    if version != "benchmark":
        labels = target.map(lambda number: label_of.get(number, str(number)))
        data, target, target_names = to_benchmark_version(
            data, labels, categorical=known.categorical, one_against_rest=known.one_against_rest
        )
    elif task == "classification":
        if sorted(target.unique()) != [0, 1]:
            raise ValueError("its classes are not 0 and 1")
        target_names = [label_of.get(number, str(number)) for number in (0, 1)]
    if known.n_features not in (None, data.shape[1]):
        raise ValueError(f"it gives {data.shape[1]} features, not {known.n_features}")
    details = {"version": version, "file": str(path), "metadata": metadata}
    return _make_table(data, target, target_names, "", details)


def _read_parquet(path: Path) -> tuple[Frame, dict[str, Any]]:
    """Read a file of a table and what its metadata hold under the key of this package."""
    try:
        import pandas as pd  # noqa: F401 (to_pandas needs it, and says so less clearly)
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            'fetch_tabular needs pandas and pyarrow: pip install "skibias[datasets]".'
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
        frame = table.to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"it cannot be read ({error})") from error
    metadata = json.loads((table.schema.metadata or {}).get(b"skibias", b"{}"))
    if not isinstance(metadata, dict) or not isinstance(metadata.get("target_mapping", {}), dict):
        raise ValueError("its metadata 'skibias' are not as they should be")
    return frame, metadata


def _read_openml(
    name: str, task: str, known: TabularSet, folder: Path | None, **options: Any
) -> _Table:
    """Read a set from OpenML; an error says how to go without."""
    try:
        data, target, description, details = read_openml(
            name, known.data_id, "fetch_tabular", **options
        )
    except ConnectionError as error:
        file = f"{'reg-' if task == 'regression' else ''}{name}.parquet"
        raise ConnectionError(f"{error} {local_copy_hint(folder, file)}") from error
    details = {"version": "benchmark", **details}
    target_names = None
    try:
        if task == "classification":
            target, target_names = _encode_classes(target)
        return _make_table(data, target, target_names, description, details)
    except ValueError as error:
        raise OSError(
            f"{name!r} as read from OpenML (id {known.data_id}) cannot be used: {error}."
        ) from error


def _encode_classes(target: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Encode labels, in sorted order, as 0 and 1."""
    import pandas as pd

    # As an array of objects, for a categorical type would bring an order of its own.
    codes, labels = pd.factorize(np.asarray(target, dtype=object), sort=True)
    if len(labels) != 2 or (codes < 0).any():
        raise ValueError(f"it has the classes {labels.tolist()} or no class, not two classes")
    return codes, [str(label) for label in labels]


def _make_table(
    data: Any,
    target: np.ndarray,
    target_names: list[str] | None,
    description: str,
    details: dict[str, Any],
) -> _Table:
    """Bring features and target to their types, which must leave no value missing."""
    import pandas as pd

    if data.isna().any(axis=None):
        raise ValueError("it has missing values")
    data = data.astype(np.float64).reset_index(drop=True)
    number = np.float64 if target_names is None else np.int64
    target = pd.Series(np.asarray(target), name="target").astype(number)
    return _Table(data, target, target_names, description, details)


def _to_bunch(name: str, task: str, known: TabularSet, table: _Table) -> Bunch:
    import pandas as pd

    n, d = table.data.shape
    url = f"https://www.openml.org/d/{known.data_id}"
    summary = (
        f"{name}: {task} on {d} numerical features, {n} rows.\n"
        f"The benchmark's version is {url} (suite {SUITES[task]}); this table was read from "
        f"{table.details.get('file', 'OpenML')} (version: {table.details['version']})."
    )
    return Bunch(
        data=table.data,
        target=table.target,
        frame=pd.concat([table.data, table.target], axis=1),
        feature_names=table.data.columns.tolist(),
        target_names=None if table.target_names is None else np.array(table.target_names),
        DESCR="\n\n".join(filter(None, [summary, table.description])),
        data_id=known.data_id,
        url=url,
        details=table.details,
    )
