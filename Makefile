# Each command makes .venv first, and again only when what is installed there has changed.
#
#   make demo     sample WhatsApp traffic into a sandbox CRM, nothing to set up
#   make test     every test; ARGS="-k name" picks some
#   make check    style, types, and which layer may import which
#   make bench    what it costs: CPU, throughput, memory
#   make faults   kills and pauses under load: what is lost, doubled or out of order
#   make fuzz     long: what no caller, admin or CRM should send; N=20000 tries more
#   make audit    whether a flaw is known in what constraints.txt pins
#   make mutants  each safeguard taken away once: does a test notice

VENV := .venv
INSTALLED := $(VENV)/.installed
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	if $$candidate -c '$(FITS)' >/dev/null 2>&1; then echo $$candidate; break; fi; done)
ARGS ?=
N ?= 3000

.PHONY: demo test check bench faults mutants fuzz audit clean

demo: $(INSTALLED)
	@$(VENV)/bin/connector demo $(ARGS)

# More workers than cores: the tests that start daemons mostly wait.
test: $(INSTALLED)
	@$(VENV)/bin/python -m pytest -q -n 4 --dist worksteal $(ARGS)

check: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(INSTALLED)
	@$(VENV)/bin/python -m bench.run $(ARGS)

faults: $(INSTALLED)
	@$(VENV)/bin/python -m faults.run $(ARGS)

fuzz: $(INSTALLED)
	@CONNECTOR_FUZZ=$(N) $(VENV)/bin/python -m pytest -q -n 2 --timeout 0 tests/fuzz $(ARGS)

audit: $(INSTALLED)
	@PYTHON=$(VENV)/bin/python .ci/audit

mutants: $(INSTALLED)
	@$(VENV)/bin/python -m faults.mutants $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or newer with venv is needed; name one with make PYTHON=..." >&2; \
		echo "(on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Installing into $(VENV), once ..." >&2
	@$(VENV)/bin/python -c '$(FITS)' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $@
