# `make run` shows clipmod at work; `make test` proves it. See README.md.
PYTHON ?= python3
PORT ?= 8000
export PORT
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run install test test-fast lint constraints sbom clean

# The report is for people; what operators read in the log (LOG_LEVEL=INFO) would run through it.
run: preflight-port $(VENV)/installed
	@LOG_LEVEL=$${LOG_LEVEL:-WARNING} exec $(BIN)/python manage.py demo --port $(PORT)

# Without the demo shop: packages, database, model. Then see "Your own products" in README.md.
install: $(VENV)/installed
	@$(BIN)/python manage.py migrate -v 0
	@LOG_LEVEL=$${LOG_LEVEL:-WARNING} $(BIN)/python manage.py setup
	@echo "clipmod is installed. Next, in this folder:"
	@echo "  $(BIN)/python manage.py createsuperuser"
	@echo "  $(BIN)/python manage.py serve --port $(PORT)"

test: $(VENV)/installed-dev
	@VENV=$(VENV) tools/test.sh

# After each change: all but the tests that take seconds, start processes or need a browser.
test-fast: $(VENV)/installed-dev
	@VENV=$(VENV) tools/test.sh fast

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --check --target-version 5.2 $$(find templates -name '*.html')
	$(BIN)/mypy
	$(BIN)/lint-imports

# The versions that are installed here, with hashes, as constraints.txt: after `make test`.
constraints: $(VENV)/installed-dev
	$(BIN)/python -m tools.constraints

# What clipmod runs with, and under which licences, as sbom.json (CycloneDX).
sbom: $(VENV)/installed-dev
	$(BIN)/python -m tools.sbom

.PHONY: preflight preflight-port
preflight:
	@$(PYTHON) tools/preflight.py
preflight-port:
	@$(PYTHON) tools/preflight.py port

$(VENV)/installed: requirements.txt | preflight
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing what clipmod needs into $(VENV) (minutes the first time) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing what testing needs ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) staticfiles .mypy_cache .ruff_cache .pytest_cache
