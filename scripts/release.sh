#!/usr/bin/env bash
# Builds a release in dist/: archives for Linux, macOS and Windows, Debian packages, OCI images for amd64 and arm64 in
# one archive, the section of the changelog, a list of components (SBOM, CycloneDX) and checksums. The same commit gives
# the same bytes in every directory, with the same version of Go.
#   scripts/release.sh [VERSION]     # default: the version of the last tag, else 0.0.0 with the commit
# It needs go, git, node, zip and dpkg-deb, and buildah for the images; without buildah it reports that they are
# missing. DIST names another output directory. TARGETS limits the systems to build for. LEVEL is the compression of
# the archives and Debian packages, from 1 to 9 (default: 6).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/release/debian.sh
. scripts/release/images.sh

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
host=$(go env GOHOSTOS)/$(go env GOHOSTARCH)
targets=(${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64})

# progress TEXT shows the current step: in one line on a terminal, otherwise as a line for each step.
steps=0
progress() {
	steps=$((steps + 1))
	local text="[$steps/$((${#targets[@]} + 3))] $*"
	if [[ -t 2 ]]; then
		printf '\r\033[K%s' "$text" >&2
	else
		echo "$text" >&2
	fi
}

# compile OS ARCH FILE builds the program, and copies the one that is built already for this machine.
compile() {
	if [[ $1/$2 = "$host" && -e $work/wpre-relay ]]; then
		cp "$work/wpre-relay" "$3"
	else
		GOOS=$1 GOARCH=$2 go build -ldflags "-s -w -X main.version=$version" -o "$3" .
	fi
}

# documents DIR copies the documents, with the paths that they have in the repository, so that their links work, and the
# licenses.
documents() {
	mkdir -p "$1/scripts" "$1/relay/client"
	cp README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE compose.yaml "$work"/licenses/* "$1/"
	cp -R scripts/docs scripts/deploy "$1/scripts/"
	cp relay/client/client.js "$1/relay/client/"
}

mkdir "$work/licenses"
go run ./scripts/release/licenses "$work/licenses" "${targets[@]}"

# The program for this machine prints the completion scripts and the help; they are the same on every system.
progress "completion scripts and manual pages"
compile "${host%/*}" "${host#*/}" "$work/wpre-relay"
for shell in bash zsh fish; do "$work/wpre-relay" completion "$shell" >"$work/completion.$shell"; done
scripts/release/man.sh "$work/wpre-relay" "$work/man"

for target in "${targets[@]}"; do
	progress "$target"
	os=${target%/*} arch=${target#*/}
	name=wpre-relay-$version-$os-$arch
	dir=$work/$name
	mkdir "$dir"
	binary=wpre-relay
	[[ $os != windows ]] || binary=wpre-relay.exe
	compile "$os" "$arch" "$dir/$binary"
	documents "$dir"
	find "$dir" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	if [[ $os = windows ]]; then
		(cd "$work" && find "$name" -type f | sort | zip -q -X "-${LEVEL:-6}" -@ "$dist/$name.zip")
	else
		tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -cf - "$name" |
			gzip "-n${LEVEL:-6}" >"$dist/$name.tar.gz"
	fi
	[[ $os != linux ]] || debian_package "$arch" "$dir/$binary"
done

progress "OCI images"
if command -v buildah >/dev/null; then
	oci_images
else
	echo "release.sh: no OCI images, because buildah is missing" >&2
fi

progress "list of components, changelog and checksums"
awk -v version="$version" '
	/^## \[/ { shown = index($0, "[" version "]") || (!found && index($0, "[Unreleased]")); found = found || shown }
	/^## \[/ && index($0, "[" version "]") { text = "" }
	shown { text = text $0 "\n" }
	END { printf "%s", text }' CHANGELOG.md >"$dist/CHANGELOG-$version.md"
GOOS=linux go tool -modfile="$PWD/scripts/release/tools.mod" cyclonedx-gomod mod -json -licenses=false -noserial \
	-type application -output "$dist/wpre-relay-$version.cdx.json" . 2>/dev/null
# The tool writes the current time, and the version that it finds in a repository but not in a worktree of one. Both must
# depend on the commit and the version of the release alone.
node -e '
	const fs = require("fs"), [file, version] = process.argv.slice(1);
	const text = fs.readFileSync(file, "utf8").replace(/pkg:golang\/wpre-relay(@[^?]*)?\?/g, `pkg:golang/wpre-relay@v${version}?`);
	const bom = JSON.parse(text), { version: _, ...component } = bom.metadata.component;
	bom.metadata.timestamp = new Date(process.env.SOURCE_DATE_EPOCH * 1000).toISOString();
	bom.metadata.component = { ...component, version };
	fs.writeFileSync(file, JSON.stringify(bom, null, 2) + "\n");' "$dist/wpre-relay-$version.cdx.json" "$version"
(cd "$dist" && sha256sum -- * >SHA256SUMS)
[[ ! -t 2 ]] || echo >&2
ls -l "$dist"
