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
	local status=$? group
	for group in $(jobs -p); do kill -- "-$group" 2>/dev/null || true; done
	wait
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start COMMAND... starts the command in the background, in a process group of its own, which cleanup ends.
start() {
	set -m
	"$@" </dev/null &
	set +m
}

# parallel COMMAND... runs the commands at the same time and prints the output of each when it has ended. It fails if
# one of them fails.
parallel() {
	local command i=0 pids=() failed=0
	for command; do
		start "$command" >"$work/output.$i" 2>&1
		pids+=($!)
		i=$((i + 1))
	done
	i=0
	for command; do
		wait "${pids[i]}" || { failed=1 && echo "FAIL $command"; }
		printf -- '-- %s (after %d:%02d min)\n' "$command" $((SECONDS / 60)) $((SECONDS % 60))
		cat "$work/output.$i"
		i=$((i + 1))
	done
	return "$failed"
}

# One transaction for the programs of all steps: updating the package lists alone takes about 10 seconds. The first
# steps need only Go, and run meanwhile.
start install_missing nginx apache2 apachectl ip caddy systemd-analyze lsof zip redis-server nats-server rabbitmq-server php \
	phpcs php-fpm php-mysql wordpress twentytwentythree mariadbd mariadb chromium firefox-esr pebble slowhttptest promtool \
	curl openssl strace lintian buildah
packages=$!

step "gofmt"
unformatted=$(gofmt -l .)
if [[ -n $unformatted ]]; then
	printf 'not formatted, run gofmt -w:\n%s\n' "$unformatted" >&2
	exit 1
fi

step "go mod tidy"
in_modules go mod tidy -diff

# From a cold cache, compiling the dependencies takes about a minute for each system and each set of flags. So all steps
# use the flags of a release, except those with the race detector, and the release is tested for the same systems.
export TARGETS="linux/$(go env GOARCH) darwin/arm64 windows/amd64"
export CGO_ENABLED=0 GOFLAGS=-trimpath
race=(env CGO_ENABLED=1 GOFLAGS=)

step "go vet for each operating system"
for target in $TARGETS; do
	in_modules env GOOS="${target%/*}" GOARCH="${target#*/}" go vet ./...
done
go vet -tags lite ./relay/sharedlog/broker

step "staticcheck, all checks"
in_modules go tool -modfile="$PWD/scripts/ci/tools.mod" staticcheck -checks all ./...

# The steps below share two builds of the relay. Users without rights run the second.
build_relay "$work/wpre-relay"
export RELAY_BINARY=$work/wpre-relay
mkdir "$work/race"
"${race[@]}" go build -race -o "$work/race/wpre-relay" .
export RELAY_RACE_BINARY=$work/race/wpre-relay

# A program with the race detector sleeps for 1 s before it exits unless told otherwise; the tests start hundreds of
# them.
export GORACE=${GORACE:-atexit_sleep_ms=10}

export FUZZTIME=${FUZZTIME:-3s} WORKERS=${WORKERS:-1} # for each target of fuzz.sh

# computing are tests that only compute, in one goroutine, so that the race detector cannot find anything: with it they
# take ten times as long.
computing='^(TestEmptySecurity(Settings|Flags)AreErrors|TestErrorsContainNoFileAndNoSecret'
computing+='|TestDamageAtAnyByteKeepsOtherRecords|TestKillAtAnyByteKeepsCompleteRecords)$'

# go_tests runs the tests with the race detector, and then tests that only compute without it. The power failures, failing
# calls and the simulation do a part of their work with it, and all without. The tests of package integration start a
# relay with the race detector and need none themselves. Most of them wait for processes most of the time, so more of
# them run than there are processors. They leave the processors to browsers and PHP, which have time limits. Their
# packages were vetted above.
go_tests() {
	local packages integration status=0
	packages=$(go list ./... | grep -v /relay/integration$)
	step "go test -race"
	nice go test -vet=off -count=1 -parallel 4 -timeout 30m ./relay/integration >"$work/integration" 2>&1 &
	integration=$!
	nice "${race[@]}" go test -race -vet=off -count=1 -parallel 4 -timeout 30m -skip "$computing" $packages || status=1
	step "tests that compute, in full number"
	nice go test -vet=off -count=1 -run "$computing" ./relay/cli || status=1
	nice go test -vet=off -count=1 -run "$computing|^(TestPowerFailure|TestEveryCallFailsOnce)$" ./relay/eventlog \
		-power.thin=10 || status=1
	nice go test -vet=off -count=1 -run '^TestSimulation$' ./relay/simulation -sim.duration=10s || status=1
	wait "$integration" || status=1
	cat "$work/integration"
	return "$status"
}

# wordpress_tests runs the tests with a real WordPress and of the release.
wordpress_tests() {
	step "WordPress, end to end"
	scripts/e2e.sh
	step "release"
	DIST=$work/release scripts/release/test.sh
	step "the first hour of an operator, with the package of the release"
	scripts/first_hour.sh "$work/release"/wpre-relay_*_"$(go env GOARCH)".deb
}

# client_tests runs the tests with clients from npm and in a browser, and the short ones with other programs.
client_tests() {
	local script
	step "clients in a browser and from npm"
	RESTARTS=80 scripts/e2e/clients/run.sh "$work/race/wpre-relay"
	for script in scripts/ci/companion/check.sh scripts/ci/systemd.sh scripts/ci/acme.sh scripts/ci/monitoring.sh \
		scripts/ci/slowhttp.sh scripts/fuzz.sh; do
		step "$script"
		"$script"
	done
	step "smoke test of the benchmarks"
	scripts/bench.sh --smoke
}

step "Debian packages"
wait "$packages"
! available npm || npm_install scripts/e2e # several steps need these packages

step "PHP writers and a WebSocket client from npm"
scripts/e2e/phpwriter/run.sh # alone: it limits the share of events that the relay misses

step "all other tests, beside each other: most of them wait"
parallel go_tests wordpress_tests client_tests

step "all checks passed"
