# Every target installs what it needs, by package name. `make help` lists them.

LAB    := target/lab
PYTHON ?= python3

.PHONY: help test lab demo electrs bench fmt

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

test: lab ## everything that must hold: format, lints, unit, integration and doc tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	OBSERVATORY_LAB=$(CURDIR)/$(LAB) cargo test --workspace --locked

lab: ## install real servers for tests: bitcoind (Knots) and four versions of ElectrumX
	@command -v openssl >/dev/null || { apt-get update -q && apt-get install -yq openssl; }
	$(PYTHON) tests/lab/lab.py install --dir $(LAB)

demo: lab ## scan real servers: a regtest chain and four ElectrumX, on this machine
	cargo build --release --locked
	$(PYTHON) tests/lab/demo.py --dir $(LAB) --observatory target/release/observatory

electrs: ## build electrs from crates.io; the tests then scan it too
	$(PYTHON) tests/lab/lab.py electrs --dir $(LAB)

bench: ## scan 500 local servers and print what a visit costs
	cargo bench -p observatory --bench sweep --locked
