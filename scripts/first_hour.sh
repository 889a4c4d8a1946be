#!/usr/bin/env bash
# Shows the first hour of an operator: on a Debian server with nginx, php-fpm, MariaDB and WordPress from Debian's
# packages, it installs the package, runs "wpre-relay up", saves a post, and undoes everything. It prints each command
# that the operator types, its output and its time. With LIMIT=SECONDS in the environment, it fails if the event is proven
# later than that after the operator began to install the package.
#   scripts/first_hour.sh [--fresh] [PACKAGE]
# PACKAGE is a Debian package; without it the script builds one. The server is a copy of this system: an overlay in
# memory with namespaces of its own, so that nothing outside of it changes and ports 80 and 443 are free. With --fresh
# it is a new Debian from debootstrap, which takes some minutes; ROOT (default: /var/tmp/wpre-relay-debian) keeps it for
# the next run. It needs root on Debian.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")/.."
. scripts/ci/lib.sh

fresh= package=
for argument; do
	case $argument in
	--fresh) fresh=yes ;;
	-*) sed -n '2,/^set/{/^#/p}' "$0" >&2 && exit 2 ;;
	*) package=$(cd "$caller" && realpath "$argument") ;;
	esac
done
programs=(nginx php php-fpm php-mysql mariadbd mariadb-install-db mariadb wordpress twentytwentythree)
if [[ -n $fresh ]]; then
	require "the first hour on a new Debian" root dpkg-deb debootstrap
else
	require "the first hour" root dpkg-deb openssl "${programs[@]}"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
system=/
if [[ -n $fresh ]]; then
	system=${ROOT:-/var/tmp/wpre-relay-debian}
	[[ -e $system/.complete ]] || scripts/release/first_hour/debian.sh "$system"
fi
if [[ -z $package ]]; then
	DIST=$work TARGETS=linux/$(go env GOARCH) LEVEL=1 scripts/release.sh >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
	package=$(echo "$work"/*.deb)
fi
unshare --mount --pid --net --fork --kill-child \
	scripts/release/first_hour/server.sh "$system" "$package" testdata/wp-realtime-events
