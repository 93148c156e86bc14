"""The folder of local copies of data sets, which the user names."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from skibias._typing import Frame

_FOLDER_VARIABLE = "SKIBIAS_DATA"


def local_folder() -> Path | None:
    """Return the folder in the environment variable, or None if it is not set."""
    value = os.environ.get(_FOLDER_VARIABLE)
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise ValueError(
            f"The environment variable {_FOLDER_VARIABLE} must name a folder. "
            f"Got {value!r} instead."
        )
    return folder


def local_copy_hint(folder: Path | None, file: str, purpose: str = "go without the network") -> str:
    """Say how to do something with a local file of that name."""
    where = f"is {str(folder)!r}, which holds no copy that can be used" if folder else "is not set"
    return (
        f"The environment variable {_FOLDER_VARIABLE} {where}. To {purpose}, set "
        f"it to a folder that holds {file}."
    )


def read_parquet(path: Path, owner: str) -> tuple[Frame, dict[str, Any]]:
    """Read a file of a table, and what its metadata hold under the key of this package.

    Parameters
    ----------
    path : path
    owner : str
        The name of the public function, for messages.

    Returns
    -------
    frame : DataFrame
    metadata : dict

    Raises
    ------
    ImportError
        If pandas and pyarrow are not installed.
    ValueError
        If the file cannot be used.
    """
    try:
        import pandas as pd  # noqa: F401 (to_pandas needs it, and says so less clearly)
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            f'{owner} needs pandas and pyarrow: pip install "skibias[datasets]".'
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


def read_first_usable(
    copies: Iterable[Any], read: Callable[..., Any], name: str, verbose: int
) -> Any:
    """Read the first local copy that can be used; None if there is none.

    Parameters
    ----------
    copies : list of (path, version)
        The best first.
    read : callable
        Called with a path and a version. A ValueError or OSError of it says why a copy cannot be
        used: a warning names the copy, and the next one is tried.
    name : str
        The name of the data set, for messages.
    verbose : int
        1 reports on stderr which copy is read.
    """
    for path, version in copies:
        try:
            found = read(path, version)
        except (ValueError, OSError) as error:
            warnings.warn(
                f"The local copy {path} of {name!r} cannot be used: {error}. It is passed over.",
                stacklevel=4,  # the caller of the public function, behind its check of parameters
            )
            continue
        if verbose:
            print(f"reading {name!r} from {path}", file=sys.stderr)
        return found
    return None
