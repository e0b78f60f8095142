# make run   brings the product up on a local control plane        make run ARGS=--once   shows it and exits
# make unit  every suite that needs no servers, in seconds         make bed ARGS=up       only the servers
# make test  every suite, on real servers                          make test ARGS=PATH    the suites below one path
# make pods UPDATE=1  rewrites the expectations of test/pods        make chart UPDATE=1     renders deploy/ from the chart
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := run
ARGS ?=

SOURCES := $(shell find src test certs -name '*.ts' -not -path '*/node_modules/*' 2>/dev/null)

# Suites that start servers, and suites that never do.
SERVER_SUITES := test/(bed|cluster|contract|node)
SERVERLESS_SUITES := test/(architecture|conformance|generated|http|pods|properties|unit)
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
JEST := NODE_OPTIONS=--experimental-vm-modules npx --no-install jest

.PHONY: run test unit pods chart bed bench check generate format clean

run: build/.built
	@node build/run.js $(ARGS)

# Servers are built once and cached. ARGS=test/unit, for example, builds none.
test: node_modules/.installed
	@if [ -z '$(ARGS)' ]; then $(MAKE) --no-print-directory check; fi
	@if ! grep -qE '$(SERVERLESS_SUITES)' <<< '$(ARGS)' || grep -qE '$(SERVER_SUITES)' <<< '$(ARGS)'; then \
	  $(MAKE) --no-print-directory build/.built && node build/bed.js build; fi
	@$(JEST) $(ARGS)

unit: build/.built
	@$(JEST) $(ARGS) --testPathIgnorePatterns '$(SERVER_SUITES)'

pods: node_modules/.installed
	@UPDATE=$(UPDATE) $(JEST) test/pods

# Helm is built once and cached. The rights in SECURITY.md follow the rendered files.
chart: build/.built
	@UPDATE=$(UPDATE) $(JEST) test/cluster/helm/rendered.test.ts
	@if [ -n '$(UPDATE)' ]; then node build/generate.js; fi

check: node_modules/.installed
	@npx --no-install tsc --noEmit
	@npx --no-install oxlint --type-aware
	@npx --no-install biome ci .
	@npx --no-install knip

# Two builds of one commit must be equal, or a signature of the image proves little.
release-check: build/.built
	@$(JEST) --ci test/unit/deploy test/generated/generated.test.ts
	@$(ACTIONLINT) .github/workflows/*.yml
	@node build.mjs && rm -rf build/first && cp -r dist build/first && node build.mjs && diff -r build/first dist && rm -rf build/first
	@npm pack --dry-run --ignore-scripts
	@echo "release-check: $$(node -p 'require("./package.json").version') can be released"

bed: build/.built
	@node build/bed.js $(ARGS)

bench: build/.built
	@node build/bench.js $(ARGS)

generate: build/.built
	@node build/generate.js

format: node_modules/.installed
	@npx --no-install biome format --write .

node_modules/.installed: package.json package-lock.json
	@echo 'Installing packages'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

build/.built: node_modules/.installed build.mjs tsconfig.json $(SOURCES)
	@echo 'Bundling'
	@node build.mjs --tools
	@touch $@

clean:
	@rm -rf dist build node_modules coverage
