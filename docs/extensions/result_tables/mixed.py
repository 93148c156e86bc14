"""Tables of `tabular.md`: the benchmark on sets of mixed columns."""

from summarize_mixed import METRICS, difference_table, read, score_table
from tabular import comparison

from . import RESULTS

MODELS = "default hist_gradient_boosting lightgbm random_forest linear".split()
WAYS = "inputs inputs_encoded relu relu_encoded".split()


def compared(metric, models):
    """Return the fits that count for a metric, on the splits that all models have."""
    results = read([RESULTS / "mixed.csv"])
    shared = comparison.shared_rows(results, models)
    return shared[shared["task"].isin(METRICS[metric].tasks)]


def scores(metric):
    """Return the table of the means of a metric, and of mean ranks."""
    return score_table(compared(metric, MODELS), METRICS[metric])


def native_and_encoded(metric):
    """Return the table of a metric for networks on frames as they are, and behind encoders."""
    return score_table(compared(metric, WAYS), METRICS[metric])


def differences(metric, reference):
    """Return the table of paired differences to a model."""
    return difference_table(compared(metric, MODELS), METRICS[metric], reference)
