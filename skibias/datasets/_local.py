"""The folder of local copies of data sets, which the user names."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

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


def local_copy_hint(folder: Path | None, file: str) -> str:
    """Say how to go without the network, with a file of that name."""
    where = f"is {str(folder)!r}, which holds no copy that can be used" if folder else "is not set"
    return (
        f"The environment variable {_FOLDER_VARIABLE} {where}. To go without the network, set "
        f"it to a folder that holds {file}."
    )


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
