# Commands for an environment with the extras plots, test, dev and docs:
# python -m pip install -c constraints.txt -e ".[plots,test,dev,docs]"
.PHONY: lint test docs build coverage mutations frozen

lint:
	ruff check .
	ruff format --check .
	mypy

test:
	python -m pytest -n 2

docs:
	sphinx-build -W -b html docs docs/_build

build:
	python -m build

coverage:
	python -m pytest -n 2 --cov=skibias --cov-report=term-missing --cov-fail-under=95

mutations:
	python tests/mutations.py

frozen:
	python tests/frozen_results.py
