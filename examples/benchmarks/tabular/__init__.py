"""Parts of the tabular benchmark: `run_tabular.py` runs it, `make_report.py` reports on it."""
