# Everything a person or a machine does with a checkout. `make demo` and `make test` do all set-up themselves.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# What tests of its own must cover; measuring it during all other tests took a third of their time.
COVERED := attribution fraud_rules tracker/ledger
COVERING := $(COVERED:%=tests/%)
SOURCES := snippet ingest attribution fraud_rules tracker tests benchmarks examples docs hatch_build.py

# What tests start that Python cannot install: command, and the Debian package it comes from.
CHROMIUM := chromium:chromium
BROWSERS := $(CHROMIUM) firefox-esr:firefox-esr WebKitWebDriver:webkit2gtk-driver Xvfb:xvfb
SERVERS := nginx:nginx-light caddy:caddy php:php-cli systemd-analyze:systemd java:openjdk-17-jre-headless

.PHONY: demo build dev test test-browsers test-slow check fmt bench bench-ingest bench-attribution docs locks clean tested-with

demo: build ## build everything and start Molva with demo data and a demo shop
	@exec $(BIN)/molva demo --port $(PORT)

build: $(VENV)/run.stamp
	@$(BIN)/python hatch_build.py

dev: $(VENV)/dev.stamp
	@$(BIN)/python hatch_build.py

test: NEEDED = $(CHROMIUM)
test: dev tested-with ## install what the tests need and run all of them
	@$(BIN)/python -m pytest -n auto --dist loadfile $(COVERING) \
	  $(COVERED:%=--cov=%) --cov-report=term:skip-covered --cov-fail-under=90
	@$(BIN)/python -m pytest -n auto --dist loadfile $(COVERING:%=--ignore=%)

test-browsers: NEEDED = $(BROWSERS)
test-browsers: dev tested-with ## the snippet in Chromium, Firefox and WebKit
	@TEST_BROWSERS=chromium,firefox,webkit $(BIN)/python -m pytest tests/browsers

test-slow: NEEDED = $(CHROMIUM) $(SERVERS)
test-slow: dev $(VENV)/slow.stamp tested-with ## kill rounds, fuzz, long property runs, web servers in front
	@$(BIN)/python -m pytest -m slow

check: dev ## format, lint, types, import rules, dead code
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/vulture

fmt: dev
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench: bench-ingest bench-attribution ## measure; prints ratios within one run

bench-ingest: dev ## measure the doors of ingestion
	@command -v wrk >/dev/null || { echo "make bench-ingest needs wrk (Debian: apt-get install wrk)."; exit 1; }
	@$(BIN)/python benchmarks/run.py
	@$(BIN)/python benchmarks/peers/run.py

bench-attribution: dev ## measure deciding again; CLICKS= says how many
	@PYTHONPATH=.:benchmarks/storage $(BIN)/python benchmarks/attribution/run.py --clicks $(or $(CLICKS),1000000)

docs: NEEDED = $(CHROMIUM)
docs: dev tested-with ## make the screenshots again and hold the docs against the code
	@$(BIN)/python docs/screenshots.py
	@$(BIN)/python -m pytest -q tests/docs

locks: dev ## compile the locked requirements again
	@for name in run dev; do $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  $$([ $$name = dev ] && echo --extra=dev) --extra=postgres -o requirements/$$name.txt pyproject.toml; done
	@for name in build node slow; do $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  -o requirements/$$name.txt requirements/$$name.in; done

clean:
	@rm -rf $(VENV) node_modules snippet/built ingest/data/built tracker/admin/static/vendor test-artifacts \
	  tests/snippet/filters/installed benchmarks/snippet/node_modules

# The machine may have Python alone: Node comes from a wheel where there is none.
$(VENV)/tools.stamp: requirements/build.txt requirements/node.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Molva needs Python 3.11 or newer."; exit 1; }
	@echo "Installing build tools …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements/build.txt
	@command -v npm >/dev/null || $(PIP) -r requirements/node.txt
	@touch $@

$(VENV)/run.stamp: $(VENV)/tools.stamp requirements/run.txt pyproject.toml
	@echo "Installing Molva …"
	@[ -f $(VENV)/dev.stamp ] || $(PIP) -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/tools.stamp requirements/dev.txt pyproject.toml
	@echo "Installing Molva and what its tests need …"
	@$(PIP) -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@ $(VENV)/run.stamp

$(VENV)/slow.stamp: $(VENV)/dev.stamp requirements/slow.txt
	@echo "Installing what the slow tests need …"
	@$(PIP) -r requirements/slow.txt
	@touch $@

tested-with:
	@$(BIN)/python hatch_build.py tests
	@$(BIN)/python tests/snippet/filters/install.py
	@missing=; for each in $(NEEDED); do \
	  PATH="$$PATH:/usr/sbin" command -v $${each%%:*} >/dev/null || missing="$$missing $${each##*:}"; done; \
	[ -z "$$missing" ] || { \
	  echo "Installing$$missing …"; \
	  [ "$$(id -u)" = 0 ] || SUDO=sudo; \
	  $$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } || { \
	  echo "The tests need these packages of your system:$$missing."; exit 1; }
