"""Tables by name: the benchmark of Grinsztajn et al. (2022), and sets of mixed columns."""

from __future__ import annotations

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
from skibias.datasets._local import (
    local_copy_hint,
    local_folder,
    read_first_usable,
    read_parquet,
)
from skibias.datasets._openml import DOWNLOAD_PARAMETERS, DOWNLOAD_RULES, read_openml
from skibias.datasets._tabular_description import describe_set, set_url
from skibias.datasets._tabular_mixed import (
    encode_target,
    find_mixed_copies,
    mixed_file,
    original_columns,
)
from skibias.datasets._tabular_rule import to_benchmark_version
from skibias.datasets._tabular_sets import MIXED, MIXED_SETS, SETS

_NAMES = {**{task: list(known) for task, known in SETS.items()}, MIXED: list(MIXED_SETS)}


class _Table(NamedTuple):
    """A data set as it was read: features (n, d), target (n,) and where they are from."""

    data: Frame
    target: Any
    target_names: list[str] | None  # of the classes 0, 1, …
    description: str
    details: dict[str, Any]


@validate_params({"task": [StrOptions(set(_NAMES))]})
def list_tabular(task: Literal["classification", "regression", "mixed"]) -> list[str]:
    """List the names of a suite of the tabular benchmark, for :func:`fetch_tabular`.

    Parameters
    ----------
    task : {"classification", "regression", "mixed"}
        Which suite, or the sets with categories and missing values.

    Returns
    -------
    names : list of str
        16 names for classification, 19 for regression, 10 of mixed columns. "pol" and
        "house_16H" are in both suites, "diamonds" is also a mixed set.

    Raises
    ------
    ValueError
        If ``task`` is none of them.

    Examples
    --------
    >>> from skibias.datasets import list_tabular
    >>> list_tabular("classification")[:3]
    ['credit', 'electricity', 'covertype']
    >>> len(list_tabular("regression"))
    19
    """
    return list(_NAMES[task])


