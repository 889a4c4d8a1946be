#!/usr/bin/env bash
# Makes a release twice, in two folders, and compares them; then looks into it, and runs what it holds for this machine.
set -euo pipefail
cd "$(dirname "$0")/../.."

. scripts/ci/need.sh
need "what is released" zip zip
need "what is released" "" dpkg-deb git node

# No grep -q behind a pipe: it ends at once, and the one before it with SIGPIPE.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass() { echo "PASS $*"; }

DIST=$work/a scripts/release.sh 1.2.3 >/dev/null
git clone -q . "$work/clone"
(cd "$work/clone" && DIST=$work/b scripts/release.sh 1.2.3 >/dev/null)
if [ -z "$(git status --porcelain)" ]; then
	cmp "$work/a/SHA256SUMS" "$work/b/SHA256SUMS"
	pass "the same commit gives the same bytes, from another folder"
else
	echo "SKIPPED: there are changes that are not committed"
fi
(cd "$work/a" && sha256sum --quiet -c SHA256SUMS && [ "$(wc -l <SHA256SUMS)" = 8 ])
pass "the checksums are those of eight files"

arch=$(go env GOARCH)
tar -C "$work" -xzf "$work/a/wpre-relay-1.2.3-linux-$arch.tar.gz"
"$work/wpre-relay-1.2.3-linux-$arch/wpre-relay" --version | grep '^wpre-relay 1\.2\.3 ' >/dev/null
for file in docs/proxies.md LICENSE CHANGELOG.md; do [ -f "$work/wpre-relay-1.2.3-linux-$arch/$file" ]; done
pass "the archive's program prints its version, and its documents are there"

dpkg-deb -x "$work/a/wpre-relay_1.2.3_$arch.deb" "$work/root"
dpkg-deb -I "$work/a/wpre-relay_1.2.3_$arch.deb" | grep 'Version: 1\.2\.3' >/dev/null
"$work/root/usr/bin/wpre-relay" --version | grep '^wpre-relay 1\.2\.3 ' >/dev/null
grep -q '^ExecStart=/usr/bin/wpre-relay$' "$work/root/usr/lib/systemd/system/wpre-relay.service"
bash -n "$work/root/usr/share/bash-completion/completions/wpre-relay"
cmp LICENSE "$work/root/usr/share/doc/wpre-relay/copyright"
gzip -dc "$work/root/usr/share/doc/wpre-relay/changelog.gz" | cmp - CHANGELOG.md
pass "the Debian package holds the program, its unit and what completes commands"

for target in darwin-amd64.tar.gz darwin-arm64.tar.gz windows-amd64.zip linux-arm64.tar.gz; do
	[ -s "$work/a/wpre-relay-1.2.3-$target" ]
done
node -e '
	const bom = JSON.parse(require("fs").readFileSync(process.argv[1]));
	const names = bom.components.map((c) => c.name);
	if (bom.bomFormat !== "CycloneDX" || !names.includes("github.com/coder/websocket") || names.length < 10) process.exit(1);
	console.log(`PASS the list of what is in it names ${names.length} modules`);' "$work/a/wpre-relay-1.2.3.cdx.json"
