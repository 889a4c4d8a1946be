#!/usr/bin/env bash
# Tests the release: builds it twice, in two directories, compares the files, and then runs and inspects them.
#   scripts/release/test.sh
# TARGETS limits the systems to build for; it must include Linux on this machine's architecture.
# It needs go, git, node, zip and dpkg-deb. As root on Debian it installs zip. It skips the test if a program is
# missing; with CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
require "release" zip dpkg-deb git node

# No "grep -q" behind a pipe: it exits at the first match, and the program before it then dies of SIGPIPE.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass() { echo "PASS $*"; }

# Level 6 takes four times as long and saves 12 %.
export XZ_LEVEL=1

DIST=$work/a scripts/release.sh 1.2.3 >/dev/null
if [[ -z $(git status --porcelain) ]]; then
	git clone -q . "$work/clone"
	(cd "$work/clone" && DIST=$work/b scripts/release.sh 1.2.3 >/dev/null)
	diff "$work/a/SHA256SUMS" "$work/b/SHA256SUMS"
	pass "the same commit gives the same bytes in another directory"
else
	echo "SKIPPED: the comparison of two builds (there are uncommitted changes)"
fi
(cd "$work/a" && sha256sum --quiet -c SHA256SUMS && [[ $(wc -l <SHA256SUMS) = $(($(ls | wc -l) - 1)) ]])
pass "the checksums of all files match"

arch=$(go env GOARCH)
tar -C "$work" -xzf "$work/a/wpre-relay-1.2.3-linux-$arch.tar.gz"
archive=$work/wpre-relay-1.2.3-linux-$arch
"$archive/wpre-relay" --version | grep '^wpre-relay 1\.2\.3 ' >/dev/null
for file in docs/proxies.md deploy/wpre-relay.service LICENSE CHANGELOG.md; do [[ -f $archive/$file ]]; done
pass "the program in the archive prints its version, and the documents are beside it"

dpkg-deb -x "$work/a/wpre-relay_1.2.3_$arch.deb" "$work/root"
dpkg-deb -I "$work/a/wpre-relay_1.2.3_$arch.deb" | grep 'Version: 1\.2\.3' >/dev/null
"$work/root/usr/bin/wpre-relay" --version | grep '^wpre-relay 1\.2\.3 ' >/dev/null
unit=$work/root/usr/lib/systemd/system/wpre-relay.service
grep -q '^ExecStart=/usr/bin/wpre-relay$' "$unit"
grep -q '^# Then run: systemctl enable --now wpre-relay$' "$unit"
bash -n "$work/root/usr/share/bash-completion/completions/wpre-relay"
cmp LICENSE "$work/root/usr/share/doc/wpre-relay/copyright"
gzip -dc "$work/root/usr/share/doc/wpre-relay/changelog.gz" | cmp - CHANGELOG.md
pass "the Debian package has the program, its unit, shell completion and the documents"

for target in ${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64}; do
	name=wpre-relay-1.2.3-${target/\//-}
	case $target in
	windows/*) [[ -s $work/a/$name.zip ]] ;;
	linux/*) [[ -s $work/a/$name.tar.gz && -s $work/a/wpre-relay_1.2.3_${target#*/}.deb ]] ;;
	*) [[ -s $work/a/$name.tar.gz ]] ;;
	esac
done
pass "there is an archive for each system, and a Debian package for each architecture of Linux"
node -e '
	const bom = JSON.parse(require("fs").readFileSync(process.argv[1]));
	const names = bom.components.map((c) => c.name);
	const complete = names.includes("github.com/coder/websocket") && names.length >= 10;
	if (bom.bomFormat !== "CycloneDX" || !complete) process.exit(1);
	console.log(`PASS the list of components names ${names.length} modules`);' "$work/a/wpre-relay-1.2.3.cdx.json"
