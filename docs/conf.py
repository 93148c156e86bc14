"""Settings of the documentation: ``sphinx-build -W -b html docs OUT`` from the root.

Nothing is fetched while the pages are built; the examples of the gallery run.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "extensions"))
os.environ.setdefault("MPLBACKEND", "Agg")

from skibias import __version__  # noqa: E402

project = "skibias"
author = "The skibias developers"
copyright = "The skibias developers, BSD 3-Clause"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "results_table",  # of docs/extensions
]
templates_path = ["templates"]
exclude_patterns = ["data", "_build", "extensions", "templates"]
default_role = "py:obj"  # `fit` in a docstring links where there is a target

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
numpydoc_show_class_members = False  # the template of a class lists them

sphinx_gallery_conf = {
    "examples_dirs": str(DOCS.parent / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",
    "within_subsection_order": "FileNameSortKey",
    "reset_argv": "gallery.arguments_of_example",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skibias"
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
