"""The models of the benchmark: candidates by name, and the package each comes from.

Every model is fitted to the training rows of a split. Most are one estimator with one setting; a
tuned one is several, among which the validation rows choose. What is chosen is little and the
number of candidates is recorded: four for every tuned network, whether they are learning rates or
prefactors. The default of skibias is not tuned: it holds out some of its own training rows.

Libraries are imported where they are used: a process that fits one model loads no other.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from .protocol import CLASSIFICATION

HIDDEN_LAYER_SIZES = (256, 256)
LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01)
PREFACTORS = (1, 2, 4, 8)
NEIGHBOURS = (1, 5, 15, 45)
NORMS = {"L1": 1, "L2": 2}
IMPORT_NAMES = {"scikit-learn": "sklearn"}  # where they differ from the package's


class Model(NamedTuple):
    """How to build a model, and what it needs."""

    build: Callable[[str, int], dict]  # (task, seed) -> {candidate's name: unfitted estimator}
    package: str

    def is_installed(self):
        """Whether the package can be imported."""
        return find_spec(IMPORT_NAMES.get(self.package, self.package)) is not None


def _single(build, task, seed):
    """Return the only candidate of a model that is not tuned."""
    return {"": build(task, seed)}


def _behind_ranks(seed, *steps):
    """Return a pipeline that spreads every column's ranks evenly over [-1, 1] first."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer

    return make_pipeline(QuantileTransformer(random_state=seed), MinMaxScaler((-1, 1)), *steps)


def _for_task(estimator, task):
    """Standardise the target of an estimator that does not do it itself, if it is a value."""
    if task == CLASSIFICATION:
        return estimator
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    return TransformedTargetRegressor(estimator, transformer=StandardScaler())


def linear_model(task):
    from sklearn.linear_model import LogisticRegression, Ridge

    return LogisticRegression(max_iter=1000) if task == CLASSIFICATION else Ridge()


def _linear(task, seed):
    return _behind_ranks(seed, linear_model(task))


