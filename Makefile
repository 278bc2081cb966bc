# Everything a newcomer needs: `make demo` shows it, `make test` proves it, `make check` is exactly what CI runs.

CARGO ?= cargo
DENY_VERSION = 0.20.2
FUZZ_VERSION = 0.13.2
TOOLS = target/tools
PROVIDER = tests/oidc-provider/node_modules/.package-lock.json

# A docker whose daemon does not answer builds nothing.
BUILDER ?= $(shell docker info >/dev/null 2>&1 && echo docker || command -v podman || command -v buildah || echo docker)
IMAGE ?= sluice
VERSION = $(shell sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q}' Cargo.toml)
REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)

.PHONY: help demo test explore soak bench micro scale fuzz programs check fmt lint doc deny chart alerts image-lint openapi advisories release image clean

help:            ## list these commands
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo:            ## a simulated upstream, a gateway, two tenants and curl lines; Ctrl-C stops it
	$(CARGO) run --quiet --locked -- demo $(ARGS)

test: programs $(PROVIDER)  ## all tests; installs what they run besides our own programs
	$(CARGO) test --locked

explore:         ## every state that the slots can come to, with more replicas and faults than the tests look at
	$(CARGO) test --profile bench --locked --lib budget::explorer -- --include-ignored --nocapture --test-threads 1

# Optimised as it is shipped: what a debug build weighs and how long it takes says little.
soak: programs   ## everything at once for MINUTES=10; SEED=n does the same again (docs/soak.md)
	MINUTES=$(MINUTES) SEED=$(SEED) ONLY=$(ONLY) $(CARGO) test --locked --profile bench --test soak -- --ignored --nocapture

# Pinned cores and peers: nothing for a machine that does other work.
bench:           ## a held answer beside raw hyper, nginx and HAProxy: writes docs/performance.md; SECONDS=5 ROUNDS=5 ONLY=name
	command -v nginx && command -v haproxy && command -v h2load && test -e /usr/lib/nginx/modules/ngx_http_js_module.so || \
		{ apt-get update && apt-get install -y --no-install-recommends nginx-light libnginx-mod-http-js haproxy nghttp2-client; }
	$(CARGO) build --locked --release --bin sluice --example yardstick
	SLUICE=target/release/sluice YARDSTICK=target/release/examples/yardstick SECONDS=$(SECONDS) ROUNDS=$(ROUNDS) ONLY="$(ONLY)" \
		$(CARGO) bench --locked --profile release --bench hot_path

# Each point for a moment and in the time that its thread had a core: other work on the machine does little harm.
micro:           ## the steps of a request one at a time, and how they grow: writes docs/performance.md; ROUNDS=3 ONLY=name
	command -v openssl && command -v valgrind || { apt-get update && apt-get install -y --no-install-recommends openssl valgrind; }
	ROUNDS=$(ROUNDS) ONLY="$(ONLY)" $(CARGO) bench --locked --features benchmarks --bench micro

scale:           ## a million held answers, waiting callers, first moments: writes docs/performance.md; ANSWERS=1000000 SECONDS=5 ROUNDS=3 ONLY=part
	$(CARGO) build --locked --release --bin sluice
	SLUICE=target/release/sluice ANSWERS=$(ANSWERS) CALLERS=$(CALLERS) WAITING=$(WAITING) SETTLES=$(SETTLES) \
		SECONDS=$(SECONDS) ROUNDS=$(ROUNDS) ONLY="$(ONLY)" $(CARGO) bench --locked --profile release --bench scale

programs:
	command -v curl && command -v chromium || { apt-get update && apt-get install -y curl chromium; }
	command -v redis-server && command -v redis-cli && command -v faketime && command -v openssl || \
		{ apt-get update && apt-get install -y --no-install-recommends redis-server redis-tools faketime openssl; }
	command -v npm || { apt-get update && apt-get install -y --no-install-recommends nodejs npm; }

# What the lock file names is all that comes in, and none of it runs a script of its own here.
$(PROVIDER): tests/oidc-provider/package-lock.json | programs
	npm ci --prefix tests/oidc-provider --no-audit --no-fund --ignore-scripts

