# Everything runs from .venv, built from requirements.lock by the uv in .tools. IMAGE=path gives `make run` an image.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
BIN := .venv/bin
READY := .venv/.ready
# Modules of benchmarks/ that hold the blob engine against its targets.
ENGINE_BENCHMARKS := engine_index idle_volumes marking rebuilding collecting scrubbing beside_collection
# And those that hold the catalogue against its.
METADATA_BENCHMARKS := metadata_lists metadata_mix metadata_creates
PROTOS := $(wildcard protos/galleria/*/*.proto)

# Trust what the system trusts, as git and curl do: uv brings certificates of its own.
export UV_SYSTEM_CERTS ?= true
# mke2fs and the other system tools are not on every user's PATH.
export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help run serve test test-slow coverage check bench bench-engine bench-metadata protos clean lock

help:
	@echo "make run        the main job on a real image (IMAGE=path takes yours)"
	@echo "make serve      a server on 127.0.0.1:8470 with its data in ./data"
	@echo "make test       the tests; make test-slow the long ones; make coverage with a report"
	@echo "make check      linters, types, import rules, .proto rules, size limits"
	@echo "make bench      Galleria beside its peers on the same images; make bench-engine the blob engine beside its"
	@echo "                targets; make bench-metadata the catalogue beside its"
	@echo "make protos     generate the Python code of the .proto files again"
	@echo "make lock       choose the newest versions that pyproject.toml allows"
	@echo "make clean      remove all that these targets made, data excepted"

run: $(READY)
	@.ci/debian-packages mke2fs:e2fsprogs
	@$(BIN)/python -m benchmarks.main_job $(if $(IMAGE),--image "$(IMAGE)")

serve: $(READY)
	@$(BIN)/galleria serve --data ./data

test: $(READY)
	@.ci/debian-packages mke2fs:e2fsprogs openssl strace
	$(BIN)/pytest -q -n 2 --dist loadgroup -m "not slow"

test-slow: $(READY)
	@.ci/debian-packages mke2fs:e2fsprogs openssl strace
	$(BIN)/pytest -q -m slow -o faulthandler_timeout=0

coverage: $(READY)
	@.ci/debian-packages mke2fs:e2fsprogs openssl strace
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 2 --dist loadgroup -m "not slow"
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf format --path galleria --diff --exit-code
	.ci/breaking $(BIN)/buf
	$(BIN)/pytest -q tests/architecture

bench: $(READY)
	@.ci/debian-packages mke2fs:e2fsprogs mmdebstrap restic borg:borgbackup casync
	@$(BIN)/python -m benchmarks.peers

bench-metadata: $(READY)
	@missed=; for module in $(METADATA_BENCHMARKS); do \
		$(BIN)/python -m benchmarks.$$module || missed="$$missed $$module"; \
	done; test -z "$$missed" || { echo "targets not met:$$missed" >&2; exit 1; }

bench-engine: $(READY)
	@missed=; for module in $(ENGINE_BENCHMARKS); do \
		$(BIN)/python -m benchmarks.$$module || missed="$$missed $$module"; \
	done; test -z "$$missed" || { echo "targets not met:$$missed" >&2; exit 1; }

protos: $(READY)
	@$(BIN)/python protos/hatch_build.py

lock: $(UV)
	$(UV) pip compile -q pyproject.toml --universal --python-version 3.11 --all-extras --upgrade \
		--generate-hashes --no-header --output-file requirements.lock
	@! grep -n '://' requirements.lock || { echo "requirements.lock must hold no addresses" >&2; exit 1; }

clean:
	rm -rf .tools .venv build dist htmlcov protos/third_party benchmarks/.cache
	rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find protos/galleria -name '*_pb2*.py*' -delete
	find server storage client protos tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Galleria needs Python 3.11 or newer (PYTHON=path chooses one)." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python cannot make virtual environments here: apt install python3-venv" >&2; exit 1; }
	@rm -rf .tools
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION)

# The editable install runs protos/hatch_build.py, so it depends on the .proto files too. Byte code is made here, not at
# the first start: a command line is judged by its start, and some environments never write it.
$(READY): $(UV) requirements.lock pyproject.toml protos/hatch_build.py $(PROTOS)
	@test -x $(BIN)/python || $(UV) venv -q --python "$$(command -v $(PYTHON))" .venv
	@$(UV) pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	@$(UV) pip install -q --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@$(BIN)/python -m compileall -q storage client server protos/galleria
	@touch $@
