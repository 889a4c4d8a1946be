#!/usr/bin/env bash
# Has the relay get certificates from a real ACME authority, Pebble, of Debian's package pebble, over TLS (RFC 8737) and
# over HTTP (RFC 8555 §8.3), and use them again after a restart. As root on Debian it installs Pebble; elsewhere it says
# that it skips, and with CI=true that is a failure. Needs go, curl and openssl.
#   scripts/ci/acme.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

. scripts/ci/need.sh
need "certificates from an authority" pebble pebble pebble-challtestsrv

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

free_port() { # free_port: one that nobody has now.
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null ||
		echo $((20000 + RANDOM % 10000))
}
directory=$(free_port) management=$(free_port) dns=$(free_port) control=$(free_port)
http=$(free_port) tls=$(free_port) elsewhere=$(free_port)

within() { # within SECONDS COMMAND...: waits until the command succeeds.
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || { echo "FAIL: not within time: $*" >&2; return 1; }
		sleep 0.1
	done
}

go build -o "$work/wpre-relay" .
mkdir -p "$work/site/wp-content/realtime-events"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
cat >"$work/pebble.json" <<EOF
{"pebble": {"listenAddress": "127.0.0.1:$directory", "managementListenAddress": "127.0.0.1:$management",
 "certificate": "$work/ca.pem", "privateKey": "$work/ca.key", "httpPort": $http, "tlsPort": $tls, "ocspResponderURL": ""}}
EOF
pebble-challtestsrv -dns01 "127.0.0.1:$dns" -defaultIPv4 127.0.0.1 -defaultIPv6 "" -http01 "" -https01 "" -tlsalpn01 "" \
	-management "127.0.0.1:$control" >"$work/dns.log" 2>&1 &
pids+=($!)
PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 pebble -config "$work/pebble.json" -dnsserver "127.0.0.1:$dns" >"$work/pebble.log" 2>&1 &
pids+=($!)
within 20 curl -sf --cacert "$work/ca.pem" "https://localhost:$directory/dir"

start() { # start STATE ADDRESS FLAGS...: a relay.
	local state=$1 address=$2
	shift 2
	SSL_CERT_FILE="$work/ca.pem" "$work/wpre-relay" --watch "$work/site" --state-dir "$work/$state" --listen "$address" \
		--admin-listen off --acme-domain relay.test --acme-domain other.test \
		--acme-directory "https://localhost:$directory/dir" "$@" >"$work/$state.log" 2>&1 &
	relay=$!
}
stop() { kill "$relay"; wait "$relay" || true; relay=; }
issuer() { # issuer PORT NAME: of the certificate that is shown for this name.
	openssl s_client -connect "127.0.0.1:$1" -servername "$2" </dev/null 2>/dev/null | openssl x509 -noout -issuer 2>/dev/null
}
from_pebble() { [[ $(issuer "$1" "$2") == *Pebble* ]]; }

start tls "127.0.0.1:$tls"
within 30 from_pebble "$tls" relay.test
echo "PASS the authority asked over TLS, and gave a certificate"
within 30 from_pebble "$tls" other.test
echo "PASS and one for another of the names"
if from_pebble "$tls" evil.test; then echo "FAIL: a certificate for a name that is not ours" >&2; exit 1; fi
echo "PASS and none for any other name"
curl -sf --resolve "relay.test:$tls:127.0.0.1" -k "https://relay.test:$tls/livez" >/dev/null
stop

start http "127.0.0.1:$elsewhere" --acme-listen "127.0.0.1:$http"
within 60 from_pebble "$elsewhere" relay.test
echo "PASS the authority asked over HTTP, and gave a certificate"
redirect=$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: relay.test' "http://127.0.0.1:$http/x")
[[ $redirect == "302 https://relay.test/x" ]] || { echo "FAIL: others get $redirect" >&2; exit 1; }
echo "PASS others are sent to HTTPS"
stop

for pid in "${pids[@]}"; do kill "$pid"; done
pids=()
start tls "127.0.0.1:$tls"
within 10 from_pebble "$tls" relay.test
echo "PASS after a restart, without the authority, the certificate is there"
