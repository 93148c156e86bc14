"""Tables of OpenML, through its own client; the only file of the package that imports openml."""

import hashlib
import logging
import os
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

_CHECKSUM_TAG = "{http://openml.org/openml}md5_checksum"
_PICKLE_SUFFIX = ".pkl.py3"
_PICKLE_END = b"."  # the opcode STOP: what a pickle that was cut off does not end with


class _Source(NamedTuple):
    """A data set on OpenML and in the cache."""

    data_id: int
    label: str  # the name and the id, for messages
    folder: Path  # of the data set in openml's cache
    damaged: list  # paths of the cached files that were found damaged, and removed


def read_openml(name, data_id, owner, *, data_home=None, n_retries=3, delay=1.0, verbose=0):
    """Read a table of OpenML from openml's cache, or download it into the cache.

    Parameters
    ----------
    name : str
        The name of the data set, for messages.
    data_id : int
        Its id on OpenML.
    owner : str
        The name of the public function, for messages.
    data_home : path or None, default=None
        The root folder of openml's cache; None for the one that openml is configured with.
    n_retries : int, default=3
        How often a failed download is tried again.
    delay : float, default=1.0
        Seconds before it is.
    verbose : int, default=0
        1 reports on stderr.

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
        If there is no sound copy in the cache, and it cannot be downloaded.
    OSError
        If the files cannot be read.

    Warns
    -----
    UserWarning
        If a cached file is damaged; it is removed, and fetched again.
    """
    openml = _import_openml(owner)
    with _settings(openml, data_home, verbose):
        folder = Path(openml.config.get_cache_directory()) / "datasets" / str(data_id)
        label = f"{name!r} (OpenML id {data_id})"
        source = _Source(data_id, label, folder, _remove_damaged_files(folder))
        for file in source.damaged:
            warnings.warn(
                f"The cached file {file} of {label} was damaged. It is removed and made again.",
                stacklevel=5,  # the caller of fetch_tabular or fetch_images
            )
        _report(verbose, f"fetching {label} {_origin(source)}")
        return _read_with_retries(openml, source, n_retries, delay, verbose)


def _import_openml(owner):
    try:
        import openml
    except ImportError as error:
        raise ImportError(
            f"{owner} needs openml where there is no local copy of the data: "
            'pip install "skibias[datasets]".'
        ) from error
    return openml


@contextmanager
def _settings(openml, data_home, verbose):
    """Set openml's cache and retries, keep its log quiet, and undo both, also on errors."""
    # openml has a context manager of its own, but that one keeps its settings on errors.
    config, root_logger = openml.config, logging.getLogger()
    before = config.get_config_as_dict()
    # Where no handler is set, openml's downloads install one for the whole program, and its
    # notes go to stderr. The handlers of the user, if any, still get them.
    handler = logging.NullHandler()
    root_logger.addHandler(handler)
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
        root_logger.removeHandler(handler)


def _read_with_retries(openml, source, n_retries, delay, verbose):
    """Read until no download fails, at most ``n_retries + 1`` times."""
    for n_left in range(n_retries, -1, -1):
        try:
            return _read(openml, source)
        except _network_errors() as error:
            if n_left == 0:
                raise ConnectionError(_offline_message(source, n_retries + 1, error)) from error
            _report(verbose, f"{_reason(error)}; trying again in {delay:g} s, {n_left} left")
            time.sleep(delay)


def _read(openml, source):
    """Let openml read its cache, and download what is missing there."""
    try:
        dataset = openml.datasets.get_dataset(source.data_id, download_data=True)
        data, target, _, _ = dataset.get_data(target=dataset.default_target_attribute)
    except (MemoryError, *_network_errors()):
        raise
    except Exception as error:  # openml and the parsers below it raise errors of many types
        again = ", also after damaged files were fetched again" if source.damaged else ""
        raise OSError(
            f"The files of {source.label} in {source.folder} cannot be read{again} "
            f"({_reason(error)}). Remove this folder to have all of them fetched again."
        ) from error
    details = {
        "name": dataset.name,
        "version_on_openml": dataset.version,
        "licence": dataset.licence,
    }
    return data, target, dataset.description or "", details


def _network_errors():
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


def _offline_message(source, n_attempts, error):
    cached = f"There is no copy in the cache of openml ({source.folder})."
    if source.damaged:
        cached = f"The copy in the cache of openml was damaged ({source.damaged[0]})."
    return (
        f"{source.label} could not be downloaded from OpenML (attempts: {n_attempts}; "
        f"{_reason(error)}). {cached}"
    )


def _origin(source):
    data_files = (f"dataset_{source.data_id}.pq", "dataset.pq", "dataset.arff")
    in_cache = any((source.folder / file).is_file() for file in data_files)
    return "from the cache of openml" if in_cache else "over the network"


def _reason(error):
    return f"{type(error).__name__}: {error}"


def _report(verbose, text):
    if verbose:
        print(text, file=sys.stderr)


def _remove_damaged_files(folder):
    """Remove the damaged files of a data set from the cache and return their paths.

    openml checks a file when it downloads it. One that broke later stops it, or goes unnoticed.
    """
    damaged = [file for file in sorted(folder.glob("*")) if _is_damaged(file)]
    for file in damaged:
        file.unlink(missing_ok=True)
        if file.suffix in (".arff", ".pq"):
            file.with_suffix(_PICKLE_SUFFIX).unlink(missing_ok=True)  # made from this file
    return damaged


def _is_damaged(file):
    if file.name == "description.xml":
        return _xml_root(file) is None
    if file.suffix == ".pq":
        return not _is_parquet(file)
    if file.suffix == ".arff":
        # A file that was cut off at the end of a line would still parse.
        checksum = _checksum_on_openml(file.with_name("description.xml"))
        return checksum is not None and checksum != _checksum(file)
    if file.name.endswith(_PICKLE_SUFFIX):
        return _last_byte(file) != _PICKLE_END
    return False


def _xml_root(file):
    try:
        return ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, OSError):
        return None


def _is_parquet(file):
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as content:
            content.read()
    except (pyarrow.ArrowException, OSError):
        return False
    return True


def _checksum_on_openml(description_file):
    root = _xml_root(description_file)
    return None if root is None else root.findtext(_CHECKSUM_TAG)


def _checksum(file):
    # openml writes the file as text, so that line ends may differ from those it received.
    content = file.read_bytes().replace(os.linesep.encode(), b"\n")
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _last_byte(file):
    with file.open("rb") as stream:
        stream.seek(max(file.stat().st_size - 1, 0))
        return stream.read(1)