check: fmt lint doc deny image-lint chart alerts openapi test  ## exactly what CI runs

fmt:
	$(CARGO) fmt --check

# The fuzz targets have a lock file of their own, which a change of our dependencies leaves behind.
lint:
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --features benchmarks --bench micro -- -D warnings
	$(CARGO) metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 > /dev/null

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

deny: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

chart: $(TOOLS)/chart/installed  ## the Helm chart's tests: rendered, validated, and read by the gateway
	$(CARGO) build --locked
	command -v openssl || { apt-get update && apt-get install -y --no-install-recommends openssl; }
	cd tests/chart && SLUICE_BIN=$(CURDIR)/target/debug/sluice $(CURDIR)/$(TOOLS)/chart/bin/python -B -m unittest

alerts: programs  ## the alert rules' tests, their runbooks, the dashboard, and the metrics that a running gateway tells
	$(CARGO) build --locked
	command -v promtool || { apt-get update && apt-get install -y --no-install-recommends prometheus; }
	command -v python3 || { apt-get update && apt-get install -y --no-install-recommends python3; }
	tests/alerts/run.sh target/debug/sluice

openapi: $(TOOLS)/openapi/installed  ## the description at /openapi.json against what the gateway answers
	$(CARGO) build --locked
	command -v curl || { apt-get update && apt-get install -y curl; }
	tests/openapi/run.sh target/debug/sluice $(TOOLS)/openapi/bin/schemathesis

image-lint: $(TOOLS)/image/installed  ## the Dockerfile's lints
	$(TOOLS)/image/bin/hadolint Dockerfile

# Tools written in Python, each set in an environment of its own. Without ensurepip a `venv` exists that can make none.
$(TOOLS)/%/installed: tests/%/requirements.txt
	python3 -c 'import ensurepip' || { apt-get update && apt-get install -y --no-install-recommends python3-venv; }
	python3 -m venv --clear $(TOOLS)/$*
	$(TOOLS)/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	touch $@

# One after another, each as long as all. Without a sanitizer, which only a nightly compiler has: there is no unsafe code here
# for it to watch. New inputs go below target, so that the corpus keeps the seeds that people wrote.
TARGET ?= $(sort $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs))))
FUZZ_LIMITS = -timeout=5 -rss_limit_mb=2048 -malloc_limit_mb=64 -print_final_stats=1

fuzz: $(TOOLS)/bin/cargo-fuzz  ## fuzz TARGET (each in turn) for SECONDS (60 each); the stable compiler will do
	set -e; for target in $(TARGET); do \
		mkdir -p target/fuzz/found/$$target; \
		dictionary=fuzz/dictionaries/$$target.dict; \
		$(TOOLS)/bin/cargo-fuzz run -s none --target-dir target/fuzz $$target target/fuzz/found/$$target fuzz/corpus/$$target \
			-- -max_total_time=$(or $(SECONDS),60) $(FUZZ_LIMITS) $$(test ! -e $$dictionary || echo -dict=$$dictionary); \
	done

$(TOOLS)/bin/cargo-fuzz:
	$(CARGO) install cargo-fuzz --locked --version $(FUZZ_VERSION) --root $(TOOLS)

advisories: $(TOOLS)/bin/cargo-deny  ## known vulnerabilities of what we use; needs the network
	$(TOOLS)/bin/cargo-deny --locked check advisories

# Unoptimised, it is built in half the time and runs for two seconds longer.
$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --debug --locked --no-default-features --version $(DENY_VERSION) --root $(TOOLS)

release:         ## the binary as it is shipped: target/release/sluice
	$(CARGO) build --locked --release

# Of the three, buildah alone keeps no layers unless it is told to.
image:           ## the container image, with docker, podman or buildah; IMAGE names it, ARGS are the builder's
	$(BUILDER) build $(if $(findstring buildah,$(BUILDER)),--layers) -t $(IMAGE):$(VERSION) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) $(ARGS) .

clean:
	$(CARGO) clean
