"""
===============================
Accuracy and complexity
===============================

How complex should the function be that a model implements? It depends on the data. This example
fits models of very different kinds to two tables and draws their scores on test rows against their
TV complexity: the total variation along straight paths between rows, beside the straight line.

On the images of the MAGIC telescope, the best models are far from linear. On the diabetes data, 442
rows with much noise, a linear model is hardly beaten. tanh(αz) networks with prefactors α from 1/4
to 8 cover the range in between: the prefactor sets the preferred complexity, and on the diabetes
data the score of these networks falls as they get more complex.

It takes less than a minute; ``--quick`` only checks that everything runs.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skibias import LearnedActivationMLPClassifier, LearnedActivationMLPRegressor
from skibias.complexity import complexity_report
from skibias.datasets import load_magic_telescope
from skibias.plots import ComplexityDisplay

parser = argparse.ArgumentParser(description="Draw score against complexity on two tables.")
parser.add_argument("--seed", type=int, default=0, help="of splits and models (default: 0)")
parser.add_argument(
    "--output",
    default="plot_02_accuracy_and_complexity.png",
    help="file of the figure, beside a CSV file of the numbers (default: %(default)s)",
)
parser.add_argument("--quick", action="store_true", help="hardly any training")
options = parser.parse_args()

# %%
# The models
# ----------
#
# The networks are single ones of 2 x 64 units. Points of one name differ in the prefactor, or in
# the number of neighbours.

PREFACTORS = [0.25, 0.5, 1, 2, 4, 8]
NEIGHBOURS = [1, 5, 25]
TANH = "tanh(αz), α = ¼ … 8"


def make_models(linear, neighbours, forest, boosting, network):
    """Return (name, unfitted model) pairs for one kind of target."""
    settings = {"n_estimators": 1, "random_state": options.seed}
    settings["max_iter"] = 2 if options.quick else 50

    def small(**parameters):
        return network((64, 64), **settings | parameters)

    return [
        ("linear", make_pipeline(StandardScaler(), linear())),
        *[
            ("k nearest neighbours", make_pipeline(StandardScaler(), neighbours(k)))
            for k in NEIGHBOURS
        ],
        ("random forest", forest(random_state=options.seed)),
        ("boosted trees", boosting(random_state=options.seed)),
        ("ReLU network", small(activation="relu")),
        *[(TANH, small(activation="tanh", prefactor=prefactor)) for prefactor in PREFACTORS],
        ("learned input functions", small(activation="relu", input_activations="learned")),
    ]


CLASSIFIERS = (
    LogisticRegression,
    KNeighborsClassifier,
    RandomForestClassifier,
    HistGradientBoostingClassifier,
    LearnedActivationMLPClassifier,
)
REGRESSORS = (
    Ridge,
    KNeighborsRegressor,
    RandomForestRegressor,
    HistGradientBoostingRegressor,
    LearnedActivationMLPRegressor,
)

# %%
# The table
# ---------
#
# :func:`~skibias.complexity.complexity_report` measures all models on the same paths, between test
# rows that differ in their target, and on the same response: class probabilities, or predicted
# values.


def report(X, y, kinds, n_train):
    """Return the table of scores and complexities on the rows that are not for training."""
    X, X_test, y, y_test = train_test_split(X, y, train_size=n_train, random_state=options.seed)
    models = make_models(*kinds)
    fitted = [(str(number), model.fit(X, y)) for number, (_, model) in enumerate(models)]
    table = complexity_report(fitted, X_test, y_test, measures=("tv",))
    table.index = [name for name, _ in models]
    return table


tables = {
    "MAGIC telescope: accuracy": report(
        *load_magic_telescope(return_X_y=True), CLASSIFIERS, n_train=2000
    ),
    "diabetes: R²": report(*load_diabetes(return_X_y=True), REGRESSORS, n_train=300),
}
for title, table in tables.items():
    print(f"\n{title}\n{table.round(3)}")
numbers = pd.concat(tables, names=["table", "model"])
numbers.to_csv(Path(options.output).with_suffix(".csv"))

# %%
# The figure
# ----------

figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for panel, (title, table) in zip(panels, tables.items(), strict=True):
    ComplexityDisplay.from_report(table, ax=panel)
    panel.set(title=title, ylabel="score on test rows")
panels[0].get_legend().remove()
figure.savefig(options.output, dpi=120)
