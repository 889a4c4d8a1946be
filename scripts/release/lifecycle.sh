#!/usr/bin/env bash
# Installs, upgrades, removes and purges a Debian package in a copy of this system, with a stand-in for systemctl that
# records its calls. The copy is an overlay in memory: nothing outside of it changes.
#   unshare --mount scripts/release/lifecycle.sh PACKAGE
# It needs root on Debian. It calls itself in the copy.
set -euo pipefail

if [[ ${2:-} != inside ]]; then
	package=$(readlink -f "$1") script=$(readlink -f "$0") work=$(mktemp -d)
	mount -t tmpfs tmpfs "$work"
	mkdir "$work"/{changes,overlay,root}
	mount -t overlay -o "lowerdir=/,upperdir=$work/changes,workdir=$work/overlay" overlay "$work/root"
	mount -t proc proc "$work/root/proc"
	mount --bind /dev "$work/root/dev"
	mkdir -p "$work/root/opt/release"
	cp "$package" "$work/root/opt/release/old.deb"
	cp "$script" "$work/root/opt/release/lifecycle.sh"
	# The upgrade is the same package with a higher version.
	dpkg-deb -R "$package" "$work/new"
	sed -i 's/^Version: .*/Version: 9.0.0-1/' "$work/new/DEBIAN/control"
	echo '# a new comment' >>"$work/new/etc/wpre-relay/config.yaml"
	dpkg-deb -Znone --build "$work/new" "$work/root/opt/release/new.deb" >/dev/null
	chroot "$work/root" bash /opt/release/lifecycle.sh /opt/release inside
	umount "$work/root/dev" "$work/root/proc" "$work/root" "$work"
	rmdir "$work"
	exit
fi

calls=/opt/release/calls
pass() { echo "PASS $*"; }
state() { dpkg-query -W -f '${db:Status-Abbrev}' wpre-relay 2>/dev/null || echo none; }
called() { # called CALL... expects that systemctl was called in this way since the last time.
	diff <(printf '%s\n' "$@") "$calls"
	: >"$calls"
}
cd "$1"
rm -f /usr/bin/systemctl /bin/systemctl
rm -f /var/lib/man-db/auto-update # else each call of dpkg indexes all manual pages
printf '#!/bin/sh\necho "$*" >>%s\n' "$calls" >/usr/bin/systemctl
chmod 755 /usr/bin/systemctl
mkdir -p /run/systemd/system

dpkg -i old.deb >/dev/null
called daemon-reload
wpre-relay --version >/dev/null
wpre-relay config --config /etc/wpre-relay/config.yaml | grep '^watch: /var/www/html' >/dev/null
! command -v systemd-analyze >/dev/null || systemd-analyze verify /lib/systemd/system/wpre-relay.service 2>&1 |
	{ ! grep 'wpre-relay.service:'; }
pass "the package is installed with valid settings, and starts nothing"

mkdir -p /var/lib/private/wpre-relay /var/lib/private/wpre-relay@shop /etc/systemd/system/multi-user.target.wants
ln -s private/wpre-relay /var/lib/wpre-relay
touch /var/lib/private/wpre-relay/journal /var/lib/private/wpre-relay@shop/journal
ln -s /lib/systemd/system/wpre-relay.service /etc/systemd/system/multi-user.target.wants/
sed -i 's|/var/www/html|/srv/site|' /etc/wpre-relay/config.yaml
# What "wpre-relay up" writes: the key, a part of the unit, and a record of both and of a file of the web server.
mkdir -p /var/backups/wpre-relay /etc/systemd/system/wpre-relay.service.d
touch /etc/wpre-relay/jwt.key /etc/systemd/system/wpre-relay.service.d/up.conf /etc/default/wpre-relay{,-shop} /srv/nginx.conf
cat >/var/backups/wpre-relay/record.json <<-END
	{"Proven": 1, "Steps": [{"Name": "service", "Started": true, "Stop": [["systemctl", "stop", "wpre-relay"]], "Changes": [
		{"Kind": "file", "Path": "/etc/wpre-relay/jwt.key"}, {"Kind": "file", "Path": "/srv/nginx.conf"},
		{"Kind": "file", "Path": "/etc/systemd/system/wpre-relay.service.d/up.conf"}]}]}
END
dpkg --force-confold -i new.deb >/dev/null
called daemon-reload "try-restart wpre-relay.service wpre-relay@*.service"
grep -q '^watch: /srv/site' /etc/wpre-relay/config.yaml
pass "an upgrade restarts the relays that run, and keeps changed settings"

dpkg -r wpre-relay 2>&1 >/dev/null | grep '"wpre-relay down"' >/dev/null
called "stop wpre-relay.socket wpre-relay.service wpre-relay@*.service" daemon-reload
[[ $(state) = rc* && ! -e /usr/bin/wpre-relay && -e /etc/wpre-relay/config.yaml ]]
[[ -e /var/lib/wpre-relay/journal && -e /var/lib/private/wpre-relay@shop/journal && -e /etc/wpre-relay/jwt.key ]]
pass "a removal stops the relays, keeps settings, key and state, and names wpre-relay down"

dpkg -P wpre-relay >/dev/null
[[ $(state) != rc* ]]
[[ -e /var/backups/wpre-relay/record.json && -e /srv/nginx.conf ]]
left=$(find /etc /lib/systemd /usr/bin /usr/share/{doc,man,lintian} /var/lib/wpre-relay* /var/lib/private -name '*wpre-relay*' \
	2>/dev/null || true)
[[ -z $left ]] || { echo "FAIL: left: $left" >&2 && exit 1; }
pass "a purge leaves no file except the record of wpre-relay up"

dpkg -i old.deb >/dev/null
: >"$calls"
wpre-relay down --yes >/dev/null
called "stop wpre-relay"
[[ ! -e /srv/nginx.conf && ! -e /var/backups/wpre-relay/record.json ]]
dpkg -P wpre-relay 2>&1 | { ! grep 'wpre-relay down'; }
pass "wpre-relay down of a later installation undoes what up has changed"
