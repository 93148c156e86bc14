"""The directive ``{results-table} page.table words``: a table of numbers, made from its CSV file.

What stands behind the name is described in `result_tables`.
"""

from docutils import nodes
from result_tables import RESULTS, make_table
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective


class ResultsTable(SphinxDirective):
    """Puts the table that a function makes in the place of the directive."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Make the table; pages are read anew once a CSV file has changed."""
        for path in RESULTS.rglob("*.csv"):
            self.env.note_dependency(str(path))
        try:
            table = make_table(self.arguments[0])
        except Exception as error:
            place = f"{self.get_location()}: {{results-table}} {self.arguments[0]}"
            raise ExtensionError(f"{place}: {error!r}", error) from error
        return self.parse_text_to_nodes(table)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive("results-table", ResultsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
