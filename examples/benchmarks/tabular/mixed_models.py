"""The models of the sets with categories and missing values, which are given as frames.

Every model has its default settings and takes categories and missing values as its authors mean
it to. Those that cannot take them stand behind scikit-learn's encoders, and so does, under names
that end in ``_encoded``, each network of skibias beside itself. What a model prepares it learns
from the training rows.

Libraries are imported where they are used: a process that fits one model loads no other.
"""

from functools import partial

from . import models
from .models import Model

HIST_GRADIENT_BOOSTING_LEVELS = 254  # it takes 255 levels: one more is that of all others
MISSING = "missing"  # a level for catboost
ENCODER = {"handle_unknown": "infrequent_if_exist", "min_frequency": 5, "max_categories": 255}
# Networks of skibias, by what differs from the default.
NETWORKS = {
    "default": {},
    "relu": {"activation": "relu", "input_activations": None},
    "inputs": {"activation": "relu", "input_activations": "learned"},
}


def categorical_columns(X):
    """List the columns of a frame that are no numbers: categories, texts, objects, truth values."""
    from pandas.api import types

    return [
        name
        for name, column in X.items()
        if types.is_bool_dtype(column) or not types.is_numeric_dtype(column)
    ]


def _encoded(categorical, *, scaled=True, **settings):
    """Return an encoder: one column per level; mean values and indicators for missing numbers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = SimpleImputer(add_indicator=True)
    return ColumnTransformer(
        [("categories", OneHotEncoder(sparse_output=False, **settings), categorical)],
        remainder=make_pipeline(numbers, StandardScaler()) if scaled else numbers,
    )


def _behind_encoder(task, seed, categorical, build):
    """Return an estimator behind one column per level that is not rare, and scaled numbers."""
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_encoded(categorical, **ENCODER), build(task, seed))


def _behind_levels(task, seed, categorical, build, **settings):
    """Return an estimator behind categories that have the levels of the training rows."""
    from sklearn.pipeline import make_pipeline

    from .levels import TrainingLevels

    return make_pipeline(TrainingLevels(categorical, **settings), build(task, seed))


def _linear(task, seed):
    return models.linear_model(task)


def _hist_gradient_boosting(task, seed):
    trees = models.hist_gradient_boosting(task, seed)
    return trees.set_params(categorical_features="from_dtype")


def _catboost(task, seed, categorical):
    """Return boosted trees that are given categories as texts, a missing one as another text."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from .levels import as_texts

    texts = FunctionTransformer(as_texts, kw_args={"columns": categorical, "missing": MISSING})
    return make_pipeline(texts, models.catboost(task, seed).set_params(cat_features=categorical))


def _realmlp(task, seed, categorical):
    """Return a network that is given categories, and means for missing numbers.

    Its authors fill in means too (Holzmüller, Grinsztajn and Steinwart, "Better by Default",
    NeurIPS 2024).
    """
    from sklearn.pipeline import make_pipeline

    from .levels import MeanNumbers, TrainingLevels

    network = models.pytabkit_model(task, seed, name="RealMLP_TD")
    return make_pipeline(TrainingLevels(categorical), MeanNumbers(), network)


def _network(task, seed, categorical, **parameters):
    """Return an estimator of skibias, which takes the frame as it is."""
    return models.network(task, seed, **parameters)


def _encoded_network(task, seed, categorical, **parameters):
    """Return an estimator of skibias behind one column per level and means."""
    from sklearn.pipeline import make_pipeline

    encoder = _encoded(categorical, scaled=False, handle_unknown="ignore")
    return make_pipeline(encoder, models.network(task, seed, **parameters))


def _single(build, task, seed, categorical):
    """Return the only candidate of a model that is not tuned."""
    return {"": build(task, seed, categorical)}


def _untuned(package, build, /, **parameters):
    return Model(partial(_single, partial(build, **parameters)), package)


def _networks():
    """Return the networks of skibias, each as it is and behind encoders."""
    found = {}
    for name, parameters in NETWORKS.items():
        found[name] = _untuned("skibias", _network, **parameters)
        found[f"{name}_encoded"] = _untuned("skibias", _encoded_network, **parameters)
    return found


# Model.build: (task, seed, categorical columns) -> {candidate's name: unfitted estimator}
MIXED_MODELS = {
    "linear": _untuned("scikit-learn", _behind_encoder, build=_linear),
    "random_forest": _untuned("scikit-learn", _behind_encoder, build=models.random_forest),
    "hist_gradient_boosting": _untuned(
        "scikit-learn",
        _behind_levels,
        build=_hist_gradient_boosting,
        max_levels=HIST_GRADIENT_BOOSTING_LEVELS,
    ),
    "lightgbm": _untuned("lightgbm", _behind_levels, build=models.lightgbm),
    "catboost": _untuned("catboost", _catboost),
    "realmlp": _untuned("pytabkit", _realmlp),
    **_networks(),
}
