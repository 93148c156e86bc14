"""How the gallery runs the examples: the arguments that each is given."""

import tempfile
from pathlib import Path

# Settings in which an example takes less than a minute on two cores.
ARGUMENTS = {
    "plot_01_compare_with_trees.py": ["--splits", "1", "--rows", "1500"],
}
# Examples save their figure; the gallery takes it from memory, so the file is not kept.
FIGURES = tempfile.TemporaryDirectory(prefix="gallery_figures_")


def arguments_of_example(gallery_conf, script_vars):
    """Return the command-line arguments of one example."""
    name = Path(script_vars["src_file"]).name
    figure = Path(FIGURES.name) / f"{Path(name).stem}.png"
    return [*ARGUMENTS.get(name, []), "--output", str(figure)]
