# syntax=docker/dockerfile:1
# One image for all: operator, scanner, analyzer, observatory. `make image` makes the same without a registry, with the
# programs built on this machine.
FROM docker.io/library/rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -yq --no-install-recommends gcc libc6-dev make
WORKDIR /src
COPY . .
# Paths of the build say nothing to anybody, and would make every build another.
# Static programs need nothing beside them.
ENV CARGO_INCREMENTAL=0 RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=/src=. --remap-path-prefix=/usr/local/cargo=cargo"
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    host=$(rustc -vV | sed -n "s/^host: //p") && \
    cargo build --release --locked --workspace --bins --target "$host" && image/root.sh "target/$host/release" /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="electrum-observatory" \
      org.opencontainers.image.description="Measures the public Electrum servers, politely and with evidence" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/local/bin/observatory"]
