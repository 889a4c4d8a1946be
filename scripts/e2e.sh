#!/usr/bin/env bash
# Runs the relay beside a real WordPress and tests which events arrive at real pages, without the companion and with
# it.
#   scripts/e2e.sh [--plugin DIR] [--keep] [BINARY]
# --plugin uses the plugin in DIR instead of the stand-in in testdata. --keep leaves all files in place and prints
# their directory. BINARY is the relay to test; without it the script builds one. With ONLY=TEXT in the environment,
# only the contexts run whose names contain TEXT. It takes about three minutes and needs root on Debian, Node and npm.
# It installs WordPress, PHP, MariaDB, nginx, Chromium and Firefox without starting their services, and runs its own
# instances in a temporary directory, on the loopback interface.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")/.."
. scripts/ci/lib.sh
. scripts/e2e/wordpress/site.sh

plugin=testdata/wp-realtime-events keep=
while (($# > 0)); do
	case $1 in
	--plugin) plugin=$(cd "$caller" && realpath "${2:?}") && shift ;;
	--keep) keep=yes ;;
	-*) sed -n '2,/^set/{/^#/p}' "$0" >&2 && exit 2 ;;
	*) RELAY_BINARY=$(cd "$caller" && realpath "$1") ;;
	esac
	shift
done
require "WordPress, end to end" root node npm chromium firefox-esr nginx openssl mariadbd mariadb-install-db mariadb php php-fpm php-mysql \
	wordpress twentytwentythree

work=$(mktemp -d /tmp/wpre-e2e.XXXXXX)
pids=()
cleanup() {
	local status=$? pid
	trap - EXIT
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	# The setup failed before the tests began: the tests themselves print the logs that they need.
	if ((status != 0)) && [[ -d $work/logs && ! -d $work/relay ]]; then tail -n 20 "$work"/logs/* >&2 || true; fi
	if [[ -n $keep ]]; then echo "all files are in $work"; else rm -rf "$work"; fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

chmod 755 "$work" # for the users of the web server and the database
mkdir "$work/logs"
build_relay "$work/wpre-relay"
npm_install scripts/e2e
read -r port tls_port relay_port < <(free_relay_ports 3)
site=http://127.0.0.1:$port
make_certificate
start_database
make_site "$site" "$plugin"
start_web_server "$port" "$tls_port" "$relay_port"
version=$(php -r "require '$work/site/wp-includes/version.php'; echo \$wp_version;")
echo "-- WordPress $version runs at $site (after $SECONDS s)"

NODE_EXTRA_CA_CERTS=$work/ca.pem node scripts/e2e/wordpress/e2e.mjs "$work" "$site" "https://127.0.0.1:$tls_port" \
	"$relay_port" &
pids+=($!)
wait $!
