# make run   sets everything up and serves Dalil on http://127.0.0.1:8000
# make test  sets everything up and runs the tests
PYTHON ?= python3
BIN := .venv/bin
# MALLOC_ARENA_MAX: glibc otherwise keeps a heap for every thread, some 20 MB that nothing uses.

.PHONY: run test install check bench chaos pictures evaluate scores guess lock messages cities clean

run: .venv/installed
	MALLOC_ARENA_MAX=1 $(BIN)/dalil serve

test: .venv/developing
	$(BIN)/pytest -m "not alone" --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS) || test $$? -eq 5
	$(BIN)/pytest -m alone $(ARGS) || test $$? -eq 5 # 5: none was chosen

install: .venv/installed

check: .venv/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m locales.messages check

evaluate: .venv/installed
	$(BIN)/dalil evaluate $(FILE)

scores: .venv/developing # writes docs/scores.md
	$(BIN)/python -m tests.scores

guess: .venv/developing # learns retrieval/weights anew; takes scipy, which nothing else needs
	$(BIN)/python -m pip install --quiet scipy
	$(BIN)/python -m retrieval.learn
	$(BIN)/python -m retrieval.learn_leaning
	$(BIN)/python -m retrieval.learn_wishes

bench: .venv/developing
	$(BIN)/python -m tests.bench

chaos: .venv/developing # kills it again and again under load; DALIL_TEST_POSTGRES_URL adds PostgreSQL
	$(BIN)/python -m tests.chaos

pictures: .venv/developing # needs Chromium; takes those of docs/officers.md anew
	$(BIN)/python -m tests.pictures

.venv/installed: requirements.txt pyproject.toml
	@echo "Setting up in .venv (a few minutes the first time) …"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c "from retrieval.understanding import warm_up; warm_up()" # compiles the vocabularies
	@touch $@

.venv/developing: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

lock: # needs uv
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt

messages: .venv/developing # after changing a sentence: brings every .po up to date
	$(BIN)/python -m locales.messages update

cities: .venv/developing
	$(BIN)/python -m ingest.cities

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
