# On a fresh machine with Python 3.11 to 3.13, make run and make test set everything up first.

PYTHON ?= $(firstword $(foreach each,python3.12 python3.11 python3.13 python3,$(if $(shell $(each) -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo yes),$(each))))
VENV ?= .venv
BIN := $(VENV)/bin
PEERS_PIP = .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps
ARGS ?=
# Test processes. Each file's tests stay in one of them. The long files are started first: of the unit tests they are the
# first by name, of the others those with the most tests.
JOBS ?= 2
UNIT_TESTS = pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
OTHER_TESTS = pytest -n $(JOBS) --dist loadfile tests/integration tests/acceptance tests/containers
COVERAGE = $(BIN)/python -m coverage

.PHONY: run test test-fast coverage pythons nightly flower lint bench peers chaos containers lock audit clean

run: $(VENV)/installed
	$(BIN)/advshard run $(ARGS)

# ARGS="-n 0 tests/unit/tasks" runs some of the tests, in one process.
test: $(VENV)/installed
ifeq ($(ARGS),)
	$(BIN)/python -m $(UNIT_TESTS) tests/unit
	$(BIN)/python -m $(OTHER_TESTS)
else
	$(BIN)/python -m $(UNIT_TESTS) $(ARGS)
endif

# The unit tests that take no longer than about two seconds each.
test-fast: $(VENV)/installed
	$(BIN)/python -m $(UNIT_TESTS) -m "not slow" tests/unit $(ARGS)

# All tests, the processes that they start included; fails if the tests execute less than 95% of the lines of core.
coverage: $(VENV)/installed
	$(COVERAGE) erase
	$(COVERAGE) run -m $(UNIT_TESTS) tests/unit
	$(COVERAGE) run -m $(OTHER_TESTS)
	$(COVERAGE) combine --quiet
	$(COVERAGE) report
	$(COVERAGE) report --include 'core/*' --format total --fail-under 95

# The unit tests on every supported Python that is on PATH or in pyenv, each in an environment of its own, .venv-3.x.
pythons:
	.ci/pythons $(ARGS)

# What takes too long for each change: hours.
nightly: $(VENV)/installed .venv-peers/installed
	.ci/nightly

flower: $(VENV)/installed
	$(BIN)/advshard flower $(ARGS)

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint Dockerfile

bench: $(VENV)/installed .venv-peers/installed
	$(BIN)/python -m bench $(or $(ARGS),all)

# The libraries that the benchmarks compare with are installed in an environment of their own.
peers: .venv-peers/installed

chaos: $(VENV)/installed
	$(BIN)/python -m tests.chaos $(ARGS)

# Needs root; see tests/containers/__init__.py. Building the image takes longer than the usual time limit of a test.
containers: $(VENV)/installed
	ADVSHARD_CONTAINERS=1 $(BIN)/python -m pytest tests/containers --timeout 1800 $(ARGS)

# The stamp is written last, so that an interrupted installation is repeated.
$(VENV)/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "expected Python 3.11, 3.12 or 3.13 on PATH; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	touch $@

# torch is installed without the GPU libraries, which are large; bench/peers/torch.txt says how.
.venv-peers/installed: bench/peers/requirements.lock bench/peers/torch.txt | $(VENV)/installed
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
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