@shared_parts(download_parameters=DOWNLOAD_PARAMETERS)
@validate_params(
    {
        "name": [str],
        "task": [StrOptions(set(_NAMES)), None],
        "return_X_y": ["boolean"],
        **DOWNLOAD_RULES,
    },
)
def fetch_tabular(
    name: str,
    *,
    task: Literal["classification", "regression", "mixed"] | None = None,
    return_X_y: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
    verbose: int = 0,
) -> Dataset:
    """Load a data set of the tabular benchmark of Grinsztajn et al., or a mixed one, by its name.

    The benchmark has 16 sets for classification and 19 for regression, all with numerical
    features and no missing values; :func:`list_tabular` gives their names. In classification
    there are two classes of equal size, sorted by class: shuffle before any sequential split.

    Ten further sets, ``task="mixed"``, have columns of numbers and of categories and missing
    values, as they were published.

    A set is read from a local folder if the environment variable ``SKIBIAS_DATA`` names one that
    holds it, and otherwise from OpenML, through openml-python and its cache on disk.

    Parameters
    ----------
    name : str
        The name of the data set.

    task : {"classification", "regression", "mixed"} or None, default=None
        The suite, or "mixed" for a set with categories and missing values. None takes the suite
        that has the name, or else the mixed set; "pol" and "house_16H" are in both suites, and
        need to be told apart.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    {download_parameters}

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        A dictionary whose entries are also attributes:

        data : DataFrame of shape (n, d)
            The features: float64, or of a mixed set as they were read, where a column of type
            category, string, object or bool holds categories.
        target : Series of shape (n,)
            In classification the class, 0 or 1 (in a mixed set up to the number of classes - 1)
            as int64; in regression the value as float64, as it is in the benchmark, which has
            taken the logarithm of some.
        frame : DataFrame of shape (n, d + 1)
            Features and target together, the target last under the name "target".
        feature_names : list of d str
            The names of the features.
        target_names : ndarray of shape (n_classes,) or None
            The labels of the classes 0, 1, …; None in regression.
        task : {"classification", "regression"}
            What the target is.
        DESCR : str
            The description of the data.
        data_id : int or None
            The id of the benchmark's version on OpenML, or of a mixed set's original data; None
            for a mixed set that is not read from there.
        url : str or None
            The address of the same on OpenML.
        details : dict
            Where the data are from. ``version`` is "benchmark", or for a local copy also "raw"
            or "subset", see Notes, and "raw" for a mixed set; beside it are ``file`` and
            ``metadata`` of a local copy, or ``name``, ``version_on_openml`` and ``licence`` on
            OpenML.

    (data, target) : tuple if ``return_X_y`` is True
        The features and the target alone.

    Raises
    ------
    ValueError
        If the name is not in the suite, or in both suites and ``task`` is None, or another
        parameter or ``SKIBIAS_DATA`` is out of its range.
    ImportError
        If pandas and pyarrow, or for OpenML openml, are not installed.
    ConnectionError
        If there is no copy, neither local nor in openml's cache, and the download fails.
    FileNotFoundError
        If there is no local copy of a mixed set that is not read from OpenML.
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

    *Mixed sets.* The folder may hold ``mixed/<name>.parquet`` for classification or
    ``mixed/reg-<name>.parquet`` for regression: the columns as published, with the target, a
    label or a value, in the last column, ``target``. adult, titanic, midwest-survey,
    employee-salaries and diamonds are otherwise read from OpenML, without columns that are ids,
    free text or dates, or that tell the target; the others have local copies only. Labels in
    sorted order are the classes. Rows may be sorted: shuffle before any sequential split.

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
    known = MIXED_SETS[name] if suite == MIXED else SETS[suite][name]
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
    searched = [task] if task else list(_NAMES)
    tasks = [suite for suite in searched if name in _NAMES[suite]]
    if not tasks:
        names = "; ".join(f"{suite}: {', '.join(_NAMES[suite])}" for suite in searched)
        raise ValueError(
            f"The 'name' parameter of fetch_tabular must be one of the names in {names}. "
            f"Got {name!r} instead."
        )
    if len(set(tasks) & set(SETS)) > 1:
        raise ValueError(
            "The 'task' parameter of fetch_tabular must be 'classification' or 'regression' for "
            f"the name {name!r}, which is in both suites. Got None instead."
        )
    return tasks[0]


def find_local_copies(folder: Path, name: str, task: str) -> list[tuple[Path, str]]:
    """List the copies of a set in a folder as pairs (path, version), the best first."""
    if task == MIXED:
        return find_mixed_copies(folder, name, MIXED_SETS[name].task)
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


def _read_copy(path: Path, version: str, task: str, known: Any) -> _Table:
    """Read a local copy; a ValueError or OSError says why it cannot be used."""
    frame, metadata = read_parquet(path, "fetch_tabular")
    if frame.columns[-1:].tolist() != ["target"]:
        raise ValueError("its last column is not 'target'")
    details = {"version": version, "file": str(path), "metadata": metadata}
    data, target = frame.iloc[:, :-1], frame["target"]
    if task == MIXED:
        return _make_mixed_table(data, target, known, "", details)
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
    _check_features(data, known)
    return _make_table(data, target, target_names, "", details)


def _check_features(data: Frame, known: Any) -> None:
    if known.n_features not in (None, data.shape[1]):
        raise ValueError(f"it gives {data.shape[1]} features, not {known.n_features}")


def _read_openml(name: str, task: str, known: Any, folder: Path | None, **options: Any) -> _Table:
    """Read a set from OpenML; an error says how to go without."""
    file = f"{'reg-' if task == 'regression' else ''}{name}.parquet"
    if task == MIXED:
        file = mixed_file(name, known.task)
    if known.data_id is None:
        hint = local_copy_hint(folder, file, "read the set")
        raise FileNotFoundError(f"{name!r} is read from a local copy only. {hint}")
    try:
        data, target, description, details = read_openml(
            name, known.data_id, "fetch_tabular", **options
        )
    except ConnectionError as error:
        raise ConnectionError(f"{error} {local_copy_hint(folder, file)}") from error
    details = {"version": "raw" if task == MIXED else "benchmark", **details}
    target_names = None
    try:
        if task == MIXED:
            data = original_columns(data, known)
            return _make_mixed_table(data, target, known, description, details)
        if task == "classification":
            target, target_names = encode_target(target, task, n_classes=2)
        return _make_table(data, target, target_names, description, details)
    except ValueError as error:
        raise OSError(
            f"{name!r} as read from OpenML (id {known.data_id}) cannot be used: {error}."
        ) from error


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


def _make_mixed_table(
    data: Frame, target: Any, known: Any, description: str, details: dict[str, Any]
) -> _Table:
    """Keep features as they are, and bring the target to its type."""
    import pandas as pd

    if target.isna().any():
        raise ValueError("its target has missing values")
    _check_features(data, known)
    target, target_names = encode_target(target, known.task)
    number = np.float64 if target_names is None else np.int64
    target = pd.Series(np.asarray(target), name="target").astype(number)
    return _Table(data, target, target_names, description, details)


def _to_bunch(name: str, task: str, known: Any, table: _Table) -> Bunch:
    import pandas as pd

    source = f"{table.details.get('file', 'OpenML')} (version: {table.details['version']})"
    summary = describe_set(name, task, known, table.data, source)
    return Bunch(
        data=table.data,
        target=table.target,
        frame=pd.concat([table.data, table.target], axis=1),
        feature_names=table.data.columns.tolist(),
        target_names=None if table.target_names is None else np.array(table.target_names),
        task=known.task if task == MIXED else task,
        DESCR="\n\n".join(filter(None, [summary, table.description])),
        data_id=known.data_id,
        url=set_url(known),
        details=table.details,
    )
