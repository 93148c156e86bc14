"""Tables of OpenML, through its own client; the only file of the package that imports openml.

openml downloads, checks what it has downloaded, and keeps a cache on disk. This file adds the
settings of one call, repeated attempts with a chosen delay, and errors that say what to do.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

from skibias._sklearn_compat import Interval

# Parameters of the public functions that download, and the rules for them.
DOWNLOAD_RULES = {
    "data_home": [str, os.PathLike, None],
    "n_retries": [Interval(Integral, 0, None, closed="left")],
    "delay": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
}
DOWNLOAD_PARAMETERS = """data_home : str, path or None, default=None
    The root folder of openml's cache. None takes the one that openml is configured with.

n_retries : int, default=3
    How often a failed download is tried again.

delay : float, default=1.0
    Seconds to wait before each new attempt.

verbose : int, default=0
    1 reports on stderr where the data are read from."""


class _Source(NamedTuple):
    """A data set on OpenML and in the cache."""

    data_id: int
    label: str  # the name and the id, for messages
    folder: Path  # of the data set in openml's cache


def read_openml(
    name: str,
    data_id: int,
    owner: str,
    *,
    data_home: Any,
    n_retries: int,
    delay: float,
    verbose: int,
) -> tuple[Any, Any, str, dict[str, Any]]:
    """Read a table of OpenML from openml's cache, or download it into the cache.

    Parameters
    ----------
    name : str
        The name of the data set, for messages.
    data_id : int
        Its id on OpenML.
    owner : str
        The name of the public function, for messages.
    data_home, n_retries, delay, verbose
        As in ``DOWNLOAD_PARAMETERS``.

    Returns
    -------
    data : DataFrame of shape (n, d)
        The features as openml gives them.
    target : Series of shape (n,)
        The default target as openml gives it.
    description : str
        The text on OpenML.
    details : dict
        Name, version and licence on OpenML.

    Raises
    ------
    ImportError
        If openml is not installed.
    ConnectionError
        If there is no copy in the cache, and it cannot be downloaded.
    OSError
        If the files cannot be read.
    """
    openml = _import_openml(owner)
    with _settings(openml.config, data_home, verbose):
        folder = Path(openml.config.get_cache_directory()) / "datasets" / str(data_id)
        source = _Source(data_id, f"{name!r} (OpenML id {data_id})", folder)
        _report(verbose, f"fetching {source.label} {_origin(source)}")
        return _read_with_retries(openml, source, n_retries, delay, verbose)


def _import_openml(owner: str) -> Any:
    try:
        import openml
    except ImportError as error:
        raise ImportError(
            f"{owner} needs openml where there is no local copy of the data: "
            'pip install "skibias[datasets]".'
        ) from error
    return openml


@contextmanager
def _settings(config: Any, data_home: Any, verbose: int) -> Iterator[None]:
    """Set openml's cache, retries and progress bar, and undo it, also on errors."""
    # openml has a context manager of its own, but that one keeps its settings on errors.
    before = config.get_config_as_dict()
    try:
        if data_home is not None:
            config.set_root_cache_directory(Path(data_home).expanduser().resolve())
        config.connection_n_retries = 1  # counted here instead: openml has no choice of the delay
        config.show_progress = bool(verbose)
        yield
    finally:
        config.set_root_cache_directory(before["cachedir"])
        config.connection_n_retries = before["connection_n_retries"]
        config.show_progress = before["show_progress"]


def _read_with_retries(
    openml: Any, source: _Source, n_retries: int, delay: float, verbose: int
) -> tuple[Any, Any, str, dict[str, Any]]:
    """Read until no download fails, at most ``n_retries + 1`` times."""
    n_left = n_retries
    while True:
        try:
            return _read(openml, source)
        except _network_errors() as error:
            if n_left == 0:
                raise ConnectionError(
                    f"{source.label} could not be downloaded from OpenML (attempts: "
                    f"{n_retries + 1}; {_reason(error)}). There is no copy in the cache of openml "
                    f"({source.folder})."
                ) from error
            _report(verbose, f"{_reason(error)}; trying again in {delay:g} s, {n_left} left")
            time.sleep(delay)
            n_left -= 1


def _read(openml: Any, source: _Source) -> tuple[Any, Any, str, dict[str, Any]]:
    """Let openml read its cache, and download what is missing there."""
    try:
        dataset = openml.datasets.get_dataset(source.data_id, download_data=True)
        data, target, _, _ = dataset.get_data(target=dataset.default_target_attribute)
    except (MemoryError,) + _network_errors():
        raise
    except Exception as error:  # openml and the parsers below it raise errors of many types
        raise OSError(
            f"The files of {source.label} in {source.folder} cannot be read "
            f"({_reason(error)}). Remove this folder to have all of them fetched again."
        ) from error
    details = {
        "name": dataset.name,
        "version_on_openml": dataset.version,
        "licence": dataset.licence,
    }
    return data, target, dataset.description or "", details


def _network_errors() -> tuple[type[BaseException], ...]:
    """Return the types that openml raises when a download fails."""
    import openml.exceptions
    import requests
    import urllib3

    return (
        ConnectionError,
        TimeoutError,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        openml.exceptions.OpenMLServerError,
        openml.exceptions.OpenMLHashException,
    )


def _origin(source: _Source) -> str:
    data_files = (f"dataset_{source.data_id}.pq", "dataset.pq", "dataset.arff")
    in_cache = any((source.folder / file).is_file() for file in data_files)
    return "from the cache of openml" if in_cache else "over the network"


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _report(verbose: int, text: str) -> None:
    if verbose:
        print(text, file=sys.stderr)