def _nearest_neighbours(task, seed):
    """Return k-NN for several k and both norms, as the paper tunes it (P E.4)."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    neighbours = KNeighborsClassifier if task == CLASSIFICATION else KNeighborsRegressor
    return {
        f"k={k} {norm}": _behind_ranks(seed, neighbours(k, p=p))
        for k in NEIGHBOURS
        for norm, p in NORMS.items()
    }


def random_forest(task, seed):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestClassifier if task == CLASSIFICATION else RandomForestRegressor
    return forest(random_state=seed)


def hist_gradient_boosting(task, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    is_classification = task == CLASSIFICATION
    trees = HistGradientBoostingClassifier if is_classification else HistGradientBoostingRegressor
    return trees(random_state=seed)


def lightgbm(task, seed):
    from lightgbm import LGBMClassifier, LGBMRegressor

    trees = LGBMClassifier if task == CLASSIFICATION else LGBMRegressor
    return trees(random_state=seed, n_jobs=1, verbose=-1)


def catboost(task, seed):
    from catboost import CatBoostClassifier, CatBoostRegressor

    trees = CatBoostClassifier if task == CLASSIFICATION else CatBoostRegressor
    return trees(random_state=seed, thread_count=1, verbose=0, allow_writing_files=False)


def _sklearn_network(task, seed):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    network = MLPClassifier if task == CLASSIFICATION else MLPRegressor
    return network(hidden_layer_sizes=HIDDEN_LAYER_SIZES, early_stopping=True, random_state=seed)


def _sklearn_mlp(task, seed):
    return _for_task(_behind_ranks(seed, _sklearn_network(task, seed)), task)


def _learned_columns(task, seed):
    """Return unfitted input functions; whole numbers can be values, so the task is told."""
    from skibias import IAFTransformer

    target_type = "auto" if task == CLASSIFICATION else "continuous"
    return IAFTransformer(target_type=target_type, random_state=seed)


def _iaf_sklearn_mlp(task, seed):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns, network = _learned_columns(task, seed), _sklearn_network(task, seed)
    return _for_task(make_pipeline(columns, StandardScaler(), network), task)


def _iaf_linear(task, seed):
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_learned_columns(task, seed), linear_model(task))


def network(task, seed, **parameters):
    """Return an estimator of skibias; it scales columns and targets itself."""
    from skibias import LearnedActivationMLPClassifier, LearnedActivationMLPRegressor

    is_classification = task == CLASSIFICATION
    network = LearnedActivationMLPClassifier if is_classification else LearnedActivationMLPRegressor
    return network(random_state=seed, **parameters)


def _tuned_network(task, seed, tuned, values, **parameters):
    """Return a network of skibias for each value of one parameter."""
    return {
        f"{tuned}={value:g}": network(task, seed, **parameters, **{tuned: value})
        for value in values
    }


def _embedding_mlp(task, seed, embedding):
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline

    from .embeddings import EmbeddingMLPClassifier, EmbeddingMLPRegressor

    network = EmbeddingMLPClassifier if task == CLASSIFICATION else EmbeddingMLPRegressor
    network = network(embedding, hidden_layer_sizes=HIDDEN_LAYER_SIZES, random_state=seed)
    # Columns of one value have no bins.
    return _for_task(make_pipeline(VarianceThreshold(), _behind_ranks(seed, network)), task)


def pytabkit_model(task, seed, name):
    import pytabkit

    kind = "Classifier" if task == CLASSIFICATION else "Regressor"
    model = getattr(pytabkit, f"{name}_{kind}")
    return model(device="cpu", n_threads=1, random_state=seed)


def _untuned(package, build, **parameters):
    return Model(partial(_single, partial(build, **parameters)), package)


def _learner(**parameters):
    """Return settings of learning on networks as wide as an estimator's own are."""
    from skibias import ActivationLearner

    return ActivationLearner(**{"hidden_layer_sizes": (64, 64)} | parameters)


def _other_learner(task, seed, learner, **parameters):
    """Return a single network whose functions are learned with other settings."""
    return network(task, seed, learner=_learner(**learner), n_estimators=1, **parameters)


def _fixed_inputs(task, seed, n_channels, n_knots):
    """Return a single ReLU network behind functions that stay as they were meta-learned."""
    from skibias import IAFTransformer

    learner = _learner(n_restarts=1, n_knots=n_knots, outer_step="normalized")
    columns = IAFTransformer(learner, n_channels=n_channels)
    return network(task, seed, activation="relu", input_activations=columns, n_estimators=1)


# Networks of skibias with one activation, or with learned functions of the columns and ReLU;
# "single" ones are one network instead of an average of several.
VARIANTS = {
    "relu": {"activation": "relu"},
    "relu_robust": {"activation": "relu", "scaling": "robust"},
    "relu_single": {"activation": "relu", "n_estimators": 1},
    "tanh": {"activation": "tanh"},
    "learned": {"activation": "learned", "input_activations": None},
    "inputs": {"activation": "relu", "input_activations": "learned"},
    "default_single": {"n_estimators": 1},
}
# Other ways to learn a shared activation.
LEARNERS = {
    "from_relu": {"init": "relu", "n_restarts": 1},
    "from_zeros": {"init": "zeros", "n_restarts": 1},
    "unroll_20": {"unroll_steps": 20},
    "batch_1024": {"batch_size": 1024},
    "domain_2": {"domain": (-2, 2)},
    "horizon_1500": {"horizon": 1500},
    "8_networks": {"n_networks": 8},
}
SIZES = ((256,), (256, 256, 256), (64, 64), (1024, 1024))  # depth, and width (P Fig. 8)
TUNED = ("relu", "tanh", "learned", "inputs")


