# Every command of this project; CI calls the same ones. `make` alone lists them.
# Needs only make and Python >= 3.11: everything else is installed below .venv and .drivers, in pinned, hashed versions.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
#: Stamps of what is installed: each is as new as the pinned versions it was installed from.
READY  := $(VENV)/.ready
#: Older drivers that users still run; the tests try the Oracle stand-in with them too.
DRIVERS := .drivers/oracledb-3/.ready .drivers/oracledb-4/.ready
#: The oldest has no wheel for a newer Python.
DRIVERS += $(shell $(PYTHON) -c 'import sys; sys.version_info < (3, 14) and print(".drivers/oracledb-2/.ready")' 2>/dev/null)
#: What draws the soak's plots.
PLOTTING := .drivers/plots/.ready
PIP    := $(PY) -m pip --disable-pip-version-check
#: What `make lock` compiles with, and what `make audit` asks: in places of their own, so that .venv holds what we use alone.
UV     := $(VENV)/lock-tools/bin/uv
AUDIT  := $(VENV)/audit-tools
UV_COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)
PYTEST := $(PY) -m pytest
SOAK_MINUTES ?= 30
#: Test files that run at once (TEST_WORKERS=0: one after the other). Most tests wait for processes, not for a core.
#: Six take 328 s on 2 cores where four take 402.
#: In the order of the tree: the hundreds of short ones in unit come last, and no long one is left over at the end.
TEST_WORKERS ?= 6
PARALLEL := -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
SOURCES := bench oracle_stand_in sandbox services shared tests tools

.DEFAULT_GOAL := help
.PHONY: help setup lock digests sbom audit fmt lint test test-e2e test-slow test-again cover test-unit test-integration test-fault demo chaos overflow-drill outage-drill up down secrets logs ps scale restart check recover verify acknowledge test-compose oracle-conformance oracle-suite requirements settings codes rights contract bench soak profile bench-sandbox clean

help:  ## list the commands (this text)
	@awk 'BEGIN { FS = ":.*##" } /^[a-z0-9-]+:.*##/ { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo takes DEMO_SECONDS=30 DEMO_RATE=5000/500ms DEMO_CSV=file.csv and more:"
	@echo "  $(PY) -m sandbox.run --help explains them"

setup: $(READY) $(DRIVERS)  ## install everything below .venv and .drivers (the other commands do it when needed)

$(READY): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: tagpipe needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "       Name another one: make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "installing $< into $(VENV) (once, and again when that file changes)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --require-hashes -r $<
	@touch $@

.drivers/%/.ready: requirements/%.txt $(READY)
	@echo "installing $< into $(@D)"
	@$(PIP) install --quiet --upgrade --target $(@D) --no-deps --require-hashes -r $<
	@touch $@

$(UV): requirements/uv.txt | $(READY)
	@$(PY) -m venv $(VENV)/lock-tools
	@$(VENV)/lock-tools/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $<
	@touch $@

$(AUDIT)/.ready: requirements/audit.txt | $(READY)
	@$(PY) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $<
	@touch $@

lock: $(UV)  ## pin what pyproject.toml asks for in requirements/*.txt (UPGRADE=1: the newest versions)
	$(UV_COMPILE) pyproject.toml -o requirements/runtime.txt
	$(UV_COMPILE) pyproject.toml --extra sandbox --extra dev -o requirements/dev.txt
	echo 'matplotlib' | $(UV_COMPILE) --constraint requirements/dev.txt --no-annotate - -o requirements/plots.txt
	echo 'oracledb==2.5.1' | $(UV_COMPILE) --no-deps --no-annotate - -o requirements/oracledb-2.txt
	echo 'oracledb==3.4.2' | $(UV_COMPILE) --no-deps --no-annotate - -o requirements/oracledb-3.txt
	echo 'oracledb==4.0.2' | $(UV_COMPILE) --no-deps --no-annotate - -o requirements/oracledb-4.txt
	echo 'uv' | $(UV_COMPILE) --no-annotate - -o requirements/uv.txt
	printf 'bandit\npip-audit\n' | $(UV_COMPILE) --no-annotate - -o requirements/audit.txt

digests:  $(READY)  ## pin the images of others by what their tags mean now (CHECK=1: only name those that are not, or are old); says so where a registry can't be reached
	@$(PY) -m tools.image_digests $(if $(CHECK),--check)

