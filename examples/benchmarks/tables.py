"""A table that is printed line by line, and kept in a CSV file from which a run can go on.

Light to import: `bench_fit.py` measures the memory of processes that start from its own.
"""

import statistics

from tabular.results import append_row, open_results

WIDTH = 9  # of a column of numbers, at least


class Report:
    """Print records as they come, and append them to a file if one is named.

    Parameters
    ----------
    columns : dict
        By the name of a column, the format of its numbers, or its width if it holds texts.
    n_keys : int
        The first columns identify a record.
    output : str or None
        CSV file; records that it holds already count as done.
    """

    def __init__(self, columns, n_keys, output=None):
        self.columns = columns
        self.records = [] if output is None else open_results(output, columns)
        self._output = output
        self._keys = list(columns)[:n_keys]
        self._done = {self._key(record) for record in self.records}
        print(header(columns))
        for record in self.records:
            print(line(columns, record))

    def is_done(self, *key):
        """Whether there is a record with this key."""
        return tuple(map(str, key)) in self._done

    def add(self, record):
        """Take in, print and keep a record; what it lacks stays empty."""
        record = {name: str(record.get(name, "")) for name in self.columns}
        self.records.append(record)
        self._done.add(self._key(record))
        print(line(self.columns, record), flush=True)
        if self._output is not None:
            append_row(self._output, record, self.columns)

    def _key(self, record):
        return tuple(record[name] for name in self._keys)


def header(columns):
    """Return the line of names."""
    return "  ".join(name.rjust(_width(name, form)) for name, form in columns.items()).rstrip()


def line(columns, record):
    """Return the line of a record, whose cells are numbers or texts."""
    cells = (
        cell(record.get(name, ""), form).rjust(_width(name, form)) for name, form in columns.items()
    )
    return "  ".join(cells).rstrip()


def cell(value, form):
    """Return the text of a cell; what is no number stays as it is."""
    if isinstance(form, int):
        return str(value)
    try:
        return format(int(value) if form.endswith("d") else float(value), form)
    except ValueError:
        return str(value)


def _width(name, form):
    return max(len(name), form if isinstance(form, int) else WIDTH)


def median_ratios(seconds, base):
    """Return the median over the turns of ``base / this``, by name.

    Parameters
    ----------
    seconds : dict of list
        Of every turn, by name; the turns of all names belong together.
    base : str
    """
    return {
        name: statistics.median(
            first / own for first, own in zip(seconds[base], turns, strict=True)
        )
        for name, turns in seconds.items()
    }
