# make run   brings the product up on a local control plane        make run ARGS=--once   shows it and exits
# make test  every suite, on real servers                          make bed ARGS=up       only the servers
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := run
ARGS ?=

SOURCES := $(shell find src test certs -name '*.ts' -not -path '*/node_modules/*' 2>/dev/null)

.PHONY: run test bed bench check generate format clean

run: build/.built
	@node build/run.js $(ARGS)

test: build/.built
	@node build/bed.js build
	@$(MAKE) --no-print-directory check
	@NODE_OPTIONS=--experimental-vm-modules npx --no-install jest $(ARGS)

check: node_modules/.installed
	@npx --no-install tsc --noEmit
	@npx --no-install oxlint --type-aware
	@npx --no-install biome ci .
	@npx --no-install knip

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
