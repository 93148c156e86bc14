"""Fenced blocks of Markdown pages, read and run; shared by the tests of README and docs."""

import re

import sklearn.ensemble  # noqa: F401  (its threads can be limited only once it is loaded)
from threadpoolctl import threadpool_limits

import skibias  # noqa: F401


def blocks(text):
    """List the fenced blocks of a Markdown text as pairs (language, body)."""
    pattern = r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$"
    return re.findall(pattern, text, re.MULTILINE | re.DOTALL)


def run_python(text, name):
    """Run the Python blocks of a page one after the other and return the names they define."""
    sources = [body for language, body in blocks(text) if language == "python"]
    names = {}
    # One thread: on a busy machine, the trees' threads otherwise wait for each other far longer
    # than they work.
    with threadpool_limits(1):
        for number, source in enumerate(sources):
            exec(compile(source, f"{name}, block {number}", "exec"), names)
    return names
