"""Reading CSV files, and the cells of tables."""

import numpy as np
import pandas as pd
from make_report import markdown_table, with_error

from . import RESULTS

__all__ = ["markdown_table", "with_error"]


def read(name):
    """Return a CSV file, named without its ending by its path in the results, as a frame."""
    return pd.read_csv(RESULTS / f"{name}.csv")


def records(name):
    """Return the rows of a CSV file as dicts of str, as the commands read them."""
    return pd.read_csv(RESULTS / f"{name}.csv", dtype=str, keep_default_na=False).to_dict("records")


def number(value, decimals=0):
    """Return a number with this many decimals and commas between thousands; "" if there is none."""
    return "" if pd.isna(value) else f"{value:,.{decimals}f}"


def signed(value, decimals=1):
    """Return a number with its sign; zero has none."""
    text = f"{value:+,.{decimals}f}"
    return text[1:] if float(text) == 0 else text


def with_range(values, decimals=1):
    """Return the median and the range, if there is one: ``12.3 (10.1-14.0)``."""
    low, median, high = (number(own, decimals) for own in np.quantile(values, (0, 0.5, 1)))
    return median if low == high else f"{median} ({low}-{high})"


def with_interval(estimate, low, high, decimals=2):
    """Return an estimate with its sign, and the ends of its interval in brackets."""
    return f"{estimate:+.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def steps(value):
    """Return a number of steps; an infinite one is "never"."""
    return "never" if np.isinf(value) else number(value)
