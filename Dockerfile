# The relay as a sidecar: one static binary on an empty file system. It runs as any uid, without capabilities and on a
# read-only root, and writes only to /var/lib/wpre-relay. HEALTHCHECK needs the Docker image format:
#   docker build -t wpre-relay .
#   buildah build --format docker -t wpre-relay .
FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
# A separate layer for the modules: a change of the sources does not download them again.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /rootfs/wpre-relay .
# A new volume gets the mode of this directory, so that uid 33, 82 and 65532 can write their state.
RUN --mount=type=cache,target=/root/.cache/go-build \
    mkdir -p /rootfs/etc/ssl/certs /rootfs/var/lib/wpre-relay /rootfs/usr/share/doc/wpre-relay && \
    cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ && \
    go run ./scripts/release/licenses /rootfs/usr/share/doc/wpre-relay "$TARGETOS/$TARGETARCH" && \
    chmod 1777 /rootfs/var/lib/wpre-relay

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="wpre-relay" \
      org.opencontainers.image.description="Makes the WP Realtime Events plugin real-time over WebSocket" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /rootfs /
# The path in the official WordPress images, for a relay that mounts their volume read-only at the same path. It is the
# plugin's directory, so that the relay also finds it before WordPress has filled an empty volume.
ENV WPRE_RELAY_WATCH=/var/www/html/wp-content/realtime-events \
    STATE_DIRECTORY=/var/lib/wpre-relay
VOLUME /var/lib/wpre-relay
EXPOSE 8080
# This uid owns no files. It can read an event file with mode 0644 in directories with mode 0755. If the modes are
# stricter, run the container as the web server's user.
USER 65532:65532
STOPSIGNAL SIGTERM
# The health check reads only the environment: set another address with WPRE_RELAY_LISTEN, not with an argument.
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["/wpre-relay", "healthcheck"]
ENTRYPOINT ["/wpre-relay"]
