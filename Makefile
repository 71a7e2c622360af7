# Two commands are all that a newcomer needs: `make run` and `make test`. Both set up what they need first.

SHELL := /bin/sh
SECONDS ?= 600
KILLS ?= 200

.PHONY: help setup setup-test build run test e2e torture fuzz bench bench-agents bench-api bench-delivery bench-library fmt

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s  %s\n", $$1, $$2 }' Makefile

setup: ## install what building and running need (apt); quick when all is there
	@scripts/setup.sh run

setup-test: ## install what the tests need besides: npm and Python packages, Chromium, cargo-deny
	@scripts/setup.sh test

build: setup ## build target/release/tintype
	cargo build --release --locked -p tintype

run: build ## build, then serve with data in ./data; settings come from TINTYPE_* variables
	@exec "$${CARGO_TARGET_DIR:-target}/release/tintype" serve --welcome docs/sample.jpg

test: setup-test ## every check and test; ends with counts and the minutes of each stage
	@scripts/test.sh

e2e: setup-test build ## only the tests with real clients against the running binary
	@scripts/test.sh e2e

torture: setup-test build ## kill the server KILLS times (200) amid changes and look for every one that it acknowledged
	@PYTHONDONTWRITEBYTECODE=1 tests/python/.venv/bin/python -u tests/python/torture.py $(KILLS)

fuzz: setup ## fuzz each target for SECONDS (600): make fuzz SECONDS=60
	@scripts/fuzz.sh $(SECONDS)

bench-library: ## search made-up libraries of up to a million assets; see docs/benchmarks-library.md
	@bench/library/run

bench-agents: setup ## measure what the pipeline of agents' calls adds; writes docs/benchmarks-agents.md
	@bench/agents/run

bench-api: setup-test ## measure uploads, reads and folder jobs of a running server; writes docs/benchmarks-api.md
	@bench/api/run

bench-delivery: setup ## measure delivery under load, beside nginx and oximg; writes docs/benchmarks-delivery.md
	@bench/delivery/run

bench: setup ## compare with other servers and libraries; see docs/benchmarks.md
	@bench/run

fmt: ## format the Rust code
	cargo fmt --all
