# The only entry to everything one does here. `make` lists the targets.
# Node comes from the project itself (optionalDependencies), so an older one on the machine does no harm.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

INSTALLED := node_modules/.installed

.PHONY: help
help: ## Say what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED) ## Install dependencies, Node included

$(INSTALLED): package.json package-lock.json
	@echo "== installing dependencies (about half a minute)"
	@npm ci --no-audit --no-fund --loglevel=error
	@node scripts/check-node.mjs
	@touch $@

.PHONY: generate
generate: $(INSTALLED) ## Generate gen/ from the proto files, and the configuration's JSON Schema
	buf generate
	node src/cli/cambio.mjs schema > cambio.schema.json

.PHONY: client
client: $(INSTALLED) ## Build the client library, cambio/client and cambio/client/node, to dist/client
	@scripts/build-client.sh

.PHONY: service
service: $(INSTALLED) ## Build the service as one program, to dist/service: what the image runs, and `make bench` measures
	@node scripts/build-service.ts

.PHONY: check
check: $(INSTALLED) ## Types, lint, format, proto lint and compatibility, generated files up to date, import rules
	@echo "== types" && tsc -p . && tsc -p examples/page && tsc -p examples/dashboard/page
	@tsc -p src/client --noEmit && tsc -p src/client/node --noEmit
	@echo "== lint" && oxlint --type-aware --deny-warnings
	@echo "== format" && oxfmt --check .
	@echo "== proto" && buf lint && buf format -d --exit-code && scripts/breaking.sh
	@echo "== generated files" && scripts/check-generated.sh
	@echo "== import rules" && vitest run test/imports.test.ts --reporter=dot

.PHONY: format
format: $(INSTALLED) ## Format everything
	oxfmt
	buf format -w

.PHONY: test
test: $(INSTALLED) ## Run all tests, or those in TESTS=path; finds or installs what they need
	@scripts/system-packages.sh redis-server postgresql chromium
	@echo "== tests"
	@vitest run $(TESTS)

.PHONY: test-keycloak
test-keycloak: $(INSTALLED) ## Run the tests against a real Keycloak; needs Java and Maven, and gets Keycloak itself
	@scripts/keycloak.sh
	@echo "== tests against Keycloak (about three minutes)"
	@vitest run --config vitest.keycloak.config.ts $(TESTS)

.PHONY: test-workers
test-workers: $(INSTALLED) ## Run a supervisor and its workers as real processes: starts, deaths, signals, replacements
	@scripts/system-packages.sh redis-server postgresql
	@echo "== workers (about a minute)"
	@vitest run --config vitest.workers.config.ts $(TESTS)

.PHONY: test-crash
test-crash: $(INSTALLED) ## Kill replicas 500 times (KILLS) at every step of a refresh; CRASH_SEED repeats a run
	@scripts/system-packages.sh redis-server postgresql
	@echo "== replicas are killed under load (about a quarter of an hour)"
	@vitest run --config vitest.crash.config.ts $(TESTS)

.PHONY: test-callers
test-callers: $(INSTALLED) ## Run callers and verifiers in Go, Python, Java and the shell; says which cannot be tried here
	@scripts/callers.sh
	@echo "== tests of callers in other languages (about a minute)"
	@vitest run --config vitest.callers.config.ts $(TESTS)
	@sed 's/^/== not tried: /' .cache/callers/not-tried

.PHONY: conformance
conformance: $(INSTALLED) ## Run the Connect conformance suite and h2spec against the port; needs Go, and builds both itself
	@scripts/conformance.sh
	@echo "== the protocols (about two minutes)"
	@node test/conformance/run.ts

.PHONY: test-vectors
test-vectors: $(INSTALLED) ## Run files of Wycheproof's format in DIR=folder through verifier and sealer
	@node test/vectors/run.ts "$(DIR)"

.PHONY: demo
demo: $(INSTALLED) ## Watch the main job end to end against a real OpenID provider
	@node examples/demo.ts

.PHONY: bench
bench: service ## Measure Cambio on this machine (docs/performance.md; some twelve minutes), or only the parts in ONLY=ratios,tails,…
	@scripts/system-packages.sh redis-server postgresql nghttp2-client
	@node bench/run.ts

.PHONY: dev
dev: $(INSTALLED) ## Keep the demo's stack up (PORT, 8080 by default) and print lines to copy
	@node examples/dev.ts

.PHONY: dashboard
dashboard: $(INSTALLED) ## Sign in at a real Better Auth and call a backend with Cambio's token (PORT, 5180 by default)
	@node examples/dashboard/main.ts

.PHONY: clean
clean: ## Remove what was installed and built
	rm -rf node_modules .cache dist coverage .vitest
