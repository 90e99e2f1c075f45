# Every target installs what it needs, by package name. `make help` lists them.

LAB     := target/lab
PROXIES := nginx-light libnginx-mod-stream stunnel4 haproxy
PYTHON  ?= python3
CLUSTERS := target/clusters

.PHONY: help test lab proxies wallets demo electrs grammars evaluate bench clusters fmt

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

test: lab proxies wallets ## everything that must hold: format, lints, unit, integration and doc tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	OBSERVATORY_LAB=$(CURDIR)/$(LAB) cargo test --workspace --locked

lab: ## install real servers for tests: bitcoind (Knots) and four versions of ElectrumX
	@command -v openssl >/dev/null || { apt-get update -q && apt-get install -yq openssl; }
	$(PYTHON) tests/lab/lab.py install --dir $(LAB)

proxies: ## install what ends TLS in front of servers, for tests: nginx, stunnel, HAProxy
	@{ which nginx stunnel haproxy && ls /usr/lib/nginx/modules/ngx_stream_module.so; } >/dev/null || \
		{ apt-get update -q && apt-get install -yq --no-install-recommends $(PROXIES); }

wallets: ## install a wallet that simulated servers must satisfy, for tests: Electrum
	@command -v electrum >/dev/null || \
		{ apt-get update -q && apt-get install -yq --no-install-recommends electrum; }

demo: lab ## scan real servers: a regtest chain and four ElectrumX, on this machine
	cargo build --release --locked
	$(PYTHON) tests/lab/demo.py --dir $(LAB) --observatory target/release/observatory

electrs: ## build electrs from crates.io; the tests then scan it too
	$(PYTHON) tests/lab/lab.py electrs --dir $(LAB)

grammars: ## make analyzer/grammars.json from the captured servers
	cargo run -p analyzer --example grammars --locked

evaluate: ## compare what is concluded with what is true, on simulated networks, 20 seeds each
	cargo run --release --locked -- evaluate --seeds 20

bench: ## scan 500 local servers and print what a visit costs
	cargo bench -p observatory --bench sweep --locked

clusters: ## cluster the same servers with linfa and with scikit-learn, which is installed, and compare
	test -x $(CLUSTERS)/bin/python || $(PYTHON) -m venv $(CLUSTERS)
	$(CLUSTERS)/bin/pip install --quiet scikit-learn
	rm -rf $(CLUSTERS)/data
	cargo bench -p analyzer --bench clusters --locked -- $(CURDIR)/$(CLUSTERS)/data 1000 10000 100000 $(abspath $(ARCHIVE))
	$(CLUSTERS)/bin/python analyzer/benches/clusters.py $(CLUSTERS)/data
