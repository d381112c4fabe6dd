# Everything a developer or the CI does. Each target makes its own .venv from constraints.txt when there is none.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP_VERSION := 26.3
UV_VERSION := 0.13.9
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
ENGINES := $(VENV)/.engines-installed
BENCH := $(VENV)/.bench-installed
CATALOGUE := src/wxcube/i18n/locale/zh/LC_MESSAGES/wxcube
INSTALL := $(PY) -m pip install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-cube docs contract messages lock clean java

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME) ## the whole job on two simulated accounts: emulate, sync, check, show
	$(VENV)/bin/wxcube demo

test: $(ENGINES) $(CATALOGUE).mo java ## all tests, on two processes; Spark and ClickHouse come along
	$(PY) -m pytest -n 2 --dist loadgroup

check: $(ENGINES) $(CATALOGUE).mo ## style, types, layers, the exported contract and the documentation
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/pyright tests/typing
	$(VENV)/bin/lint-imports
	$(PY) tools/messages.py check
	$(PY) -m wxcube.contract json | diff -u docs/contract/contract.json - || { echo 'run `make contract`'; exit 1; }
	$(PY) -m wxcube.contract openapi | diff -u docs/contract/openapi.json - || { echo 'run `make contract`'; exit 1; }
	$(MAKE) --no-print-directory docs

bench: $(BENCH) ## every benchmark in bench/
	@for script in $(filter-out bench/cube_naive.py bench/cube_build.py bench/analysis_views.py,$(wildcard bench/*.py)); do echo "== $$script"; $(PY) "$$script" || exit 1; done

bench-cube: $(BENCH) ## cube builds: full, one new day, naive queries, lower bound (EVENTS=20 million)
	$(PY) bench/cube_build.py --events $(or $(EVENTS),20) --naive

docs: $(DEV) ## the documentation, in docs/_build/html
	$(PY) -m sphinx --fail-on-warning --keep-going --quiet --builder html docs docs/_build/html
	@echo 'docs/_build/html/index.html'

contract: $(RUNTIME) ## write the contract to docs/contract again
	$(PY) -m wxcube.contract json > $(VENV)/contract.json
	$(PY) -m wxcube.contract openapi > $(VENV)/openapi.json
	mv $(VENV)/contract.json $(VENV)/openapi.json docs/contract/

messages: $(DEV) ## bring the catalogue of messages up to date with the source, and compile it
	$(PY) tools/messages.py update

lock: $(RUNTIME) ## pin the newest allowed versions in constraints.txt
	$(PY) -m pip install --quiet 'uv==$(UV_VERSION)'
	$(VENV)/bin/uv pip compile pyproject.toml --all-extras --group dev --group engines --group bench --universal --python-version 3.11 \
		--upgrade --no-emit-index-url --no-header --no-annotate --quiet --output-file $(VENV)/constraints.txt
	sed -E 's/ ; .{100,}$$//' $(VENV)/constraints.txt > constraints.txt

clean: ## remove what was built, but not .venv
	rm -rf demo build dist docs/_build docs/reference/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): pyproject.toml constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet 'pip==$(PIP_VERSION)'
	$(INSTALL) --editable '.'
	touch $@

$(DEV): $(RUNTIME)
	$(INSTALL) --group dev
	touch $@

$(ENGINES): $(DEV)
	$(INSTALL) --editable '.[clickhouse,deliver,mysql,pages,postgres,spark]' --group engines
	touch $@

$(CATALOGUE).mo: $(CATALOGUE).po $(DEV)
	$(PY) tools/messages.py compile

# Spark needs Java; without it its tests are skipped, and say so.
java:
	@command -v java >/dev/null || test -n "$$JAVA_HOME" || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends openjdk-17-jre-headless; \
	} || echo 'no Java here: the tests with Spark will be skipped (apt-get install openjdk-17-jre-headless)'

$(BENCH): $(DEV)
	$(INSTALL) --group bench
	touch $@
