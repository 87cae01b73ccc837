FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home openmig \
    && install -d -o openmig -m 0700 /srv/openmig/state
COPY --from=build /build/target/release/openmig /usr/local/bin/openmig
USER openmig
# Paths of the configuration are relative to here.
WORKDIR /srv/openmig
ENTRYPOINT ["openmig"]