sbom: $(READY)  ## what the image holds of others, as CycloneDX, and their licences: build/
	@$(PY) tools/bill_of_materials.py requirements/runtime.txt $(wildcard $(VENV)/lib/python3.*/site-packages) build $$($(PY) -c 'import shared; print(shared.__version__)')
	@ls build/sbom.cdx.json build/THIRD_PARTY_NOTICES.txt

audit: $(AUDIT)/.ready  ## known weaknesses of what the image holds, and what bandit says of our own code
	$(AUDIT)/bin/bandit --quiet --recursive --configfile pyproject.toml services shared
	@$(AUDIT)/bin/pip-audit --strict --disable-pip --progress-spinner off -r requirements/runtime.txt || { \
	  echo "error: pip-audit found something, or can't reach its data (https://pypi.org): the lines above say which; a package 'not found' that there is means the latter, behind a mirror without such data" >&2; exit 1; }

fmt: $(READY)  ## format the code and repair what ruff can repair
	$(PY) -m ruff check --fix-only --quiet $(SOURCES)
	$(PY) -m ruff format $(SOURCES)

lint: $(READY)  ## format, style, types, and who may import whom
	$(PY) -m ruff format --check $(SOURCES)
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m mypy
	$(PY) $(VENV)/bin/lint-imports --no-logo

test: setup  ## all tests but those of people's ways (test-e2e) and the minutes-long ones (test-slow)
	$(PYTEST) $(PARALLEL) -m "not slow and not e2e"

test-e2e: setup  ## people's ways: with a browser, a terminal, a program of others
	$(PYTEST) $(PARALLEL) -m "e2e and not slow"

test-slow: setup  ## the minutes-long ones alone
	$(PYTEST) $(PARALLEL) -m slow

test-again: setup  ## only what failed the last time, one after the other
	$(PYTEST) --last-failed --last-failed-no-failures none

cover: setup  ## all tests but the minutes-long ones, with the lines and branches that they take, in all processes
	$(PY) -m coverage erase
	-$(PY) -m coverage run -m pytest $(PARALLEL) -m "not slow"
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

test-unit: setup  ## tests of single modules; seconds
	$(PYTEST) tests/unit

test-integration: setup  ## tests with a real Redis and the real Oracle driver
	$(PYTEST) $(PARALLEL) -m "not slow" tests/contract tests/integration

test-fault: setup  ## crashes, outages, full disks; the slow ones too
	$(PYTEST) tests/fault

chaos: $(READY)  ## random faults under load, then a comparison value by value (CHAOS_SECONDS=60, CHAOS_SEED)
	@$(PY) -m tools.chaos

overflow-drill: $(READY)  ## let the buffer overflow, see what is lost and what is kept (DRILL="--buffer 1000 --overflow 500")
	@$(PY) -m sandbox.drills overflow $(DRILL)

outage-drill: $(READY)  ## kill Oracle under load, recover, compare the table value by value (DRILL="--seconds 20 --rate 3491")
	@$(PY) -m sandbox.drills outage $(DRILL)

demo: $(READY)  ## run the whole pipeline on this machine; says where the dashboard is; ends with Ctrl+C
	@$(PY) -m sandbox.run

#: The Compose stack: full by default; STACK=lite with the Oracle stand-in, STACK=staging with an Oracle and a Redis outside.
#: Where files are named, Compose no longer looks for the override file by itself.
OVERRIDE = $(firstword $(wildcard compose.override.yml compose.override.yaml docker-compose.override.yml docker-compose.override.yaml))
COMPOSE = $(if $(STACK),COMPOSE_FILE=docker-compose.yml:docker-compose.$(STACK).yml$(OVERRIDE:%=:%) )docker compose

secrets:  ## with Docker: make the passwords of the full stack in ./secrets, those that are not there yet (NEW=redis: new ones of Redis)
	@sh deploy/compose/secrets.sh $(NEW)

up: $(if $(STACK),,secrets)  ## with Docker: build and start the stack, wait until it is healthy (STACK=lite: no Oracle image needed; WITHOUT=poller: not that service)
	$(COMPOSE) up --build --detach --wait $(WITHOUT:%=--scale %=0)

down:  ## with Docker: stop the stack; what is in Redis, Oracle and the backup files stays for the next `make up`
	$(COMPOSE) --profile "*" down --remove-orphans

logs:  ## with Docker: follow the logs (SERVICE=writer: of one)
	$(COMPOSE) logs --follow --tail=100 $(SERVICE)

ps:  ## with Docker: what runs, and whether it is healthy
	$(COMPOSE) ps --all

