# `make` alone lists the verbs. Written for GNU make 3.81 (macOS) and later.

PYTHON ?= python3
ARGS   ?=
# pip prints errors only; `make install PIP_QUIET=0` shows what it does.
PIP_QUIET ?= 2
PIP_DISABLE_PIP_VERSION_CHECK ?= 1
export PIP_QUIET PIP_DISABLE_PIP_VERSION_CHECK

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
# Present while an install runs. Found at the start of one, it means that the last was cut short.
UNFINISHED := $(VENV)/.unfinished

NOTEBOOKS = $(wildcard notebooks/*.ipynb)
TORCH = $(shell sed -n 's/^torch==//p' requirements.lock 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help install demo figures lab test lint bench bench-browser gallery lock clean FORCE

help:  ## list the verbs
	@echo "usage: make VERB [ARGS=\"more arguments for the command\"]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'
	@echo "The first verb that needs it creates $(VENV) with everything in requirements.lock."

install: $(STAMP)  ## create .venv, or bring it up to date

demo: $(STAMP)  ## explain the crops of sample photos; writes to demo/
	@$(BIN)/asm-interp demo $(ARGS)

figures: $(STAMP)  ## draw the paper's figures and tables; writes to figures/
	@$(BIN)/asm-interp figures $(ARGS)

lab: $(STAMP)  ## open the first notebook in JupyterLab
	@$(BIN)/asm-interp lab --folder notebooks $(ARGS)

test: $(STAMP)  ## run the tests, slow ones last
	@$(BIN)/python -m pytest $(ARGS)

gallery: $(STAMP)  ## run all notebooks; writes them as offline pages to gallery/
	@$(BIN)/python -m asm_interp.gallery $(ARGS)

lint: $(STAMP)  ## check style, types, and that notebooks carry no outputs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	$(if $(NOTEBOOKS),@$(BIN)/nbstripout --verify $(NOTEBOOKS))

bench: $(STAMP)  ## time the parts against the naive way and against peers
	@$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-columns=min,median,rounds $(ARGS)

bench-browser: $(STAMP)  ## time the views in JupyterLab; needs Chromium
	@$(BIN)/python benchmarks/browser.py $(ARGS)

# torch stays where it is unless asked: its wheels are large, and the newest is rarely the one tested.
lock:  ## renew requirements.lock; `make lock TORCH=2.15.0` moves torch as well
	@$(require-python); \
	tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && trap 'exit 130' INT TERM && \
	echo "Resolving in a temporary environment, torch $(TORCH) (a few minutes)" && \
	$(PYTHON) -m venv "$$tmp/venv" && \
	"$$tmp/venv/bin/python" -m pip install "torch==$(TORCH)" -e ".[dev]" && \
	"$$tmp/venv/bin/python" -m pip freeze --exclude-editable > "$$tmp/frozen" && \
	{ sed '/^[^#]/,$$d' requirements.lock; \
	  sed -e '/^#/d' -e '/^nvidia/d' -e '/^cuda/d' -e '/^triton/d' -e 's/+.*//' "$$tmp/frozen"; } > "$$tmp/lock" && \
	cp "$$tmp/lock" requirements.lock && echo "requirements.lock is renewed; review it with git diff"

clean:  ## remove caches, builds, demo/ and gallery/ (.venv stays)
	@rm -rf build dist demo gallery .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +

# --- the environment ---------------------------------------------------------------------------

# Shell text, so that only a verb that is about to create an environment asks for it.
define require-python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
    echo "asm_interp needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)" >&2; \
    echo "Name another one: make install PYTHON=/path/to/python3.11" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
    echo "'$(PYTHON)' cannot create virtual environments: its venv or ensurepip module is missing." >&2; \
    echo "On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
endef

define INSTALL_HELP

The installation did not finish; pip's reason stands above, `make install PIP_QUIET=0` tells it at length.
Once it is mended, call make again.

No network, or a slow one?
  A mirror:        PIP_INDEX_URL=https://mirror.example/simple make install
  A wheel folder:  on a connected machine of the same system and Python version, in this folder,
                       python3 -m pip download -d wheels -c requirements.lock ".[dev]" editables
                   then, with that folder copied here,
                       PIP_NO_INDEX=1 PIP_FIND_LINKS="$$PWD/wheels" make install

No matching distribution of torch?
  Wheels of torch $(TORCH) exist for CPython 3.10 to 3.14 on Linux with glibc 2.28 or newer (x86_64, aarch64),
  macOS 14 or newer on Apple silicon, and 64-bit Windows. Not for musl (Alpine), Intel Macs or 32-bit systems.
  Another Python:  make install PYTHON=/path/to/python3.12
  Conda instead:   conda env create -f environment.yml && conda activate asm_interp

endef
export INSTALL_HELP

# Anew as well where the interpreter behind .venv is gone, which the stamp cannot tell.
$(STAMP): pyproject.toml requirements.lock $(shell test -x $(BIN)/python || echo FORCE)
	@if [ -e $(UNFINISHED) ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    $(require-python); \
	    echo "Creating $(VENV)"; \
	    rm -rf $(VENV) && mkdir $(VENV) && touch $(UNFINISHED) && $(PYTHON) -m venv $(VENV) || exit 1; \
	fi
	@echo "Installing into $(VENV) (1-3 minutes and 1.5 GB; 6 GB where torch comes with CUDA)"
	@touch $(UNFINISHED); trap 'exit 130' INT TERM; \
	$(BIN)/python -m pip install -c requirements.lock -e ".[dev]"; status=$$?; \
	if [ $$status -eq 0 ]; then mv $(UNFINISHED) $@; exit 0; fi; \
	[ $$status -ge 128 ] || rm -f $(UNFINISHED); \
	echo "$$INSTALL_HELP" >&2; exit 1
