# Needs a POSIX shell, make, and one Python >= 3.10; everything else is set up under .venvs/.
# pip is left to the user's own configuration: no index is named here, and only its errors are shown.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENVS := .venvs
PIP := -m pip --disable-pip-version-check install -qq

# PYTHON names the interpreter that `make doctor` examines (and the first candidate to build with).
PYTHON ?=
# More words for `envdoctor check`, and for pytest.
ARGS ?=
PYTEST_ARGS ?=

# The interpreter that the virtual environments are made from. Each candidate is run, not only looked
# up: version managers leave shims for Pythons that are not there, and Debian packages ensurepip apart.
CANDIDATES := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python3.10 python
FIND_BASE := for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; \
	  then base=$$(command -v "$$candidate"); break; fi; \
	done; \
	if [ -z "$${base:-}" ]; then \
	  echo "make: no Python >= 3.10 with the modules venv and ensurepip found; tried: $(strip $(CANDIDATES))" >&2; \
	  echo "make: install one (on Debian and Ubuntu: python3 and python3-venv), or name one: make PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi

# The interpreter of the user: PYTHON, the active environment, then the `python3` or `python` of the PATH.
FIND_EXAMINED := examined=$$(command -v "$(PYTHON)" 2>/dev/null || echo "$(PYTHON)"); \
	for candidate in "$${VIRTUAL_ENV:+$$VIRTUAL_ENV/bin/python}" "$${CONDA_PREFIX:+$$CONDA_PREFIX/bin/python}" python3 python; do \
	  if [ -z "$$examined" ] && "$$candidate" -c '' >/dev/null 2>&1; then examined=$$(command -v "$$candidate"); fi; \
	done; \
	if [ -z "$$examined" ]; then $(FIND_BASE); examined=$$base; fi

# A virtual environment knows its own absolute path: one that was moved with the checkout, or whose
# interpreter went away, is made anew.
fresh = $(shell test -x $(1)/bin/python && grep -qxF '$(CURDIR)' $(1)/place 2>/dev/null || echo again)
in_place = @$(FIND_BASE); echo "make: $(@D) from $$base"; rm -rf $(@D); \
	"$$base" -m venv $(@D) && printf '%s\n' '$(CURDIR)' > $@

SOURCES := $(shell find src -type f ! -name '*.pyc')

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: doctor
doctor: $(VENVS)/doctor/made ## set up, then examine this machine (PYTHON=/path/to/python: that environment)
	@$(FIND_EXAMINED); status=0; \
	$(VENVS)/doctor/bin/envdoctor check --python "$$examined" $(ARGS) || status=$$?; \
	case $$status in \
	  0) echo "make doctor: envdoctor check ended with exit code 0" ;; \
	  1) echo "make doctor: envdoctor check ended with exit code 1: see its findings above; the build is fine" ;; \
	  *) echo "make doctor: envdoctor check ended with exit code $$status: it could not examine $$examined" >&2; exit $$status ;; \
	esac

# What the tests hand planned commands to, each in an environment of its own: their pins are not ours.
TOOLS := $(VENVS)/poetry/made $(VENVS)/pdm/made $(VENVS)/gate/made

.PHONY: test
test: $(VENVS)/test/made $(TOOLS) ## set up, then ruff, mypy --strict and the tests (no CUDA wheels needed)
	$(VENVS)/test/bin/ruff check
	$(VENVS)/test/bin/ruff format --check
	$(VENVS)/test/bin/mypy --strict
	$(VENVS)/test/bin/python -m pytest -n auto $(PYTEST_ARGS)

# ENVDOCTOR_TEST_CUDA_ENV, ENVDOCTOR_TEST_CUDA12_ENV and ENVDOCTOR_TEST_CPU_ENV name environments that exist already.
REAL_CUDA12 := $(or $(ENVDOCTOR_TEST_CUDA12_ENV),$(CURDIR)/$(VENVS)/real-cuda12)
REAL_CUDA := $(or $(ENVDOCTOR_TEST_CUDA_ENV),$(CURDIR)/$(VENVS)/real-cuda)
REAL_CPU := $(or $(ENVDOCTOR_TEST_CPU_ENV),$(CURDIR)/$(VENVS)/real-cpu)

.PHONY: test-real
test-real: $(VENVS)/test/made ## the tests that need real torch wheels too (downloads several GB)
test-real: $(if $(ENVDOCTOR_TEST_CUDA_ENV),,$(VENVS)/real-cuda/made)
test-real: $(if $(ENVDOCTOR_TEST_CUDA12_ENV),,$(VENVS)/real-cuda12/made)
test-real: $(if $(ENVDOCTOR_TEST_CPU_ENV),,$(VENVS)/real-cpu/made)
	@skipped=0; \
	ENVDOCTOR_TEST_CUDA_ENV='$(REAL_CUDA)'; export ENVDOCTOR_TEST_CUDA_ENV; \
	ENVDOCTOR_TEST_CUDA12_ENV='$(REAL_CUDA12)'; export ENVDOCTOR_TEST_CUDA12_ENV; \
	if [ -n "$(ENVDOCTOR_TEST_CPU_ENV)" ] || [ -f $(VENVS)/real-cpu/made ]; \
	then ENVDOCTOR_TEST_CPU_ENV='$(REAL_CPU)'; export ENVDOCTOR_TEST_CPU_ENV; \
	else unset ENVDOCTOR_TEST_CPU_ENV; skipped=1; fi; \
	echo "make test-real: $$skipped of 3 real environments skipped"; \
	$(VENVS)/test/bin/python -m pytest --real -m real $(PYTEST_ARGS)

