"""Tables of `reproduction/shortcuts.md`: collages, coloured digits, slabs."""

import collages
import cues
import sweeps

from .cells import markdown_table, records, with_range

WAYS = {
    "ReLU": "ReLU",
    "simple": "learned for {}",
    "complex": "learned for {}",
    "squared": "learned for {}, squared error",
    "small ReLU": "small ReLU, by hand",
    "dead zone": "dead zone, by hand",
    "ceiling": "ReLU, {} random in training",
}
DIGITS = "relu 1,tanh 1,tanh 2,tanh 4,tanh 16,sin 2,sin 8,sin 16,learned 1"
SLABS = "relu 1,tanh 8,sin 8,sin 16,sin 32,hat 8,hat 16,hat 32,learned 1"


def kinds_in(name, keys):
    """Return the curves of all seeds of every kind of networks in a CSV file."""
    return cues.kinds_of(cues.curves_of(records(f"reproduction/{name}"), keys))


def percent(shares):
    """Return the median and the range of shares, in percent."""
    return with_range([100 * share for share in shares])


def on_collages(collage, spectral):
    """Return the table of accuracies by either tile; spectral normalisation is "yes" or "no"."""
    kinds = kinds_in("collages", collages.KEYS)
    tiles = collage.split("/")
    rows = []
    for way, text in WAYS.items():
        if (collage, spectral, way) in kinds:
            curves = kinds[collage, spectral, way]
            pairs = [collages.chosen_and_last(curves, tile) for tile in collages.TILES]
            name = text.format(tiles[1] if way in ("complex", "squared") else tiles[0])
            rows.append([name, *(percent(shares) for pair in pairs for shares in pair)])
    headings = [f"{tile} tile, {when}" for tile in tiles for when in ("chosen", "last")]
    return markdown_table(["activation", *headings], rows)


def name_of(activation, prefactor):
    """Return an activation's name with its prefactor, such as "tanh(2x)"."""
    if activation in ("relu", "learned"):
        return {"relu": "ReLU"}.get(activation, activation)
    return f"{activation}({'' if prefactor == '1' else prefactor}x)"


def sweep_table(name, shown, cases, columns):
    """Return the table of accuracies after the last step, by case and cue.

    ``cases`` and ``columns`` give the names of the page by those of the CSV file.
    """
    kinds = kinds_in(name, sweeps.KEYS)
    rows = []
    for key in (text.split() for text in shown.split(",")):
        shares = (sweeps.last_shares(kinds[case, *key], cue) for case in cases for cue in columns)
        rows.append([name_of(*key), *map(percent, shares)])
    headings = [f"{case}: {cue}" for case in cases.values() for cue in columns.values()]
    return markdown_table(["activation", *headings], rows)


def colored_digits():
    """Return the table of accuracies by the digit and by the colour."""
    cases = {"correlation 1": "1", "correlation 0.9": "0.9"}
    columns = {"digit": "digit", "colour": "colour"}
    return sweep_table("colored_digits", DIGITS, cases, columns)


def slabs():
    """Return the table of accuracies by the slabs and by the linear feature."""
    cases = {"5 slabs": "5 slabs", "7 slabs": "7 slabs"}
    columns = {"linear random": "by the slabs", "slabs random": "by the linear feature"}
    return sweep_table("slabs", SLABS, cases, columns)
