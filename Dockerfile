# The relay as a sidecar: one static binary on an empty file system. It runs as any uid, without capabilities and
# on a read-only root; only /var/lib/wpre-relay is written. HEALTHCHECK needs the Docker image format:
#   docker build -t wpre-relay .
#   buildah build --format docker -t wpre-relay .
FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
# The modules are a layer of their own: a change of the sources does not fetch them again.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /rootfs/wpre-relay .
# A fresh volume takes its mode from here, so that uid 33, 82 and 65532 alike can keep their state in it.
RUN mkdir -p /rootfs/etc/ssl/certs /rootfs/var/lib/wpre-relay /rootfs/usr/share/doc/wpre-relay && \
    cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ && \
    cp LICENSE /rootfs/usr/share/doc/wpre-relay/ && \
    chmod 1777 /rootfs/var/lib/wpre-relay

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="wpre-relay" \
      org.opencontainers.image.description="Makes the WP Realtime Events plugin real-time over WebSocket" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /rootfs /
# The path inside the official WordPress images, for a relay that mounts their volume read-only at the same place.
# It names the plugin's directory in full, so that it holds before WordPress has filled an empty volume.
ENV WPRE_RELAY_WATCH=/var/www/html/wp-content/realtime-events \
    STATE_DIRECTORY=/var/lib/wpre-relay
VOLUME /var/lib/wpre-relay
EXPOSE 8080
# Nobody's uid: enough where the event file is 0644 in 0755 directories. Elsewhere run as the web server's own.
USER 65532:65532
STOPSIGNAL SIGTERM
# It reads the environment alone: give another address as WPRE_RELAY_LISTEN, not as an argument.
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["/wpre-relay", "healthcheck"]
ENTRYPOINT ["/wpre-relay"]
