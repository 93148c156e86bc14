"""Tables of `redshift.md`: untrained networks and transformers."""

from .cells import markdown_table, number, read, with_interval

SWEEPS = "gallery/plot_07_neural_redshift"
SHOWN = ["fourier", "chebyshev", "lz"]
NAMES = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "spearman": "Spearman"}
CLEAR = 0.2  # a correlation of ranks below this counts as none


def direction(row):
    """Return what one measure does: "higher", "lower", or "none" where that is not clear."""
    is_small = row["statistic"] == "spearman" and abs(row["estimate"]) < CLEAR
    if is_small or row["low"] <= 0 <= row["high"]:
        return "none"
    return "higher" if row["estimate"] > 0 else "lower"


def found(effects):
    """Return in words what all measures of an effect find together."""
    directions = {direction(row) for _, row in effects.iterrows()}
    if {"higher", "lower"} <= directions:
        return "mixed"
    return " or ".join(own for own in ("higher", "lower", "none") if own in directions)


def networks_of(factor, activation, level):
    """Return the name of the networks of an effect."""
    name = NAMES.get(activation, activation)
    if factor == "activation":
        return f"{NAMES.get(level, level)} instead of {name}"
    return f"{name}; {level} gate" if factor == "gate" else name


def effects():
    """Return the table of the effects of components; four measures decide what is found."""
    frame = read(f"{SWEEPS}_networks").fillna({"level": ""})
    rows = []
    keys = ["factor", "activation", "level", "statistic"]
    for (factor, activation, level, statistic), own in frame.groupby(keys, sort=False):
        measured = own.set_index("measure")[["estimate", "low", "high"]]
        cells = [with_interval(*measured.loc[name]) for name in SHOWN]
        name = networks_of(factor, activation, level)
        statistic = NAMES.get(statistic, statistic)
        rows.append([factor.replace("_", " "), name, statistic, *cells, found(own)])
    headings = ["factor", "networks", "statistic", "Fourier", "Chebyshev", "LZ", "found"]
    return markdown_table(headings, rows, n_text=3)


def correlations():
    """Return the table of the correlations between the measures, over all networks."""
    table = read(f"{SWEEPS}_measures").set_index("measure")
    rows = [[name, *(number(own, 3) for own in row)] for name, row in table.iterrows()]
    return markdown_table(["Spearman's correlation", *table.columns], rows)


def sequences():
    """Return the table of the phrases of sequences: means by level, and the effect."""
    means = read(f"{SWEEPS}_sequences")
    effects = read(f"{SWEEPS}_sequence_effects").query("statistic == 'spearman'")
    rows = []
    for _, effect in effects.sort_values(["factor", "weight_magnitude"]).iterrows():
        factor, magnitude = effect["factor"], effect["weight_magnitude"]
        own = means.query("factor == @factor and weight_magnitude == @magnitude")
        levels = ", ".join(f"{float(level):g}" for level in own["level"])
        rows.append(
            [
                f"{factor.replace('_', ' ')} {levels}",
                "" if factor == "weight_magnitude" else number(magnitude),
                ", ".join(number(mean, 3) for mean in own["relative_lz"]),
                with_interval(*effect[["estimate", "low", "high"]]),
            ]
        )
    headings = ["factor", "weight magnitude", "phrases", "Spearman's correlation"]
    return markdown_table(headings, rows)


def sequences_by_activation():
    """Return the table of the phrases of sequences by activation, and the change from GELU."""
    means = read(f"{SWEEPS}_sequences").query("factor == 'activation'")
    means = means.set_index(["level", "weight_magnitude"])["relative_lz"]
    changes = read(f"{SWEEPS}_sequence_effects").query("statistic == 'difference'")
    changes = changes.set_index(["level", "weight_magnitude"])[["estimate", "low", "high"]]
    rows = []
    for level in means.index.unique("level"):
        cells = []
        for magnitude in means.index.unique("weight_magnitude"):
            cells.append(number(means[level, magnitude], 3))
            is_baseline = (level, magnitude) not in changes.index
            change = "" if is_baseline else with_interval(*changes.loc[(level, magnitude)], 3)
            cells.append(change)
        rows.append([NAMES.get(level, level), *cells])
    headings = ["activation", "phrases, magnitude 1", "change from GELU"]
    return markdown_table([*headings, "phrases, magnitude 4", "change from GELU"], rows)


def trained():
    """Return the table of the best prefactors by the complexity of the target."""
    rows = [
        [
            number(row["modulus"]),
            number(row["complexity"], 2),
            number(row["nearest"]),
            number(row["best"]),
        ]
        for _, row in read(f"{SWEEPS}_training").iterrows()
    ]
    headings = ["M", "frequency of the target"]
    headings += ["prefactor whose untrained networks are nearest", "best prefactor on test pairs"]
    return markdown_table(headings, rows)
