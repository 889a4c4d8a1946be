#!/usr/bin/env bash
# Builds a release in dist/: archives for Linux, macOS and Windows, Debian packages, a list of components (SBOM,
# CycloneDX) and checksums. The same commit gives the same bytes in every directory, with the same version of Go.
#   scripts/release.sh [VERSION]     # default: the version of the last tag, else 0.0.0 with the commit
# It needs go, git, node, zip and dpkg-deb. DIST names another output directory. TARGETS limits the systems to build
# for. XZ_LEVEL is the compression of the Debian packages (default: 6).
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-$(git describe --tags --match 'v*' 2>/dev/null || echo "v0.0.0-g$(git rev-parse --short HEAD)")}
version=${version#v}
if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
	echo "release.sh: $version is not a version of the form 1.2.3" >&2
	exit 2
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" TZ=UTC LC_ALL=C
umask 022

dist=${DIST:-$PWD/dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$dist"
mkdir -p "$dist"

compile() { # compile OS ARCH FILE
	GOOS=$1 GOARCH=$2 go build -ldflags "-s -w -X main.version=$version" -o "$3" .
}

package() { # package ARCH BINARY: builds the Debian package for ARCH.
	local root=$work/deb-$1 doc
	doc=$root/usr/share/doc/wpre-relay
	install -D "$2" "$root/usr/bin/wpre-relay"
	install -D -m 644 "$work/wpre-relay.service" "$root/usr/lib/systemd/system/wpre-relay.service"
	install -D -m 644 scripts/deploy/wpre-relay.socket "$root/usr/lib/systemd/system/wpre-relay.socket"
	install -D -m 644 "$work/completion.bash" "$root/usr/share/bash-completion/completions/wpre-relay"
	install -D -m 644 "$work/completion.zsh" "$root/usr/share/zsh/vendor-completions/_wpre-relay"
	install -D -m 644 "$work/completion.fish" "$root/usr/share/fish/vendor_completions.d/wpre-relay.fish"
	install -d "$doc" "$root/DEBIAN"
	cp -R README.md scripts/docs scripts/deploy "$doc/"
	cp "$work/wpre-relay.service" "$doc/deploy/"
	install -m 644 LICENSE "$doc/copyright"
	gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
	cat >"$root/DEBIAN/control" <<-CONTROL
		Package: wpre-relay
		Version: ${version/-/~}
		Architecture: $1
		Section: net
		Priority: optional
		Maintainer: The wpre-relay authors <wpre-relay@localhost>
		Installed-Size: $(du -ks --apparent-size "$root/usr" | cut -f 1)
		Description: Real-time relay for the WordPress plugin "WP Realtime Events"
		 It watches the event file that the plugin writes and sends each new event to
		 every browser over WebSocket, in order and exactly once.
	CONTROL
	dpkg-deb --root-owner-group -Zxz "-z${XZ_LEVEL:-6}" --build "$root" "$dist/wpre-relay_${version}_$1.deb" >/dev/null
}

# The program for this machine prints the completion scripts; they are the same on every system.
compile "$(go env GOHOSTOS)" "$(go env GOHOSTARCH)" "$work/wpre-relay"
for shell in bash zsh fish; do "$work/wpre-relay" completion "$shell" >"$work/completion.$shell"; done
# In the package, the program is in /usr/bin and the unit is installed already.
sed 's|/usr/local/bin/|/usr/bin/|
	s|^# Service unit.*|# Service unit for a relay on the WordPress host. Set its path: systemctl edit wpre-relay.|
	/^# \/etc\/systemd/s|.*|# Then run: systemctl enable --now wpre-relay|' \
	scripts/deploy/wpre-relay.service >"$work/wpre-relay.service"

for target in ${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64}; do
	os=${target%/*} arch=${target#*/}
	name=wpre-relay-$version-$os-$arch
	dir=$work/$name
	mkdir "$dir"
	binary=wpre-relay
	[[ $os != windows ]] || binary=wpre-relay.exe
	compile "$os" "$arch" "$dir/$binary"
	cp -R README.md LICENSE CHANGELOG.md scripts/docs scripts/deploy "$dir/"
	find "$dir" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	if [[ $os = windows ]]; then
		(cd "$work" && find "$name" -type f | sort | zip -q -X -@ "$dist/$name.zip")
	else
		tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -cf - "$name" |
			gzip -n >"$dist/$name.tar.gz"
	fi
	[[ $os != linux ]] || package "$arch" "$dir/$binary"
done

GOOS=linux go tool -modfile="$PWD/scripts/release/tools.mod" cyclonedx-gomod mod -json -licenses=false -noserial \
	-type application -output "$dist/wpre-relay-$version.cdx.json" . 2>/dev/null
# The tool writes the current time and no version; both must depend on the commit alone.
node -e '
	const fs = require("fs"), file = process.argv[1], bom = JSON.parse(fs.readFileSync(file));
	bom.metadata.timestamp = new Date(process.env.SOURCE_DATE_EPOCH * 1000).toISOString();
	bom.metadata.component.version = process.argv[2];
	fs.writeFileSync(file, JSON.stringify(bom, null, 2) + "\n");' "$dist/wpre-relay-$version.cdx.json" "$version"
(cd "$dist" && sha256sum -- * >SHA256SUMS)
ls -l "$dist"
