# On a fresh machine with Python 3.11 to 3.13, make run and make test set everything up first.

PYTHON ?= $(firstword $(foreach each,python3.12 python3.11 python3.13 python3,$(if $(shell $(each) -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo yes),$(each))))
BIN := .venv/bin
PEERS_PIP = .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps
ARGS ?=

.PHONY: run test flower lint bench peers chaos containers lock audit clean

run: .venv/installed
	$(BIN)/advshard run $(ARGS)

test: .venv/installed
	$(BIN)/python -m pytest $(ARGS)

flower: .venv/installed
	$(BIN)/advshard flower $(ARGS)

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint Dockerfile

bench: .venv/installed .venv-peers/installed
	$(BIN)/python -m bench $(or $(ARGS),all)

# The libraries that the benchmarks compare with are installed in an environment of their own.
peers: .venv-peers/installed

chaos: .venv/installed
	$(BIN)/python -m tests.chaos $(ARGS)

# Needs root; see tests/containers/__init__.py. Building the image takes longer than the usual time limit of a test.
containers: .venv/installed
	ADVSHARD_CONTAINERS=1 $(BIN)/python -m pytest tests/containers --timeout 1800 $(ARGS)

# The stamp is written last, so that an interrupted installation is repeated.
.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "expected Python 3.11, 3.12 or 3.13 on PATH; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	touch $@

# torch is installed without the GPU libraries, which are large; bench/peers/torch.txt says how.
.venv-peers/installed: bench/peers/requirements.lock bench/peers/torch.txt | .venv/installed
	$(BIN)/python -m venv --clear .venv-peers
	$(PEERS_PIP) --require-hashes -r bench/peers/requirements.lock
	$(PEERS_PIP) -r bench/peers/torch.txt
	touch $@

# Hashes for every platform and Python version; needs uv. The second file has what a worker needs, in the same versions.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

lock:
	$(LOCK) --all-extras pyproject.toml -o requirements.lock
	$(LOCK) --extra s3 --constraints requirements.lock pyproject.toml -o requirements-run.lock
	$(LOCK) --constraints requirements.lock --override bench/peers/overrides.txt bench/peers/requirements.in \
		-o bench/peers/requirements.lock

# Asks PyPI for known vulnerabilities of the locked packages; needs uv and a network.
audit:
	@uv tool run pip-audit@2.10.1 --requirement requirements.lock --disable-pip --strict --progress-spinner off || { \
		echo "audit not passed: a vulnerability is named above, or a tool or the network is missing;" \
			"SECURITY.md has what was last found"; exit 1; }

clean:
	rm -rf .venv .venv-peers build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
