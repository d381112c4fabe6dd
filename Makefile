# Everything a developer or the CI does. Each target makes its own .venv from constraints.txt when there is none.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
ENGINES := $(VENV)/.engines-installed
BENCH := $(VENV)/.bench-installed
SUPPLY := $(VENV)/.supply-installed
AUDIT := $(VENV)/.audited
CLIENTS := $(VENV)/clients/.installed
CATALOGUE := src/wxcube/i18n/locale/zh/LC_MESSAGES/wxcube
# With these options pip installs only what constraints.txt has a hash of, for builds too.
INSTALL := $(PY) -m pip install --quiet --require-hashes --constraint constraints.txt --build-constraint constraints.txt
INSTALL_PROJECT := $(PY) -m pip install --quiet --no-deps --build-constraint constraints.txt --editable

.DEFAULT_GOAL := help
.PHONY: help demo test check audit bench bench-cube docs contract messages lock release sbom clients clean java

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME) ## the whole job on two simulated accounts: emulate, sync, check, show
	$(VENV)/bin/wxcube demo

test: $(ENGINES) $(CATALOGUE).mo java clients ## all tests, on two processes; Spark and ClickHouse come along
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
	$(MAKE) --no-print-directory docs audit

audit: $(SUPPLY) ## known vulnerabilities of the dependencies; once a day, where the data can be reached
	@test -z "$$(find $(AUDIT) -mmin -1440 -newer constraints.txt 2>/dev/null)" || exit 0; \
	$(PY) tools/audit.py $(AUDIT)

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

lock: $(SUPPLY) ## pin the newest allowed versions and their hashes in constraints.txt
	$(VENV)/bin/uv pip compile pyproject.toml --all-extras --group dev --group engines --group bench --group supply --universal \
		--python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --output-file $(VENV)/constraints.txt
	sed -E 's/ ; .{100,}\\$$/ \\/' $(VENV)/constraints.txt > constraints.txt

release: $(SUPPLY) $(ENGINES) ## sdist, wheel, bill of materials and checksums, in dist
	rm -rf dist
	$(PY) -m hatchling build
	$(MAKE) --no-print-directory sbom
	cd dist && sha256sum * > SHA256SUMS

sbom: $(SUPPLY) $(ENGINES) ## the bill of materials (CycloneDX), in dist
	mkdir -p dist
	$(PY) tools/sbom.py dist/wxcube.cdx.json

clients: $(RUNTIME) ## the public libraries for Node with which tests call the servers
	@$(MAKE) --no-print-directory $(CLIENTS) || echo 'no public libraries for Node here: their tests will be skipped (install Node and npm)'

clean: ## remove what was built, but not .venv
	rm -rf demo build dist docs/_build docs/reference/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): pyproject.toml constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	sed -n '/^pip==/,/[^\\]$$/p' constraints.txt > $(VENV)/pip.txt
	$(PY) -m pip install --quiet --require-hashes --requirement $(VENV)/pip.txt
	$(PY) tools/requirements.py > $(VENV)/requirements.txt
	$(INSTALL) --requirement $(VENV)/requirements.txt
	$(INSTALL_PROJECT) .
	touch $@

$(DEV): $(RUNTIME)
	$(INSTALL) --group dev
	touch $@

$(ENGINES): $(DEV)
	$(PY) tools/requirements.py clickhouse deliver dlt mysql pages postgres spark tls > $(VENV)/requirements.txt
	$(INSTALL) --requirement $(VENV)/requirements.txt --group engines
	touch $@

$(SUPPLY): $(RUNTIME)
	$(INSTALL) --group supply
	touch $@

$(CLIENTS): tests/clients/package.json tests/clients/package-lock.json
	mkdir -p $(VENV)/clients
	cp $^ $(VENV)/clients
	cd $(VENV)/clients && npm ci --ignore-scripts --no-audit --no-fund --silent
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
