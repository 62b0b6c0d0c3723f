# `make run` shows clipmod at work; `make test` proves it. See README.md.
PYTHON ?= python3
PORT ?= 8000
export PORT
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-fast lint clean

run: preflight-port $(VENV)/installed
	@exec $(BIN)/python manage.py demo --port $(PORT)

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

.PHONY: preflight preflight-port
preflight:
	@$(PYTHON) tools/preflight.py
preflight-port:
	@$(PYTHON) tools/preflight.py port

$(VENV)/installed: requirements.txt | preflight
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what clipmod needs into $(VENV) (minutes the first time) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing what testing needs ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) staticfiles .mypy_cache .ruff_cache .pytest_cache
