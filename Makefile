# Every target calls one script of scripts/ and takes no arguments. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run build test test-fast migration-proof lint format guards smoke bench bench-pki acme-full bench-acme package ci clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## server, agent and a real nginx in a throw-away directory; watch a certificate renew itself
	@scripts/run

build: ## debug build of everything, tests included
	@scripts/build

test: ## the whole test suite, on SQLite and on a private PostgreSQL
	@scripts/test

test-fast: ## the test suite without PostgreSQL and without end-to-end tests
	@scripts/test --fast

migration-proof: ## every way a migration can go wrong, on real SQLite and PostgreSQL; a line for each (part of make test)
	@scripts/migration-proof

lint: ## format check of every Swift file, syntax check of every script
	@scripts/lint

format: ## rewrite every Swift file in the house format
	@scripts/format

guards: ## the rules of the house that the compiler cannot hold: import edges, sizes, banned calls
	@scripts/guards

smoke: ## a fresh server by hand: start, set up, issue, restart, issue again
	@scripts/smoke

bench: ## release build; start-up, memory, sizes, durable issuances per second on both engines
	@scripts/bench

bench-pki: ## release build; OCSP answers per second, a revocation list with a million entries, beside openssl and nginx
	@scripts/bench-pki

acme-full: ## release build; complete ACME orders per second on both engines, beside Pebble and Caddy (as root)
	@scripts/bench-acme

bench-acme: acme-full ## another name of acme-full

package: ## stripped release binaries and a tar archive under dist/
	@scripts/package

ci: ## what .ci/run runs: lint, guards, tests, smoke
	@scripts/ci

clean: ## remove build output
	@rm -rf .build dist
