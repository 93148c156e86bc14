"""The optional library of the functions that return tables."""

from __future__ import annotations

from typing import Any


def import_pandas(owner: str) -> Any:
    """Return pandas.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(f"{owner} returns a pandas.DataFrame: pip install pandas.") from error
    return pandas