scale: need-SERVICE need-N  ## with Docker: run N of one service (SERVICE=writer N=3), until the next `make up`
	$(COMPOSE) up --detach --wait --no-deps --no-recreate --scale $(SERVICE)=$(N) $(SERVICE)

restart: need-SERVICE  ## with Docker: restart one service alone (SERVICE=writer)
	$(COMPOSE) restart --no-deps $(SERVICE)

check:  ## with Docker: try all that the writer needs of Oracle, Redis and the disk; each fault with its remedy
	@$(COMPOSE) run --rm --no-deps writer check $(CHECK)

recover:  ## with Docker: put backup files into Oracle (RECOVER="--dry-run", RECOVER="rejected_....csv")
	@$(COMPOSE) run --rm --no-deps writer recover $(RECOVER)

verify:  ## with Docker: is in the table what should be, and if not, who knows why (VERIFY="--from 8h --plc PLC01")
	@$(COMPOSE) run --rm --no-deps writer verify $(VERIFY)

acknowledge:  ## with Docker: say that the losses up to now are known (alert values_lost and the like)
	@$(COMPOSE) run --rm --no-deps monitor acknowledge

need-%:
	@test -n "$($*)" || { echo "error: $* is not given, for example: make scale SERVICE=writer N=3; make oracle-conformance ORACLE_TEST_DSN=host:1521/FREEPDB1" >&2; exit 2; }

test-compose: setup  ## with Docker: build the lite stack, then restart, kill and scale it under load (10 minutes)
	$(PYTEST) -v tests/compose/lite_stack.py

oracle-conformance: $(READY) need-ORACLE_TEST_DSN need-ORACLE_TEST_USER need-ORACLE_TEST_PASSWORD  ## ask a real Oracle for all that is taken for granted of it (ORACLE_TEST_DSN, _USER, _PASSWORD; ORACLE_ADMIN=system/... for what needs a DBA; CONFORMANCE="--packets FILE"): conformance.md
	@ORACLE_DSN="$(ORACLE_TEST_DSN)" ORACLE_USER="$(ORACLE_TEST_USER)" ORACLE_PASSWORD="$(ORACLE_TEST_PASSWORD)" \
	  $(PY) -m services.writer conformance $(CONFORMANCE)

oracle-suite: $(READY)  ## python-oracledb's own tests against the stand-in, by kind of failure (SUITE=checkout SUITE_PYTHON=python)
	@$(PY) -m tools.oracle_suite $(SUITE) $(SUITE_PYTHON)

requirements: $(READY)  ## which requirement is shown by which tests (STRICT=1: fail when one is shown by none)
	@$(PY) -m tools.requirements_report

settings: $(READY)  ## write docs/settings.md from the settings classes
	@$(PY) -m tools.settings_table

codes: $(READY)  ## write Oracle's codes into docs/alerts.md from the writer's table
	@$(PY) -m tools.codes_table

rights: $(READY)  ## write what each service asks of Redis into docs/redis.md, and into what `check` tries
	@$(PY) -m tools.redis_rights

contract: $(READY)  ## write keys and records into docs/contract.md from the code
	@$(PY) -m tools.contract_page

bench: $(READY)  ## measure everything, three quarters of an hour: ratios with their goals, into docs/performance.md (BENCH=writer: one, printed; BENCH=cpu AGAINST=../before: beside another checkout)
	$(PY) -m bench $(BENCH) $(AGAINST:%=--against %) $(if $(BENCH),,--markdown docs/performance.md --json docs/performance.json)

soak: $(READY) $(PLOTTING)  ## run with a fault every few minutes, judge what grows (SOAK_MINUTES=30 at 3,491 values/s; SOAK_HOURS_EQUIVALENT=24: as many values as quick as it goes, SOAK_RATE)
	PYTHONPATH=.drivers/plots $(PY) -m bench.soak $(if $(SOAK_HOURS_EQUIVALENT),--hours-equivalent $(SOAK_HOURS_EQUIVALENT) $(SOAK_RATE:%=--rate %),$(SOAK_MINUTES))

profile: $(READY)  ## the CPU of each step of a batch and of a message
	@$(PY) -m tools.step_costs

bench-sandbox: $(READY)  ## how quick the Oracle stand-in is
	$(PY) -m bench.oracle_stand_in

clean:  ## remove everything that the commands above made (the demo's backup files too)
	rm -rf $(VENV) .drivers .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
