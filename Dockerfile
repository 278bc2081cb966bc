# The image of the gateway: one binary on a base without a shell. `make image` builds it. Nothing here needs a particular
# builder: no `syntax` line, which would fetch a front end, and no cache mounts, which older builders refuse.

# Who mirrors the bases names the mirror's with --build-arg.
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST_IMAGE} AS build
WORKDIR /src
# What we depend on, compiled before our own code is there: a layer that only the manifests invalidate. Cargo wants every
# target that the manifest names to be there, and is content with empty ones.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches/hot_path benches/micro benches/scale tests/it tests/limit tests/replicas tests/soak \
    && touch src/lib.rs benches/unknown_keys.rs benches/hot_path/main.rs benches/hot_path/yardstick.rs \
        benches/micro/main.rs benches/scale/main.rs tests/it/main.rs tests/limit/main.rs tests/replicas/main.rs tests/soak/main.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --locked --release \
    && rm -r src
COPY config config
COPY src src
# A copy keeps its times, and cargo compiles only what is newer than the empty sources were.
RUN find src -name '*.rs' -exec touch {} + && cargo build --locked --release

FROM ${BASE_IMAGE}
COPY LICENSE /usr/share/doc/sluice/LICENSE
COPY --from=build /src/target/release/sluice /usr/local/bin/sluice
# Writes nothing anywhere: run it with a read-only root file system.
USER 65532:65532
EXPOSE 8080 9090
# Liveness and readiness are the platform's to ask for: /livez and /readyz on the admin listener.
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["serve", "--config", "/etc/sluice/config/sluice.toml"]
# Last, because they change with each commit: what is above is the same layer as long as the binary is.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="An authenticated caching gateway for Volcengine RTC usage distribution" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
