#!/usr/bin/env bash
# Tests certificates from a real ACME authority (Pebble, from Debian's package pebble): with the challenge over TLS
# (RFC 8737), with the challenge over HTTP (RFC 8555 §8.3), and after a restart without the authority.
#   scripts/ci/acme.sh
# It needs go, curl, node, openssl and pebble. As root on Debian it installs pebble. It skips the test if a program is
# missing; with CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
require "certificates from an ACME authority" curl node openssl pebble pebble-challtestsrv

work=$(mktemp -d /tmp/wpre-acme.XXXXXX)
pids=()
relay=
cleanup() {
	local status=$?
	for pid in "${pids[@]}" $relay; do kill "$pid" 2>/dev/null || true; done
	wait
	if ((status)); then tail -n 20 "$work"/*.log >&2; fi
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT

read -r directory management dns control http tls other < <(free_ports 7)

build_relay "$work/wpre-relay"
mkdir -p "$work/site/wp-content/realtime-events"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
cat >"$work/pebble.json" <<EOF
{"pebble": {"listenAddress": "127.0.0.1:$directory", "managementListenAddress": "127.0.0.1:$management",
 "certificate": "$work/ca.pem", "privateKey": "$work/ca.key", "httpPort": $http, "tlsPort": $tls,
 "ocspResponderURL": ""}}
EOF
pebble-challtestsrv -dns01 "127.0.0.1:$dns" -defaultIPv4 127.0.0.1 -defaultIPv6 "" -http01 "" -https01 "" \
	-tlsalpn01 "" -management "127.0.0.1:$control" >"$work/dns.log" 2>&1 &
pids+=($!)
PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 \
	pebble -config "$work/pebble.json" -dnsserver "127.0.0.1:$dns" >"$work/pebble.log" 2>&1 &
pids+=($!)
within curl -sf --cacert "$work/ca.pem" "https://localhost:$directory/dir"

start() { # start STATE ADDRESS FLAGS...: starts a relay with this state directory and public address.
	local state=$1 address=$2
	shift 2
	SSL_CERT_FILE="$work/ca.pem" "$work/wpre-relay" --watch "$work/site" --state-dir "$work/$state" \
		--listen "$address" --admin-listen off --acme-domain relay.test --acme-domain other.test \
		--acme-directory "https://localhost:$directory/dir" "$@" >"$work/$state.log" 2>&1 &
	relay=$!
}
stop() { kill "$relay"; wait "$relay" || true; relay=; }
issuer() { # issuer PORT NAME: prints the issuer of the certificate that the relay presents for this name.
	openssl s_client -connect "127.0.0.1:$1" -servername "$2" </dev/null 2>/dev/null |
		openssl x509 -noout -issuer 2>/dev/null
}
from_pebble() { [[ $(issuer "$1" "$2") == *Pebble* ]]; }

start tls "127.0.0.1:$tls"
within from_pebble "$tls" relay.test
echo "PASS the relay gets a certificate with the TLS challenge"
within from_pebble "$tls" other.test
echo "PASS the relay gets a certificate for a second name"
if from_pebble "$tls" evil.test; then
	echo "FAIL: the relay got a certificate for a name that is not configured" >&2
	exit 1
fi
echo "PASS the relay gets no certificate for a name that is not configured"
curl -sf --resolve "relay.test:$tls:127.0.0.1" -k "https://relay.test:$tls/livez" >/dev/null
stop

start http "127.0.0.1:$other" --acme-listen "127.0.0.1:$http"
within from_pebble "$other" relay.test
echo "PASS the relay gets a certificate with the HTTP challenge"
redirect=$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: relay.test' "http://127.0.0.1:$http/x")
[[ $redirect == "302 https://relay.test/x" ]] || { echo "FAIL: other requests get $redirect" >&2; exit 1; }
echo "PASS other requests are redirected to HTTPS"
stop

for pid in "${pids[@]}"; do kill "$pid"; done
pids=()
start tls "127.0.0.1:$tls"
within from_pebble "$tls" relay.test
echo "PASS the certificate survives a restart without the authority"
