#!/usr/bin/env bash
# Runs the relay beside a real WordPress, and looks what of its events arrives at real pages, without our companion for WordPress
# and with it:
#   scripts/e2e.sh [--plugin DIR] [--keep] [BINARY]
# DIR is the plugin to use in place of the stand-in in testdata; BINARY, the relay in place of one that it builds. --keep leaves all
# files and says where. It takes about two minutes, and needs root on Debian: it installs WordPress, PHP, MariaDB, nginx and Chromium,
# without starting them, and runs its own of each, below a directory of its own, at the loopback interface; and Node with npm.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")"
# shellcheck source=ci/need.sh
. ci/need.sh
# shellcheck source=e2e/wordpress/site.sh
. e2e/wordpress/site.sh

plugin=../testdata/wp-realtime-events binary= keep=
while (($# > 0)); do
	case $1 in
	--plugin) plugin=$(cd "$caller" && realpath "${2:?}") && shift ;;
	--keep) keep=yes ;;
	-*) sed -n '2,/^set/{/^#/p}' "$0" >&2 && exit 2 ;;
	*) binary=$(cd "$caller" && realpath "$1") ;;
	esac
	shift
done

work=$(mktemp -d /tmp/wpre-e2e.XXXXXX)
pids=() policy=
cleanup() {
	local status=$? pid
	trap - EXIT
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	[ -z "$policy" ] || rm -f "$policy"
	if ((status != 0)) && [ -d "$work/logs" ] && [ ! -d "$work/relay" ]; then tail -n 20 "$work"/logs/* >&2 || true; fi
	if [ -n "$keep" ]; then echo "everything is in $work"; else rm -rf "$work"; fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- what it needs -----------------------------------------------------------------------------------------------

what="a real WordPress, end to end"
need "$what" "" node npm
((EUID == 0)) || need "$what" "" root
# None of them is to be started.
if [ ! -e /usr/sbin/policy-rc.d ] && command -v apt-get >/dev/null; then
	policy=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi
need "$what" chromium chromium
need "$what" nginx-light nginx
need "$what" mariadb-server-core mariadbd mariadb-install-db
need "$what" mariadb-client-core mariadb
need "$what" php-cli php
# These are no programs, or have none of that name.
compgen -c php-fpm >/dev/null || need "$what" php-fpm php-fpm
php -r 'exit(extension_loaded("mysqli") ? 0 : 1);' || need "$what" php-mysql php-mysql
[ -e /usr/share/wordpress/wp-load.php ] || need "$what" wordpress wordpress
[ -e /usr/share/wordpress/wp-content/themes/twentytwentythree ] || need "$what" wordpress-theme-twentytwentythree wordpress

# --- the site ----------------------------------------------------------------------------------------------------

chmod 755 "$work" # for the users that the processes run as
mkdir "$work/logs"
if [ -n "$binary" ]; then
	install -m 755 "$binary" "$work/wpre-relay"
else
	(cd .. && go build -o "$work/wpre-relay" .)
fi
npm ci --silent --no-audit --no-fund --prefer-offline --prefix e2e
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
site=http://127.0.0.1:$port
start_database
make_site "$site" "$plugin"
start_web_server "$port"
echo "-- WordPress $(php -r "require '$work/site/wp-includes/version.php'; echo \$wp_version;") is at $site (after $SECONDS s)"

node e2e/wordpress/e2e.mjs "$work" "$site" &
pids+=($!)
wait $!
