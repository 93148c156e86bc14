"""
=============================================
A grid search over prefactors, and complexity
=============================================

The prefactor α of tanh(αz) sets how complex a function the network prefers. It is a parameter like
any other, so :class:`~sklearn.model_selection.GridSearchCV` can choose it; and
:func:`~skibias.tv_complexity` is a scorer like any other, so the same search records how complex
the functions were.

It takes less than a minute; ``--quick`` only checks that everything runs.
"""

import argparse

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV

from skibias import LearnedActivationMLPClassifier, tv_complexity
from skibias.datasets import load_magic_telescope

parser = argparse.ArgumentParser(description="Draw a grid search coloured by complexity.")
parser.add_argument("--seed", type=int, default=0, help="of models (default: 0)")
parser.add_argument(
    "--output", default="plot_06_grid_search.png", help="file of the figure (default: %(default)s)"
)
parser.add_argument("--quick", action="store_true", help="hardly any training")
options = parser.parse_args()

# %%
# The search
# ----------

X, y = load_magic_telescope(return_X_y=True)
X, y = X[::10], y[::10]
network = LearnedActivationMLPClassifier(
    (64, 64),
    activation="tanh",
    n_estimators=1,
    max_iter=2 if options.quick else 50,
    random_state=options.seed,
)
grid = {"prefactor": [0.25, 0.5, 1, 2, 4, 8], "learning_rate": [0.0003, 0.001, 0.003]}
search = GridSearchCV(
    network,
    {name: values[::2] for name, values in grid.items()} if options.quick else grid,
    scoring={"accuracy": "accuracy", "tv": tv_complexity},
    refit="accuracy",
    cv=2 if options.quick else 3,
).fit(X, y)
results = search.cv_results_
print(f"best: {search.best_params_}, accuracy {search.best_score_:.4f}")

# %%
# The figure
# ----------

figure, panel = plt.subplots(figsize=(5.4, 3.6), layout="constrained")
prefactors = results["param_prefactor"].astype(float)
for rate in sorted(set(results["param_learning_rate"])):
    own = results["param_learning_rate"] == rate
    panel.plot(prefactors[own], results["mean_test_accuracy"][own], color="0.8", zorder=1)
    last = own.nonzero()[0][-1]
    panel.annotate(
        f"rate {rate:g}",
        (prefactors[last], results["mean_test_accuracy"][last]),
        xytext=(6, 0),
        textcoords="offset points",
        fontsize="small",
        va="center",
    )
points = panel.scatter(
    prefactors, results["mean_test_accuracy"], c=results["mean_test_tv"], zorder=2
)
figure.colorbar(points, label="TV complexity of the logits")
panel.set_xscale("log", base=2)
panel.set(xlabel="prefactor α of tanh(αz)", ylabel="accuracy, three folds")
panel.spines[["top", "right"]].set_visible(False)
figure.savefig(options.output, dpi=120)