def _variants():
    """Return the variants with their default settings, and tuned ones."""
    models = {name: _untuned("skibias", network, **own) for name, own in VARIANTS.items()}
    for name in TUNED:
        own = VARIANTS[name]
        choice = {"tuned": "learning_rate", "values": LEARNING_RATES}
        if name == "tanh":  # the learning rate is divided by the prefactor (P 3.3)
            choice = {"tuned": "prefactor", "values": PREFACTORS}
        models[f"{name}_tuned"] = Model(partial(_tuned_network, **choice, **own), "skibias")
    return models


def _ablations():
    """Return single networks that differ from `relu_single`, `inputs_single` … in one setting."""
    relu = {"activation": "relu", "n_estimators": 1}
    tanh = {"activation": "tanh", "n_estimators": 1}
    learned = {"activation": "learned", "input_activations": None}
    inputs = {"input_activations": "learned"}
    models = {
        "relu_minmax": _untuned("skibias", network, **relu, scaling="minmax"),
        "relu_standard": _untuned("skibias", network, **relu, scaling="standard"),
        "tanh_4": _untuned("skibias", network, **tanh, prefactor=4),
        "learned_single": _untuned("skibias", _other_learner, learner={}, **learned),
        "inputs_single": _untuned("skibias", network, **relu, **inputs),
        "inputs_tanh_2": _untuned("skibias", network, **tanh, **inputs, prefactor=2),
        "inputs_learned": _untuned(
            "skibias", _other_learner, learner={}, activation="learned", **inputs
        ),
        # No meta-learning: training starts from the ramps of a piecewise-linear encoding.
        "inputs_from_ramps": _untuned(
            "skibias", _other_learner, learner={"n_outer_steps": 0}, activation="relu", **inputs
        ),
        "inputs_fixed_8": _untuned("skibias", _fixed_inputs, n_channels=8, n_knots=65),
        "inputs_fixed_16": _untuned("skibias", _fixed_inputs, n_channels=16, n_knots=129),
    }
    for name, learner in LEARNERS.items():
        models[f"learned_{name}"] = _untuned("skibias", _other_learner, learner=learner, **learned)
    models["learned_per_layer"] = _untuned(
        "skibias", _other_learner, learner={}, sharing="layer", **learned
    )
    for sizes in SIZES:
        name = "x".join(map(str, sizes))
        models[f"relu_{name}"] = _untuned("skibias", network, **relu, hidden_layer_sizes=sizes)
        models[f"learned_{name}"] = _untuned(
            "skibias", _other_learner, learner={}, **learned, hidden_layer_sizes=sizes
        )
        models[f"inputs_{name}"] = _untuned(
            "skibias", network, **relu, **inputs, hidden_layer_sizes=sizes
        )
    return models


MODELS = {
    "linear": _untuned("scikit-learn", _linear),
    "knn": Model(_nearest_neighbours, "scikit-learn"),
    "random_forest": _untuned("scikit-learn", random_forest),
    "hist_gradient_boosting": _untuned("scikit-learn", hist_gradient_boosting),
    "lightgbm": _untuned("lightgbm", lightgbm),
    "catboost": _untuned("catboost", catboost),
    "sklearn_mlp": _untuned("scikit-learn", _sklearn_mlp),
    **_variants(),
    "default": _untuned("skibias", network),
    "iaf_sklearn_mlp": _untuned("skibias", _iaf_sklearn_mlp),
    "iaf_linear": _untuned("skibias", _iaf_linear),
    "mlp_ple": _untuned("rtdl_num_embeddings", _embedding_mlp, embedding="ple"),
    "mlp_plr": _untuned("rtdl_num_embeddings", _embedding_mlp, embedding="plr"),
    "realmlp": _untuned("pytabkit", pytabkit_model, name="RealMLP_TD"),
    "tabm": _untuned("pytabkit", pytabkit_model, name="TabM_D"),
}
DEFAULT_MODELS = tuple(MODELS)
# The others are part of a run only if they are named.
MODELS |= _ablations()
