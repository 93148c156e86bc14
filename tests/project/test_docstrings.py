"""Parts that docstrings share."""

import importlib
import inspect
import re

import pytest

from skibias._docstrings import shared_parts


def test_parts_stand_in_the_place_of_their_names_and_other_braces_stay():
    @shared_parts(size="size : int\n    How many.", owner="someone")
    def documented():
        """Summary.

        {size}
        kind : {"a", "size"}
            For {owner}, in {other}.
        """

    expected = 'Summary.\n\nsize : int\n    How many.\nkind : {"a", "size"}\n'
    assert documented.__doc__ == expected + "    For someone, in {other}."


def test_a_function_without_a_docstring_stays_one():
    assert not shared_parts(size="1")(lambda: None).__doc__


@pytest.mark.parametrize("name", ["", ".complexity", ".datasets", ".plots", ".redshift"])
def test_no_public_docstring_has_an_empty_place(name):
    module = importlib.import_module(f"skibias{name}")
    objects = [getattr(module, public) for public in module.__all__]
    classes = filter(inspect.isclass, objects)
    objects += [part for kind in classes for _, part in inspect.getmembers(kind, callable)]
    texts = [str(inspect.getdoc(found)) for found in objects]
    assert [text for text in texts if re.search(r"^\s*\{\w+\}$", text, re.MULTILINE)] == []
