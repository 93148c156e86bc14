"""The folder of local copies of data sets, which the user names."""

import os
from pathlib import Path

_FOLDER_VARIABLE = "SKIBIAS_DATA"


def local_folder():
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


def local_copy_hint(folder, file):
    """Say how to go without the network, with a file of that name."""
    where = f"is {str(folder)!r}, which holds no copy that can be used" if folder else "is not set"
    return (
        f"The environment variable {_FOLDER_VARIABLE} {where}. To go without the network, set "
        f"it to a folder that holds {file}."
    )
