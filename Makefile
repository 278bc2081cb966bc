# Everything a newcomer needs: `make demo` shows it, `make test` proves it, `make check` is exactly what CI runs.

CARGO ?= cargo
DENY_VERSION = 0.20.2
TOOLS = target/tools
PROVIDER = tests/oidc-provider/node_modules/.package-lock.json

.PHONY: help demo test programs check fmt lint doc deny chart openapi advisories release clean

help:            ## list these commands
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo:            ## a simulated upstream, a gateway, two tenants and curl lines; Ctrl-C stops it
	$(CARGO) run --quiet --locked -- demo $(ARGS)

test: programs $(PROVIDER)  ## all tests; installs what they run besides our own programs
	$(CARGO) test --locked

programs:
	command -v curl && command -v chromium || { apt-get update && apt-get install -y curl chromium; }
	command -v redis-server && command -v redis-cli && command -v faketime && command -v openssl || \
		{ apt-get update && apt-get install -y --no-install-recommends redis-server redis-tools faketime openssl; }
	command -v npm || { apt-get update && apt-get install -y --no-install-recommends nodejs npm; }

# What the lock file names is all that comes in, and none of it runs a script of its own here.
$(PROVIDER): tests/oidc-provider/package-lock.json | programs
	npm ci --prefix tests/oidc-provider --no-audit --no-fund --ignore-scripts

check: fmt lint doc deny chart openapi test  ## exactly what CI runs

fmt:
	$(CARGO) fmt --check

lint:
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

deny: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

chart: $(TOOLS)/chart/installed  ## the Helm chart's tests: rendered, validated, and read by the gateway
	$(CARGO) build --locked
	cd tests/chart && SLUICE_BIN=$(CURDIR)/target/debug/sluice $(CURDIR)/$(TOOLS)/chart/bin/python -B -m unittest

openapi: $(TOOLS)/openapi/installed  ## the description at /openapi.json against what the gateway answers
	$(CARGO) build --locked
	command -v curl || { apt-get update && apt-get install -y curl; }
	tests/openapi/run.sh target/debug/sluice $(TOOLS)/openapi/bin/schemathesis

# Tools written in Python, each set in an environment of its own. Without ensurepip a `venv` exists that can make none.
$(TOOLS)/%/installed: tests/%/requirements.txt
	python3 -c 'import ensurepip' || { apt-get update && apt-get install -y --no-install-recommends python3-venv; }
	python3 -m venv --clear $(TOOLS)/$*
	$(TOOLS)/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	touch $@

advisories: $(TOOLS)/bin/cargo-deny  ## known vulnerabilities of what we use; needs the network
	$(TOOLS)/bin/cargo-deny --locked check advisories

$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --locked --no-default-features --version $(DENY_VERSION) --root $(TOOLS)

release:         ## the binary as it is shipped: target/release/sluice
	$(CARGO) build --locked --release

clean:
	$(CARGO) clean
