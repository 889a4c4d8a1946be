#!/usr/bin/env bash
# Runs all checks of the project, the cheapest first.
#   scripts/test.sh
# It needs Go. Some checks need more: php, phpcs, node, Chromium, nginx, Apache, Caddy, Prometheus, pebble,
# slowhttptest, strace, systemd, WordPress with php-fpm and MariaDB, Redis, NATS, RabbitMQ. As root on Debian it installs
# all of these except node. Elsewhere it reports the checks that it skips; with CI=true a skipped check is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/ci/lib.sh

step() { printf '\n== %s (after %d:%02d min)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

# in_modules COMMAND... runs the command in the relay's module and in that of the benchmark's competitors.
in_modules() {
	"$@"
	(cd scripts/bench/competitors && "$@")
}

work=$(mktemp -d)
cleanup() {
	local status=$? jobs
	jobs=$(jobs -p)
	[[ -z $jobs ]] || kill $jobs 2>/dev/null || true
	wait
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# parallel SCRIPT... runs the scripts at the same time and prints the output of each when it has ended. It fails if
# one of them fails.
parallel() {
	local script i=0 pids=() failed=0
	for script; do
		"$script" >"$work/output.$i" 2>&1 &
		pids+=($!)
		i=$((i + 1))
	done
	i=0
	for script; do
		wait "${pids[i]}" || { failed=1 && echo "FAIL $script"; }
		printf -- '-- %s (after %d:%02d min)\n' "$script" $((SECONDS / 60)) $((SECONDS % 60))
		cat "$work/output.$i"
		i=$((i + 1))
	done
	return "$failed"
}

step "Debian packages"
# One transaction for the programs of all steps: updating the package lists alone takes about 10 seconds.
install_missing nginx apache2 apachectl ip caddy systemd-analyze lsof zip redis-server nats-server rabbitmq-server php phpcs \
	php-fpm php-mysql wordpress twentytwentythree mariadbd mariadb chromium firefox-esr pebble slowhttptest promtool \
	curl openssl strace lintian buildah

step "gofmt"
unformatted=$(gofmt -l .)
if [[ -n $unformatted ]]; then
	printf 'not formatted, run gofmt -w:\n%s\n' "$unformatted" >&2
	exit 1
fi

step "go mod tidy"
in_modules go mod tidy -diff

# From a cold cache, compiling the dependencies takes about a minute for each system and each set of flags. So these
# steps use the flags of a release, and the release is tested for the same systems.
export TARGETS="linux/$(go env GOARCH) darwin/arm64 windows/amd64"
release_flags=(env CGO_ENABLED=0 GOFLAGS=-trimpath)

step "go vet for each operating system"
for target in $TARGETS; do
	in_modules "${release_flags[@]}" GOOS="${target%/*}" GOARCH="${target#*/}" go vet ./...
done
"${release_flags[@]}" go vet -tags lite ./relay/sharedlog/broker

step "staticcheck, all checks"
in_modules "${release_flags[@]}" go tool -modfile="$PWD/scripts/ci/tools.mod" staticcheck -checks all ./...

# The steps below share one build of the relay.
build_relay "$work/wpre-relay"
export RELAY_BINARY=$work/wpre-relay

# A program with the race detector sleeps for 1 s before it exits unless told otherwise; the tests start hundreds of
# them.
export GORACE=${GORACE:-atexit_sleep_ms=10}

# Most tests of package integration wait for processes most of the time, so more of them run than there are processors.
step "go test -race"
go test -race -count=1 -parallel 4 -timeout 30m ./...

step "power failures in full number"
# The race detector allows only a tenth of the disks.
go test -count=1 -run '^TestPowerFailure$' ./relay/eventlog

step "smoke test of the benchmarks"
scripts/bench.sh --smoke

step "PHP writers and a WebSocket client from npm"
scripts/e2e/phpwriter/run.sh

step "WordPress and browsers, end to end, in parallel"
! available npm || npm_install scripts/e2e # both need these packages
parallel scripts/e2e.sh scripts/e2e/clients/run.sh

step "checks that do not depend on time, in parallel"
export FUZZTIME=${FUZZTIME:-3s} # for each target
parallel scripts/ci/companion/check.sh scripts/ci/systemd.sh scripts/ci/acme.sh scripts/ci/monitoring.sh \
	scripts/ci/slowhttp.sh scripts/release/test.sh scripts/first_hour.sh scripts/fuzz.sh

step "all checks passed"
