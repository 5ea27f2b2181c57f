# Everything a developer or a first visitor types. `make help` lists it.
PYTHON ?= python3
# A third of the time tests wait, for servers that they have started: half as many again as there are processors.
PYTEST_FLAGS ?= -n $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 ))) --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := core ca ra ocsp tsa seals audit yinxin
LOCALE := core/locale
# Where it is set, as in many containers, each of some hundred processes would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo serve test fuzz faults sbom audit-dependencies lint lint-style lint-types lint-imports format catalogue lock upgrade clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.project ## Seal and verify sample documents into demo/
	$(BIN)/yinxin demo --out demo

serve: $(VENV)/.project ## Serve every authority from home/, filled with sample data
	$(BIN)/yinxin --home home serve --seed

test: $(VENV)/.dev ## Run the tests
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

fuzz: $(VENV)/.dev ## Hand every parser wrong input, a minute each (YINXIN_FUZZ_SECONDS), then the time-stamping service
	nice -n 19 $(BIN)/python -m tests.fuzz.campaign
	nice -n 19 $(BIN)/python -m pytest -m fuzz -s tests/tsa/test_tsa_fuzz.py

faults: $(VENV)/.dev ## Kill every kind of act a thousand times, and look at the books (YINXIN_FAULTS, e.g. --database postgresql)
	nice -n 10 $(BIN)/python -m tests.faults.campaign $(or $(YINXIN_FAULTS),--kills 1000 --houses 20)

sbom: $(VENV)/.dev ## Write sbom.json: what an installation is made of, with hashes and licences (CycloneDX)
	$(BIN)/python -m tools.sbom

audit-dependencies: $(VENV)/.dev ## Compare the dependencies with advisories at hand: ADVISORIES=FILE (a ZIP of OSV records)
	$(BIN)/python -m tools.audit_dependencies $(ADVISORIES)

lint: lint-style lint-types lint-imports ## Check style, types and who imports whom

lint-style: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(VENV)/.dev
	$(BIN)/mypy

lint-imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench-%: $(VENV)/.dev ## Run one benchmark: make bench-NAME runs bench/NAME.py
	$(BIN)/python -m bench.$*

# Click's own words are in our catalogue too, so that a reader meets one language.
catalogue: $(VENV)/.dev ## Bring the catalogue of texts up to date with the sources
	$(BIN)/pybabel -q extract --mapping pyproject.toml --no-location --sort-output -o $(LOCALE)/yinxin.pot \
		$(PACKAGES) "$$($(BIN)/python -c 'import click, pathlib; print(pathlib.Path(click.__file__).parent)')"
	$(BIN)/pybabel -q update --domain yinxin --input-file $(LOCALE)/yinxin.pot --output-dir $(LOCALE) \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	$(BIN)/pybabel compile --domain yinxin --directory $(LOCALE) --statistics
	@rm $(LOCALE)/yinxin.pot

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header $(UV_FLAGS) pyproject.toml

lock: $(VENV)/.dev ## Pin the dependencies after a change of pyproject.toml
	$(UV_COMPILE) --group build --output-file requirements.lock
	$(UV_COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock

upgrade: UV_FLAGS = --upgrade
upgrade: lock ## Pin the newest dependencies

clean: ## Remove what the targets made; home/ stays, for it holds keys
	rm -rf $(VENV) demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Yinxin needs Python 3.11 or later, and $(PYTHON) is not: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "This Python cannot make virtual environments: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock $(VENV)/.created
	@echo "Installing the dependencies, once (about a minute) ..."
	@$(BIN)/pip install -qq --only-binary :all: --require-hashes --requirement requirements.lock
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.runtime
	@$(BIN)/pip install -qq --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.project
	@echo "Installing the developers' tools, once ..."
	@$(BIN)/pip install -qq --only-binary :all: --require-hashes --requirement requirements-dev.lock
	@touch $@
