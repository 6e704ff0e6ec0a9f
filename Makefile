# The course's commands. Each one sets up what it needs; a second run starts at once and needs no network.
# Variables given on the command line reach the programs, too: make train TESTBED=picturebook DATA=~/pictures

.DEFAULT_GOAL := help
.PHONY: help lab test test-full setup tools train tune bench quality gallery lint format notebooks release site kit mutants programs

UV_VERSION := 0.13.8
UV = $(shell uv --version >/dev/null 2>&1 && echo uv || echo .uv/bin/uv)
SYSTEM_PYTHON = $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))
PYTHON := .venv/bin/python
# Two files at a time, each on one core: quicker than one after the other on two cores.
PYTEST := OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --no-loadscope-reorder
ALLOW_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
# Compiled modules are kept, which many containers switch off: else each kernel compiles torch and Jupyter anew, for 6 s.
export PYTHONDONTWRITEBYTECODE :=

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# .jupyter hides nbgrader's menus, which are for lecturers.
lab: setup ## Open the course in JupyterLab and print its URL (LAB_ARGS="--no-browser --port=9999" adds options)
	@$(PYTHON) -m course_lib copy
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" $(PYTHON) -m jupyterlab --LabApp.default_url=/lab/tree/mine/00_start_here.ipynb \
		--LabApp.extension_manager=readonly --LanguageServerManager.autodetect=False $(ALLOW_ROOT) $(LAB_ARGS)

test: tools programs lint ## Lint, unit tests, every notebook in fast mode, browser tests (PYTEST_ARGS adds options)
	COURSE_FAST=1 $(PYTEST) $(PYTEST_ARGS)

test-full: tools programs lint ## The same with the notebooks at full length, the long tests and mutants
	$(PYTEST) -m "" $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory mutants

setup: .venv/.ready ## Create .venv from uv.lock, once (CUDA=1 with PyTorch for GPUs, CUDA=0 without)

tools: .venv/.tools ## Add what tests and authors need

train: setup ## Train the models whose weights are missing (DATA=folder or horse2zebra: models of those pictures)
	$(PYTHON) -m course_lib train $(if $(DATA),--data "$(DATA)") $(TRAIN_ARGS)

bench: tools ## Measure speed, into data/results/bench.json
	$(PYTHON) tests/bench/bench.py

quality: setup ## Measure the quality of every task, into data/results/quality.json, and print the tables
	$(PYTHON) -m course_lib measure
	$(PYTHON) -m course_lib tables

tune: setup ## Choose the settings of every task on validation pictures, into data/tuned
	$(PYTHON) -m course_lib tune

gallery: setup ## Draw the pictures of README and data/results again
	$(PYTHON) -m course_lib gallery

lint: tools ## Check style and types
	$(PYTHON) -m ruff check --quiet
	$(PYTHON) -m ruff format --check --quiet
	$(PYTHON) -m mypy --no-error-summary

format: tools ## Repair style where that can be done by itself
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

notebooks: tools ## Run every notebook in fast mode and store the outputs that the tests compare
	COURSE_FAST=1 $(PYTHON) -m tests.tools.freeze notebooks/*.ipynb

release: tools ## Write what students get of the problem sets, from their masters
	@$(PYTHON) -m course_lib release

site: tools ## Execute the notebooks and write them as pages to read, into build/site (COURSE_FAST=1: quick)
	$(PYTHON) -m sphinx -c .site -d build/doctrees . build/site
	@echo "Open build/site/index.html"

kit: tools ## Write build/kit, for a USB stick: laptops set up the course from it without a network (PLATFORMS="... ...")
	@$(PYTHON) .setup/kit.py

mutants: tools ## Change the core in every way that a tool knows, and list what no test notices (MODULES="pgd")
	@.setup/install $(UV) --group dev --group mutants
	@$(PYTHON) -m tests.tools.survivors

programs: tools
	@$(PYTHON) -m tests.tools.programs

# The stamp is written last, so an interrupted set-up is done again; so is one whose Python has gone since.
$(shell .venv/bin/python -c '' 2>/dev/null || rm -f .venv/.ready .venv/.tools)
.venv/.ready .venv/.tools: pyproject.toml uv.lock jupyterlab.json
	@[ "$(UV)" = uv ] || [ -x .uv/bin/uv ] || $(MAKE) --no-print-directory .uv/bin/uv
	.setup/install $(UV) $(if $(filter .venv/.tools,$@ $(wildcard .venv/.tools)),--group dev)
	@touch .venv/.ready $@

.uv/bin/uv:
	@[ -n "$(SYSTEM_PYTHON)" ] || { echo "Python 3.11 or newer is needed and was not found." >&2; exit 1; }
	@echo "Fetching uv $(UV_VERSION) into .uv/"
	@rm -rf .uv
	@$(SYSTEM_PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet uv==$(UV_VERSION) \
	|| { rm -rf .uv; $(SYSTEM_PYTHON) -m pip install --quiet --target .uv uv==$(UV_VERSION); } \
	|| { rm -rf .uv; echo "uv could not be fetched. Install uv, or Python's venv and pip, and run make again." >&2; exit 1; }
