"""Use skibias as it was installed from a wheel or an sdist, with nothing but its dependencies."""

from importlib import metadata, resources, util
from pathlib import Path
from sysconfig import get_path

import numpy as np

import skibias
from skibias.datasets import load_magic_telescope

LICENSES = ("licenses/LICENSE", "licenses/skibias/datasets/data/README.md")

installed = Path(skibias.__file__).resolve()
assert installed.is_relative_to(Path(get_path("purelib")).resolve()), installed
assert metadata.version("skibias") == skibias.__version__

files = [str(file) for file in metadata.files("skibias") or ()]
for name in LICENSES:
    assert any(file.endswith(f".dist-info/{name}") for file in files), f"{name} is missing"
assert resources.files("skibias").joinpath("py.typed").is_file()
for module in ("matplotlib", "pandas", "openml"):
    assert util.find_spec(module) is None, f"a plain installation has brought {module}"

X, y = load_magic_telescope(return_X_y=True)
chosen = np.random.default_rng(0).permutation(len(X))[:300]
model = skibias.LearnedActivationMLPClassifier(
    (16,),
    activation="learned",
    input_activations=None,
    learner=skibias.ActivationLearner(n_outer_steps=5, n_restarts=1, hidden_layer_sizes=(8,)),
    max_iter=5,
    n_estimators=1,
    random_state=0,
)
model.fit(X[chosen], y[chosen])
assert np.isfinite(model.predict_proba(X[chosen])).all()
assert set(model.predict(X[chosen])) <= set(y)
print(f"skibias {skibias.__version__} works from {installed.parent}")
