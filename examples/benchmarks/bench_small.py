"""Seconds of a default fit on scikit-learn's small data sets: the cost shrinks with the data.

python examples/benchmarks/bench_small.py
"""

import time

from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from skibias import LearnedActivationMLPClassifier, LearnedActivationMLPRegressor


def fit_seconds(estimator, load):
    """Return the seconds of a fit and the shape of the data."""
    X, y = load(return_X_y=True)
    start = time.perf_counter()
    estimator.fit(X, y)
    return time.perf_counter() - start, X.shape


def main():
    classifier = LearnedActivationMLPClassifier(random_state=0)
    regressor = LearnedActivationMLPRegressor(random_state=0)
    classifier.fit(*load_iris(return_X_y=True))  # loads the training library
    print(f"{'data':<15}{'rows':>6}{'columns':>9}{'seconds':>9}")
    for name, estimator, load in [
        ("iris", classifier, load_iris),
        ("breast cancer", classifier, load_breast_cancer),
        ("diabetes", regressor, load_diabetes),
    ]:
        seconds, (n_rows, n_columns) = fit_seconds(estimator, load)
        print(f"{name:<15}{n_rows:>6}{n_columns:>9}{seconds:>9.1f}")


if __name__ == "__main__":
    main()
