# Two commands matter: `make demo` and `make test`. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# of tests, for two cores: tests of services wait for other processes much of their time
WORKERS ?= 3
DEMO := build/demo
# tests of one suite are compiled once, not by each process of each suite again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-slow test-faults test-fuzz test-postgres security browser-test notebooks check format docs reference constraints clean

setup: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Holdfast needs Python 3.11 to 3.13; call: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Setting up $(VENV) (a minute or two the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m api.prepare
	@touch $(STAMP)

demo: setup
	@$(BIN)/python -m api.demo --out $(DEMO)

test: setup
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

test-slow: setup
	@HOLDFAST_TEST_EXPLORE=1 $(BIN)/python -m pytest -q -m "slow and not browser"

# processes of the service are killed while they work, on PostgreSQL; then a round of each fault on SQLite
test-faults: setup
	@.ci/with-postgres $(BIN)/python -m pytest -q -n 2 -m faults tests/api
	@$(BIN)/python -m benchmarks faults --short --side-by-side 2

# very many damaged files for every reader of uploads; HOLDFAST_FUZZ_INPUTS says how many
test-fuzz: setup
	@$(BIN)/python -m pytest -q -m fuzz tests/fuzz

# the service's tests that have a database again, on a PostgreSQL server that lives as long as they do
test-postgres: setup
	@.ci/with-postgres $(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow and not browser and not faults" tests/api

# every page in headless Chromium, in both languages; screenshots in build/screenshots
browser-test: setup
	@.ci/with-browser $(BIN)/python -m pytest -q -m browser tests/browser

# bandit and pip-audit in an environment of their own; B610 is about Django, which is not here
security:
	@test -x build/security/bin/bandit || { $(PYTHON) -m venv build/security && \
	  build/security/bin/pip install --quiet --disable-pip-version-check bandit pip-audit; }
	@build/security/bin/bandit --quiet --recursive --severity-level medium --skip B610 \
	  scenarios optimizer simulation api holdfast.py
	@build/security/bin/pip-audit --disable-pip --require-hashes -r constraints.txt

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# what only notebooks and the site need, beside what `setup` installs
$(VENV)/.docs: $(STAMP) constraints-docs.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-docs.txt
	@touch $@

# every notebook from top to bottom in a fresh kernel
notebooks: $(VENV)/.docs
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m docs tests/notebooks

# the pages that contracts, commands and routes make; the notebooks; then the site, where a broken link is an error
docs: $(VENV)/.docs reference notebooks
	@$(BIN)/python -m tools.site build/site-source
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet --site-dir build/site
	@echo "The site: build/site/index.html"

reference: setup
	@$(BIN)/python -m scenarios.reference docs/scenario.md
	@$(BIN)/python -m optimizer.reference docs/plan.md
	@$(BIN)/python -m api.reference docs

# needs uv; resolves for every supported Python at once, names no package index
RESOLVE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --extra fast --extra traces --extra dev
constraints:
	$(RESOLVE) pyproject.toml --output-file constraints.txt
	$(RESOLVE) --extra docs --constraints constraints.txt pyproject.toml --output-file constraints-docs.txt

clean:
	rm -rf build $(VENV)