# Needs a GPU, and an interpreter with torch that can run envdoctor too (click, rich, packaging, nvidia-ml-py): without
# network, nothing has to be installed. With ARGS="--python PATH" another interpreter's torch is tried.
.PHONY: gpu-evidence
gpu-evidence: ## what this machine's GPU gives, into docs/evidence/gpu (PYTHON=/path/to/python with torch)
	@$(FIND_EXAMINED); PYTHONPATH=src "$$examined" benchmarks/gpu_evidence.py $(ARGS)

# CASES and LINT name folders of labelled pastes and files (benchmarks/accuracy.py tells their form), VERBOSE=-v what was wrong.
CASES ?=
LINT ?=
VERBOSE ?=

.PHONY: accuracy
accuracy: $(VENVS)/test/made ## how often triage and lint are right, over labelled cases (CASES=folder LINT=folder)
	$(VENVS)/test/bin/python benchmarks/accuracy.py --cases tests/pastes $(CASES) --lint tests/declarations $(LINT) $(VERBOSE)

.PHONY: python
python: ## which interpreters would be built with, and examined
	@$(FIND_BASE); $(FIND_EXAMINED); echo "built with: $$base"; echo "examined: $$examined"

.PHONY: clean
clean: ## remove what these targets and the tools left behind
	rm -rf $(VENVS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +

.PHONY: again
again:

$(VENVS)/doctor/place: $(call fresh,$(VENVS)/doctor)
	$(in_place)

# A normal installation, not an editable one: what runs is what a user would get.
$(VENVS)/doctor/made: $(VENVS)/doctor/place pyproject.toml hatch_build.py compat_matrix.toml README.md $(SOURCES)
	@$(VENVS)/doctor/bin/python $(PIP) --upgrade .
	@touch $@

$(VENVS)/test/place: $(call fresh,$(VENVS)/test)
	$(in_place)

# `pip install --group` is of pip 25.1.
$(VENVS)/test/made: $(VENVS)/test/place pyproject.toml hatch_build.py
	@$(VENVS)/test/bin/python $(PIP) 'pip>=25.1'
	@$(VENVS)/test/bin/python $(PIP) --editable . --group dev
	@touch $@

$(VENVS)/poetry/place: $(call fresh,$(VENVS)/poetry)
	$(in_place)

$(VENVS)/poetry/made: $(VENVS)/poetry/place
	@$(VENVS)/poetry/bin/python $(PIP) poetry
	@touch $@

$(VENVS)/pdm/place: $(call fresh,$(VENVS)/pdm)
	$(in_place)

# `locked` is the set pdm was released with; with the newest of its requirements 2.29.3 does not start.
$(VENVS)/pdm/made: $(VENVS)/pdm/place
	@$(VENVS)/pdm/bin/python $(PIP) 'pdm[locked]'
	@touch $@

$(VENVS)/gate/place: $(call fresh,$(VENVS)/gate)
	$(in_place)

# What workflows and hooks are checked with, and what runs the examples of docs/examples/ci.
$(VENVS)/gate/made: $(VENVS)/gate/place
	@$(VENVS)/gate/bin/python $(PIP) check-jsonschema zizmor pre-commit nox tox
	@touch $@

$(VENVS)/real-cuda/place: $(call fresh,$(VENVS)/real-cuda)
	$(in_place)

$(VENVS)/real-cuda/made: $(VENVS)/real-cuda/place
	@$(VENVS)/real-cuda/bin/python $(PIP) torch==2.14.1 torchvision==0.29.1
	@touch $@

$(VENVS)/real-cuda12/place: $(call fresh,$(VENVS)/real-cuda12)
	$(in_place)

# CUDA 12 libraries that carry DT_RUNPATH, and packages with a compiled object for every system they may meet.
$(VENVS)/real-cuda12/made: $(VENVS)/real-cuda12/place
	@$(VENVS)/real-cuda12/bin/python $(PIP) torch==2.9.1 torchvision==0.24.1 torchaudio==2.9.1 packaging
	@$(VENVS)/real-cuda12/bin/python $(PIP) --no-deps xformers==0.0.33.post2 bitsandbytes==0.48.2 torchcodec==0.9.1 \
	  opencv-python-headless
	@touch $@

$(VENVS)/real-cpu/place: $(call fresh,$(VENVS)/real-cpu)
	$(in_place)

# The local version keeps pip from taking the CUDA build of the same release. Not every index has it.
$(VENVS)/real-cpu/made: $(VENVS)/real-cpu/place
	@if $(VENVS)/real-cpu/bin/python $(PIP) torch==2.13.0+cpu; then touch $@; \
	else echo "make test-real: pip cannot have torch==2.13.0+cpu here: the CPU environment is skipped"; fi
