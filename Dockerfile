# syntax=docker/dockerfile:1
FROM rust:1-trixie AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake nasm pkg-config g++ make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p tintype

FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg fonts-noto-color-emoji fonts-wqy-microhei \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --no-create-home --uid 10001 --home-dir /data --shell /usr/sbin/nologin tintype \
 && install -d -o tintype -g tintype /data
COPY --from=build /src/target/release/tintype /usr/local/bin/tintype
USER tintype
ENV TINTYPE_LISTEN=0.0.0.0:8080 TINTYPE_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
# The binary asks itself, so the image needs no curl.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["tintype", "health"]
ENTRYPOINT ["tintype"]
CMD ["serve"]
