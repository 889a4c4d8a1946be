#!/usr/bin/env bash
# Makes what is released, in dist/: archives for Linux, macOS and Windows, Debian packages, a list of what is in them (SBOM,
# CycloneDX) and checksums. The same commit gives the same bytes, wherever it is built with the same Go.
#   scripts/release.sh [VERSION]     # default: the last tag's, else 0.0.0 with the commit
# Needs go, git, node, zip and dpkg-deb.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-$(git describe --tags --match 'v*' 2>/dev/null || echo "v0.0.0-g$(git rev-parse --short HEAD)")}
version=${version#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || { echo "release.sh: $version is no version of the form 1.2.3" >&2; exit 2; }
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" TZ=UTC LC_ALL=C
umask 022

dist=${DIST:-$PWD/dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$dist"
mkdir -p "$dist"

tool() { # tool NAME ARGUMENT...: of scripts/release/tools.mod, for this machine.
	go tool -modfile="$PWD/scripts/release/tools.mod" "$@"
}

compile() { # compile OS ARCH FILE
	GOOS=$1 GOARCH=$2 go build -ldflags "-s -w -X main.version=$version" -o "$3" .
}

package() { # package ARCH BINARY: the Debian package.
	local root=$work/deb-$1
	install -D "$2" "$root/usr/bin/wpre-relay"
	install -D -m 644 "$work/wpre-relay.service" "$root/usr/lib/systemd/system/wpre-relay.service"
	install -D -m 644 scripts/deploy/wpre-relay.socket "$root/usr/lib/systemd/system/wpre-relay.socket"
	install -D -m 644 "$work/completion.bash" "$root/usr/share/bash-completion/completions/wpre-relay"
	install -D -m 644 "$work/completion.zsh" "$root/usr/share/zsh/vendor-completions/_wpre-relay"
	install -D -m 644 "$work/completion.fish" "$root/usr/share/fish/vendor_completions.d/wpre-relay.fish"
	install -d "$root/usr/share/doc/wpre-relay" "$root/DEBIAN"
	cp -R README.md scripts/docs scripts/deploy "$root/usr/share/doc/wpre-relay/"
	cp "$work/wpre-relay.service" "$root/usr/share/doc/wpre-relay/deploy/"
	install -m 644 LICENSE "$root/usr/share/doc/wpre-relay/copyright"
	gzip -9n <CHANGELOG.md >"$root/usr/share/doc/wpre-relay/changelog.gz"
	cat >"$root/DEBIAN/control" <<-CONTROL
		Package: wpre-relay
		Version: ${version/-/~}
		Architecture: $1
		Section: net
		Priority: optional
		Maintainer: The wpre-relay authors <wpre-relay@localhost>
		Installed-Size: $(du -ks --apparent-size "$root/usr" | cut -f 1)
		Description: Real-time relay for the WordPress plugin "WP Realtime Events"
		 It watches the event file that the plugin writes, and sends each new event to
		 all browsers over WebSocket, at once, in order, and once.
	CONTROL
	dpkg-deb --root-owner-group -Zxz --build "$root" "$dist/wpre-relay_${version}_$1.deb" >/dev/null
}

for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do
	os=${target%/*} arch=${target#*/}
	name=wpre-relay-$version-$os-$arch
	dir=$work/$name
	mkdir "$dir"
	binary=wpre-relay
	[ "$os" != windows ] || binary=wpre-relay.exe
	compile "$os" "$arch" "$dir/$binary"
	cp -R README.md LICENSE CHANGELOG.md scripts/docs scripts/deploy "$dir/"
	find "$dir" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	if [ "$os" = windows ]; then
		(cd "$work" && find "$name" -type f | sort | zip -q -X -@ "$dist/$name.zip")
	else
		tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -cf - "$name" | gzip -9n >"$dist/$name.tar.gz"
	fi
	[ "$os" = linux ] || continue
	for shell in bash zsh fish; do go run . completion "$shell" >"$work/completion.$shell"; done
	sed 's|/usr/local/bin/|/usr/bin/|; s|^# Service unit.*|# Service unit for a relay on the WordPress host. Set its path: systemctl edit wpre-relay.|; /^# \/etc\/systemd/s|.*|# Then run: systemctl enable --now wpre-relay|' scripts/deploy/wpre-relay.service >"$work/wpre-relay.service"
	package "$arch" "$dir/$binary"
done

GOOS=linux tool cyclonedx-gomod mod -json -licenses=false -noserial -type application -output "$dist/wpre-relay-$version.cdx.json" . 2>/dev/null
# It notes when it was made.
node -e '
	const fs = require("fs"), file = process.argv[1], bom = JSON.parse(fs.readFileSync(file));
	bom.metadata.timestamp = new Date(process.env.SOURCE_DATE_EPOCH * 1000).toISOString();
	bom.metadata.component.version = process.argv[2];
	fs.writeFileSync(file, JSON.stringify(bom, null, 2) + "\n");' "$dist/wpre-relay-$version.cdx.json" "$version"
(cd "$dist" && sha256sum -- * >SHA256SUMS)
ls -l "$dist"
