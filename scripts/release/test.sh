#!/usr/bin/env bash
# Tests the release: builds it twice, in two directories, compares the files, and then runs and inspects them. As root, it
# installs, upgrades, removes and purges the Debian package in a copy of this system.
#   scripts/release/test.sh
# TARGETS limits the systems to build for; it must include Linux on this machine's architecture. DIST names a directory
# that keeps the files of the first build.
# It needs go, git, node, zip, dpkg-deb, lintian and buildah. As root on Debian it installs them. It skips the test if a program is
# missing; with CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
require "release" zip dpkg-deb git node lintian buildah

# No "grep -q" behind a pipe: it exits at the first match, and the program before it then dies of SIGPIPE.
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
pass() { echo "PASS $*"; }
dist=${DIST:-$work/a}

# Level 6 takes three to four times as long and saves 12 %.
export LEVEL=1

version=1.2.3-rc.1 arch=$(go env GOARCH)
package=$dist/wpre-relay_1.2.3~rc.1-1_$arch.deb
DIST=$dist scripts/release.sh "$version" >/dev/null 2>&1

# The second build and lintian run beside the other checks.
again=
if [[ -z $(git status --porcelain) ]]; then
	git clone -q . "$work/clone"
	(cd "$work/clone" && DIST=$work/b exec scripts/release.sh "$version") >"$work/again.log" 2>&1 &
	again=$!
fi
lintian --allow-root --fail-on error,warning "$package" >"$work/lintian.log" 2>&1 &
lintian=$!
(cd "$dist" && sha256sum --quiet -c SHA256SUMS && [[ $(wc -l <SHA256SUMS) = $(($(ls | wc -l) - 1)) ]])
pass "the checksums of all files match"

tar -C "$work" -xzf "$dist/wpre-relay-$version-linux-$arch.tar.gz"
archive=$work/wpre-relay-$version-linux-$arch
"$archive/wpre-relay" --version | grep '^wpre-relay 1\.2\.3-rc\.1 ' >/dev/null
for file in scripts/docs/proxies.md scripts/deploy/wpre-relay.service LICENSE; do [[ -f $archive/$file ]]; done
scripts/release/links.sh "$archive"
pass "the program in the archive prints its version, and all links between the documents lead to files"

[[ -s $archive/LICENSE-Apache-2.0 ]]
go version -m "$archive/wpre-relay" | awk '$1 == "dep" { print $2 "/*", $3 }' | sort >"$work/modules"
awk '/^Files:/ { files = $2 } /^Comment: Go module/ { print files, $NF }' "$archive/copyright" | sort >"$work/licensed"
[[ -s $work/modules ]]
comm -23 "$work/modules" "$work/licensed" | { ! grep .; }
pass "the file copyright names each of the $(wc -l <"$work/modules") modules that are linked into the program"

dpkg-deb -x "$package" "$work/root"
[[ $(dpkg-deb -f "$package" Version) = 1.2.3~rc.1-1 ]]
"$work/root/usr/bin/wpre-relay" --version | grep '^wpre-relay 1\.2\.3-rc\.1 ' >/dev/null
grep -q '^ExecStart=/usr/bin/wpre-relay --config /etc/wpre-relay/config.yaml$' "$work/root/lib/systemd/system/wpre-relay.service"
grep -q '^StateDirectory=wpre-relay@%i$' "$work/root/lib/systemd/system/wpre-relay@.service"
bash -n "$work/root/usr/share/bash-completion/completions/wpre-relay"
scripts/release/links.sh "$work/root/usr/share/doc/wpre-relay"
gzip -dc "$work/root/usr/share/doc/wpre-relay/changelog.gz" | cmp - CHANGELOG.md
cmp "$archive/copyright" "$work/root/usr/share/doc/wpre-relay/copyright"
for command in $("$archive/wpre-relay" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
	gzip -dc "$work/root/usr/share/man/man1/wpre-relay-$command.1.gz" | grep '^\.SH SYNOPSIS' >/dev/null
done
pass "the Debian package has the program, its units, shell completion, a manual page for each command and the documents"
wait "$lintian" || { cat "$work/lintian.log" && exit 1; }
pass "lintian finds no error and no warning"
if ((EUID == 0)); then
	TMPDIR=$work unshare --mount scripts/release/lifecycle.sh "$package" 2>"$work/dpkg.log" || ! cat "$work/dpkg.log"
fi
[[ $(source scripts/release/debian.sh && for v in 1.2.3 1.2.3-5-gabc1234 0.0.0-gabc1234; do debian_version "$v"; done | xargs) = \
	"1.2.3-1 1.2.3+5.gabc1234-1 0.0.0~gabc1234-1" ]]
pass "versions of Debian packages are in order"

mkdir "$work/oci"
tar -xf "$dist/wpre-relay-$version-oci.tar" -C "$work/oci"
[[ -s $work/oci/index.json && -s $work/oci/oci-layout ]]
for blob in "$work"/oci/blobs/sha256/*; do [[ $(sha256sum <"$blob") = "${blob##*/}  -" ]]; done
grep -l "\"architecture\": *\"$arch\"" "$work"/oci/blobs/sha256/* >/dev/null
images=0
for blob in "$work"/oci/blobs/sha256/*; do
	tar -xzOf "$blob" usr/share/doc/wpre-relay/copyright >"$work/copyright" 2>/dev/null || continue
	cmp "$archive/copyright" "$work/copyright"
	images=$((images + 1))
done
((images > 0))
grep -q '^## \[Unreleased\]' "$dist/CHANGELOG-$version.md"
pass "there is an archive of OCI images, and the section of the changelog"

for target in ${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64}; do
	name=wpre-relay-$version-${target/\//-}
	case $target in
	windows/*) [[ -s $dist/$name.zip ]] ;;
	linux/*) [[ -s $dist/$name.tar.gz && -s $dist/wpre-relay_1.2.3~rc.1-1_${target#*/}.deb ]] ;;
	*) [[ -s $dist/$name.tar.gz ]] ;;
	esac
done
pass "there is an archive for each system, and a Debian package for each architecture of Linux"
node -e '
	const bom = JSON.parse(require("fs").readFileSync(process.argv[1]));
	const names = bom.components.map((c) => c.name);
	const complete = names.includes("github.com/coder/websocket") && names.length >= 10;
	if (bom.bomFormat !== "CycloneDX" || !complete) process.exit(1);
	console.log(`PASS the list of components names ${names.length} modules`);' "$dist/wpre-relay-$version.cdx.json"
if [[ -n $again ]]; then
	wait "$again" || { cat "$work/again.log" && exit 1; }
	diff "$dist/SHA256SUMS" "$work/b/SHA256SUMS"
	pass "the same commit gives the same bytes in another directory"
else
	echo "SKIPPED: the comparison of two builds (there are uncommitted changes)"
fi
