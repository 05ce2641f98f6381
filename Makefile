# Every target sets up what it needs, inside this folder (.venv, .cache), and nothing outside it.
PYTHON3 ?= python3
RUN := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo lab test lint types typescript template unit wheel dvc feast browser bench lock screenshot clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## the environment: .venv with everything the lock names, and this project in it
	@$(PYTHON3) scripts/set_up.py

demo: setup  ## the whole story on a real notebook, in the terminal
	@$(RUN) scripts/run.py nbship demo --to .demo

lab: setup  ## JupyterLab on the demo notebook: model registered, months arrived, panel open
	@$(RUN) scripts/lab.py $(OPTIONS)

test: setup  ## every check there is; what CI runs
	@$(RUN) scripts/check.py

lint types typescript template unit wheel dvc feast browser: setup  ## one part of the checks
	@$(RUN) scripts/check.py $@

bench: setup  ## compare with others, side by side, as ratios
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(RUN) scripts/run.py python $$script; done

screenshot: setup  ## docs/sidebar.png, made anew
	@$(PYTHON3) scripts/set_up.py --browser
	@$(RUN) scripts/lab.py --prepare
	@$(RUN) scripts/run.py python scripts/screenshot.py

lock: setup  ## requirements.lock and its companions, from pyproject.toml
	@$(RUN) scripts/run.py scripts/lock.sh

clean:  ## what was built and made; the environment and downloads stay (rm -r .venv .cache)
	rm -rf .demo .lab dist build extension/lib extension/nbship_lab/labextension
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f kernel_magics/nbship_magics/static/widget.js
