# make run   sets everything up and starts the app
# make test  sets everything up and runs linter, type checker and all tests
# Both build their own virtual environment in .venv; a second run starts at once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

HAS_GPU := $(shell nvidia-smi -L 2>/dev/null | grep -q GPU && echo yes)
TORCH := 2.13.0
# Python compiles a module at its first import; to compile all that is installed takes pip most of a minute.
PIP_INSTALL := $(BIN)/pip install --quiet --no-compile

.PHONY: run test test-long lint fix bench audit sbom mutate clean

run: $(VENV)/app.stamp
	$(BIN)/python app.py

test: lint
	$(BIN)/python -m pytest -n 2

test-long: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m long

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --warnings
	$(BIN)/python .ci/scripts.py

fix: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python .ci/scripts.py --fix

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.benchmarks.reading
	$(BIN)/python -m tests.benchmarks.page
	$(BIN)/python -m tests.benchmarks.viewer
	$(BIN)/python -m tests.benchmarks.exports

# Changes small core modules in small ways and counts the changes that their tests do not notice (pyproject.toml, mutmut).
mutate: $(VENV)/test.stamp
	$(BIN)/pip install --quiet mutmut==3.8.1
	nice $(BIN)/python -m mutmut run
	$(BIN)/python -m mutmut results

# In an environment of their own: what audits is not what is audited. Neither runs in CI, both ask the network.
audit: $(VENV)/audit.stamp
	$(BIN)/python .ci/audit.py $(VENV)/audit/bin/pip-audit $(BIN)/python $(AUDIT)

sbom: $(VENV)/audit.stamp
	$(VENV)/audit/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-file sbom.json
	@echo Wrote sbom.json, a bill of materials of what is installed in $(VENV).

# torch first: its plain package brings several gigabytes of CUDA libraries, so a machine without a GPU asks for the CPU
# build, from the configured package index if it has one, else from PyTorch's own index, which uv knows by the name 'cpu'.
$(VENV)/torch.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'PriorRG needs Python 3.11 or newer. Name it: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	$(PYTHON) -m venv $(VENV)
ifeq ($(HAS_GPU),yes)
	$(PIP_INSTALL) torch==$(TORCH)
else
	$(PIP_INSTALL) torch==$(TORCH)+cpu 2>/dev/null \
		|| { $(BIN)/pip install --quiet uv \
			&& $(BIN)/uv pip install --quiet --python $(BIN)/python --torch-backend=cpu torch==$(TORCH); } \
		|| $(PIP_INSTALL) torch==$(TORCH)
endif
	@touch $@

$(VENV)/app.stamp: $(VENV)/torch.stamp requirements.txt pyproject.toml setup.py
	$(PIP_INSTALL) -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/app.stamp requirements-dev.txt
	$(PIP_INSTALL) -r requirements-dev.txt
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
		|| { echo 'The browser tests need Chromium. Install it (Debian: apt-get install chromium), then make test again.'; \
			exit 1; }
	@touch $@

$(VENV)/audit.stamp: $(VENV)/app.stamp
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install --quiet pip-audit==2.10.1 cyclonedx-bom==7.5.0
	@touch $@

clean:
	rm -rf $(VENV) node_modules
