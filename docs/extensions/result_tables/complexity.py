"""Tables of `complexity.md`: what the examples of the gallery find."""

from .cells import markdown_table, number, read

# Models that are fitted several times, and the settings in their order.
NAMES = {
    "k nearest neighbours": ["nearest neighbour", "5 nearest neighbours", "25 nearest neighbours"],
    "tanh(αz), α = ¼ … 8": [f"tanh({a}z)" for a in ("¼", "½", "", "2", "4", "8")],
}


def slices():
    """Return the table of accuracy and axis sharpness."""
    rows = [
        [row["model"], number(row["accuracy"], 4), number(row["axis sharpness"], 3)]
        for _, row in read("gallery/plot_03_function_slices").iterrows()
    ]
    return markdown_table(["model", "accuracy", "axis sharpness"], rows)


def landscapes():
    """Return the table of accuracy, and of complexity before and after training and beside it."""
    rows = [
        [
            row["network"],
            number(row["accuracy"], 4),
            *(number(row[name], 2) for name in ("start", "end", "ambient")),
        ]
        for _, row in read("gallery/plot_04_landscapes").iterrows()
    ]
    headings = ["network", "accuracy", "TV complexity before", "after 40 epochs", "ambient"]
    return markdown_table(headings, rows)


def agreement():
    """Return the table of Spearman's correlations with TV complexity."""
    names = {"polynomial": "mean polynomial order", "fourier": "mean frequency"}
    measures = read("gallery/plot_05_measures_that_agree")[["tv", *names]]
    correlations = measures.corr("spearman")["tv"]
    rows = [[text, number(correlations[name], 2)] for name, text in names.items()]
    return markdown_table(["measure", "correlation with TV complexity"], rows)


def scores_and_complexities():
    """Return the table of scores and TV complexities of models on two data sets."""
    fits = read("gallery/plot_02_accuracy_and_complexity")
    fits["turn"] = fits.groupby(["table", "model"]).cumcount()
    tables = [own.set_index(["model", "turn"]) for _, own in fits.groupby("table", sort=False)]
    rows = []
    for model, turn in tables[0].index:
        cells = [
            cell
            for own in tables
            for cell in (number(own.loc[(model, turn), "score"], 3), complexity(own, model, turn))
        ]
        rows.append([NAMES.get(model, [model])[turn], *cells])
    headings = ["model", "MAGIC: accuracy", "TV complexity", "diabetes: R²", "TV complexity"]
    return markdown_table(headings, rows)


def complexity(fits, model, turn):
    """Return the cell of the TV complexity of a fit."""
    return number(fits.loc[(model, turn), "tv"], 2)
