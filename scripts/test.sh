#!/usr/bin/env bash
# All checks of the project, in the order of their price:
#   scripts/test.sh
# It needs Go. Some parts need more: php, phpcs, node, Chromium, nginx, Apache, Caddy, Prometheus, pebble, slowhttptest, systemd,
# WordPress with php-fpm and MariaDB, Redis, NATS, RabbitMQ. As root on Debian it installs those but for node; elsewhere it says what
# it skips, and with CI=true a skip is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (after %d:%02d min)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

in_modules() { # in_modules COMMAND...: in the program's module and in the benchmark's competitors'.
	"$@"
	(cd scripts/bench/competitors && "$@")
}

packages=()
for need in nginx:nginx-light apache2:apache2-bin caddy:caddy systemd-analyze:systemd lsof:lsof zip:zip \
	redis-server:redis-server nats-server:nats-server rabbitmq-server:rabbitmq-server; do
	command -v "${need%%:*}" >/dev/null || packages+=("${need#*:}")
done
if ((${#packages[@]} > 0 && EUID == 0)) && command -v apt-get >/dev/null; then
	step "install ${packages[*]}"
	apt-get update -qq
	# None of them is to be started.
	[ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d && trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

step "gofmt"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	printf 'not formatted, run gofmt -w:\n%s\n' "$unformatted" >&2
	exit 1
fi

step "go mod tidy"
in_modules go mod tidy -diff

step "go vet, for every system it runs on"
# As it is released, so that what is compiled for this need not be compiled again.
for os in linux darwin windows; do GOOS=$os CGO_ENABLED=0 GOFLAGS=-trimpath in_modules go vet ./...; done

step "staticcheck, all checks"
in_modules go tool -modfile="$PWD/scripts/ci/tools.mod" staticcheck -checks all ./...

# With the race detector a program sleeps for a second before it ends, unless it is told; tests run the relay hundreds of times.
export GORACE=${GORACE:-atexit_sleep_ms=10}

step "go test -race"
go test -race -count=1 ./...

step "fuzzing, a few seconds each"
scripts/fuzz.sh "${FUZZTIME:-3s}"

step "every benchmark runs"
scripts/bench.sh --smoke

step "real PHP writers, and a client of another's making"
scripts/e2e/phpwriter/run.sh

step "the PHP that WordPress loads"
scripts/ci/companion/check.sh

step "a real WordPress, end to end"
scripts/e2e.sh

step "clients in a browser and of others' making, under faults"
scripts/e2e/clients/run.sh

step "certificates from an authority"
scripts/ci/acme.sh

step "slow attacks"
scripts/ci/slowhttp.sh

step "metrics, alerts and dashboard"
scripts/ci/monitoring.sh

step "what is released"
scripts/release/test.sh

step "the systemd unit"
if command -v systemd-analyze >/dev/null; then
	systemd-analyze security --offline=true --threshold=20 --no-pager scripts/deploy/wpre-relay.service | tail -n 1
elif [ "${CI:-}" = true ]; then
	echo "there is no systemd-analyze" >&2
	exit 1
else
	echo "SKIPPED: no systemd-analyze"
fi

step "all checks passed"
