# Two commands on a machine with Python 3.11+ (with venv), git and make:
#   make run    sets up and runs the main job on the demo company
#   make test   sets up and passes the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Each worker of the tests takes whole modules, the longest first; runs in them take about 1 GB.
WORKERS := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: run test lint types sql-lint dev benchmark lock clean

run: $(READY)
	$(BIN)/cdp demo
	$(BIN)/cdp run

test: $(READY) lint types sql-lint
	$(BIN)/python -m pytest $(WORKERS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

sql-lint: $(READY)
	$(BIN)/sqlfluff lint --disable-progress-bar -p 2 dbt_like_sql examples cdp_pipeline/templates

dev: $(READY)
	$(BIN)/cdp dev

benchmark: $(READY)
	$(BIN)/python -m benchmarks $(NAME)

# Set-up is done again only when the lock file or the project's metadata change.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) ..."
	@started=$$(date +%s); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements.lock)" && \
	$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock && \
	$(BIN)/uv pip install --quiet --no-deps --editable . && \
	echo "Installed in $$(( $$(date +%s) - started )) s (download and unpacking)."
	@touch $(READY)

lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --no-strip-extras --python-version 3.11 --quiet -o requirements.lock

clean:
	rm -rf $(VENV) data/landing data/warehouse data/exports data/dagster data/demo_truth
