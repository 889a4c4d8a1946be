#!/usr/bin/env bash
# Builds the image from the Dockerfile and runs it beside a PHP container that writes events as the plugin does, and as the
# companion does, on a shared volume; a WebSocket client says what arrived. Then the same by compose.yaml. For root on Debian 12, where no Docker engine runs: buildah and
# podman come from Debian's packages, the base images are stand-ins made from this machine's own Go and PHP, and the
# images live in a temporary store of their own, of which nothing stays. Needs go, node and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/scripts/e2e/container
failures=0

step() { echo "== $* (at ${SECONDS}s)"; }

check() { # check WHAT COMMAND...: one PASS or FAIL line.
	local what=$1
	shift
	if "$@"; then
		echo "PASS $what"
	else
		echo "FAIL $what"
		failures=$((failures + 1))
	fi
}

within() { # within SECONDS COMMAND...: waits until the command succeeds.
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

exits() { # exits CODE COMMAND...
	local want=$1 got=0
	shift
	"$@" >/dev/null 2>&1 || got=$?
	((got == want))
}


# --- a store of its own ------------------------------------------------------------------------------------------

if ((EUID != 0)); then
	echo "container.sh: not root" >&2
	exit 2
fi

packages=()
for need in buildah:buildah podman:podman runc:runc conmon:conmon podman-compose:podman-compose iptables:iptables php:php-cli; do
	command -v "${need%%:*}" >/dev/null || packages+=("${need#*:}")
done
if ((${#packages[@]})); then
	step "install ${packages[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

work=$(mktemp -d /tmp/wpre-container.XXXXXX)
cgroup=${work##*/}
clients=()
cleanup() {
	local status=$? pid
	trap - EXIT
	set +e
	for pid in "${clients[@]}"; do
		kill "$pid" 2>/dev/null
	done
	podman rm --all --force --time 0 >/dev/null 2>&1
	podman network rm --force wpre_default >/dev/null 2>&1
	buildah rm --all >/dev/null 2>&1
	# Both the deepest first.
	awk -v dir="$work/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
	find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null
	rm -rf "$work" || status=1
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Locks in files, so that the containers of another store on this machine keep theirs. Limits as low as any host's,
# since root may lack CAP_SYS_RESOURCE, which raising one takes. No systemd: neither for cgroups nor for timers.
cat >"$work/containers.conf" <<EOF
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "host"
[network]
network_config_dir = "$work/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
static_dir = "$work/store/libpod"
tmp_dir = "$work/run/libpod"
volume_path = "$work/store/volumes"
EOF
cat >"$work/storage.conf" <<EOF
[storage]
driver = "overlay"
graphroot = "$work/store"
runroot = "$work/run"
EOF
mkdir "$work/tmp"
export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf TMPDIR=$work/tmp
export DISABLE_HC_SYSTEMD=true

# --- images ------------------------------------------------------------------------------------------------------

rootfs() { # rootfs DIR PROGRAM...: the programs, and what they are linked with, at the paths where they are here.
	local dir=$1 file
	shift
	for file in "$@" $(ldd "$@" | grep '^[[:space:]]' | grep -o '/[^ :]*' | sort -u); do
		install -D "$file" "$dir$file"
	done
	mkdir -p "$dir/tmp"
}

step "stand-in base images"
golang=$(grep -o 'golang:[^ ]*' Dockerfile)
rootfs "$work/golang" /bin/sh "$(command -v mkdir)" "$(command -v cp)" "$(command -v chmod)"
install -D /etc/ssl/certs/ca-certificates.crt "$work/golang/etc/ssl/certs/ca-certificates.crt"
install -D /dev/stdin "$work/golang/etc/passwd" <<<'root:x:0:0:root:/root:/bin/sh'
buildah build -q --isolation chroot -t "localhost/$golang" -f - "$work/golang" >/dev/null <<'EOF'
FROM scratch
COPY . /
ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOPATH=/go GOTOOLCHAIN=local
EOF

php=$(readlink -f "$(command -v php)")
rootfs "$work/php" "$php"
install -D /usr/share/zoneinfo/UTC "$work/php/usr/share/zoneinfo/UTC" # Debian's PHP reads the system's.
install -D "$here/plugin.php" "$work/php/plugin.php"
install -D "relay/companion/wpre-relay-companion.php" "$work/php/wpre-relay-companion.php"
mkdir -p "$work/php/var/www/html/wp-content"
buildah build -q --isolation chroot -t localhost/php -f - "$work/php" >/dev/null <<EOF
FROM scratch
COPY . /
COPY --chown=33:33 var/www /var/www
USER 33:33
ENTRYPOINT ["$php", "-n"]
EOF

step "build the Dockerfile"
go mod download
# The Go tree and the modules are mounted instead of copied into the stand-in.
buildah build --isolation chroot --format docker --pull=never --build-arg VERSION=0.0.0-test -t localhost/wpre-relay \
	-v "$(go env GOROOT):/usr/local/go:ro" -v "$(go env GOMODCACHE):/go/pkg/mod" . >"$work/build.log" 2>&1 || {
	cat "$work/build.log"
	exit 1
}

step "install the WebSocket client"
npm ci --silent --no-audit --no-fund --prefer-offline --prefix scripts/e2e

# --- the relay beside PHP ----------------------------------------------------------------------------------------

read -r port admin < <(node -e '
	const net = require("node:net");
	const a = net.createServer().listen(0, "127.0.0.1"), b = net.createServer().listen(0, "127.0.0.1", () => {
		console.log(a.address().port, b.address().port);
		a.close();
		b.close();
	});')
hardened=(--read-only --read-only-tmpfs=false --cap-drop=all --security-opt=no-new-privileges)
address=(-e "WPRE_RELAY_LISTEN=127.0.0.1:$port" -e "WPRE_RELAY_ADMIN_LISTEN=127.0.0.1:$admin")

run() { podman run --cgroup-parent "/$cgroup" "$@"; }

save() { # save FIRST COUNT GAP_MS [companion]: PHP writes events; what they are goes to standard output.
	run --rm -v "site-$as:/var/www/html" localhost/php /plugin.php /var/www/html "$@"
}

start_relay() {
	run -d --name relay "${user[@]}" "${hardened[@]}" "${address[@]}" -v "site-$as:/var/www/html:ro" \
		-v "state-$as:/var/lib/wpre-relay" localhost/wpre-relay >/dev/null
	check "uid $as: the health check passes" within 10 podman healthcheck run relay
	check "uid $as: no capability, a read-only root and a read-only site" confined relay
}

stop_relay() {
	podman stop --time 20 relay >/dev/null
	check "uid $as: the relay exits with 0" test "$(podman inspect -f '{{.State.ExitCode}}' relay)" = 0
	((failures == 0)) || podman logs relay
	podman rm relay >/dev/null
}

connect() { # connect NAME: a client in the background, which writes NAME and NAME.log.
	node "$here/client.mjs" "ws://127.0.0.1:$port" >"$work/$1" 2>"$work/$1.log" &
	clients+=($!)
	check "uid $as: a client connects" within 10 grep -q '^open' "$work/$1.log"
}

closed() { # closed NAME: the client has seen a close frame that names a stop (1001) or a restart (1012).
	within 10 grep -q '^closed' "$work/$1.log" && grep -qE '^closed (1001|1012)$' "$work/$1.log" ||
		! cat "$work/$1.log"
}

confined() { # confined CONTAINER: as $as.
	local pid
	pid=$(podman inspect -f '{{.State.Pid}}' "$1")
	grep -qP "^Uid:(\t$as){4}$" "/proc/$pid/status" && grep -qP '^CapBnd:\t0+$' "/proc/$pid/status" &&
		grep -qE '^overlay / overlay ro,' "/proc/$pid/mounts" &&
		grep -qE '^[^ ]+ /var/www/html [^ ]+ ro,' "/proc/$pid/mounts"
}

# visit NAME FIRST COUNT GAP_MS WHAT: the relay starts, PHP saves, the relay stops. The client gets what saved-UID
# holds, then what is saved now, after which nothing of the past can come any more.
visit() {
	start_relay
	connect "$1"
	within 10 cmp "$work/saved-$as" "$work/$1" || true
	save "$2" "$3" "$4" >>"$work/saved-$as"
	within 10 cmp "$work/saved-$as" "$work/$1" || true
	stop_relay
	check "uid $as: the stop reaches the client as a close code" closed "$1"
	check "uid $as: $5" diff "$work/saved-$as" "$work/$1"
}

# scenario UID MODE [OPTION...]: a relay with volumes of its own, wp-content in that mode.
scenario() {
	as=$1 user=("${@:3}")
	step "uid $as"
	podman volume create "site-$as" >/dev/null
	podman volume create "state-$as" >/dev/null
	# As with WordPress, the first container that mounts the volume fills it and gives it to uid 33.
	run --rm -v "site-$as:/var/www/html" localhost/php -r "chmod('/var/www/html/wp-content', 0$2);"

	: >"$work/saved-$as"
	visit "live-$as" 1 20 50 "20 events arrive, each once and in order"
	save 21 1 0 >"$work/saved-$as"
	visit "missed-$as" 22 1 0 "an event written while down arrives once"
	: >"$work/saved-$as"
	visit "known-$as" 23 1 0 "what was sent before a stop is not sent again"
	save 24 1 0 companion >/dev/null
	start_relay
	connect "outbox-$as"
	flood "$as"
	check "uid $as: of the outbox on the read-only volume, every event of 4 processes arrives once and in order" within 10 same "$as"
	stop_relay
	# Whatever the relay is sent now was written while it was down.
	flood "$as"
	start_relay
	connect "outbox-$as"
	check "uid $as: what went into the outbox while down arrives once and in order" within 10 same "$as"
	stop_relay
}

flood() { # flood UID: four processes write events through the companion at once.
	local pids=() first
	kept=$(outbox "$1" | wc -l)
	for first in 1000 2000 3000 4000; do
		save "$first" 50 0 companion >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
}

outbox() { # outbox UID: the events in the outbox, by their posts.
	grep -ho '"post_id": [0-9]*' "$work/store/volumes/site-$1/_data/wp-content/realtime-events/"events-*.ndjson
}

same() { # same UID: the client has got what flood wrote.
	diff <(outbox "$1" | tail -n "+$((kept + 1))" | tr -d ' ') <(grep -o '"post_id":[0-9]*' "$work/outbox-$1" | tail -n 200) &&
		(($(outbox "$1" | wc -l) == kept + 200))
}

# --- compose.yaml ------------------------------------------------------------------------------------------------

# compose ARGUMENT...: compose.yaml, with ports of this machine that are free.
compose() {
	podman-compose -f "$work/compose.yaml" -p wpre --podman-run-args "--cgroup-parent /$cgroup" "$@" >>"$work/compose.log" 2>&1
}

in_wordpress() { # in_wordpress UID ARGUMENT...: PHP, in WordPress's container.
	podman exec --user "$1:$1" wpre_wordpress_1 "$php" -n "${@:2}"
}

# compose_scenario starts compose.yaml with images that stand in for WordPress and its database, and for what builds the relay's.
compose_scenario() {
	as=65532
	step "compose.yaml"
	sed "s/127.0.0.1:8080:/127.0.0.1:$port:/; s/127.0.0.1:8888:/127.0.0.1::/" compose.yaml >"$work/compose.yaml"
	for image in $(grep -o 'image: .*' compose.yaml | cut -d ' ' -f 2); do
		printf 'FROM localhost/php\nENTRYPOINT []\nCMD ["%s", "-n", "-r", "while (true) sleep(3600);"]\n' "$php" |
			buildah build -q --isolation chroot -t "docker.io/library/$image" -f - "$work/php" >/dev/null
	done
	buildah tag localhost/wpre-relay localhost/wpre_relay
	compose up -d --no-build || cat "$work/compose.log"
	check "compose.yaml: the health check passes" within 10 podman healthcheck run wpre_relay_1
	check "compose.yaml: uid $as, no capability, a read-only root and a read-only site" confined wpre_relay_1
	connect compose
	# As WordPress's image does at its first start, which may come after the relay's.
	in_wordpress 0 -r '$dir = "/var/www/html/wp-content"; is_dir($dir) || mkdir($dir); chown($dir, 33);'
	in_wordpress 33 /plugin.php /var/www/html 1 10 50 >"$work/saved"
	in_wordpress 33 /plugin.php /var/www/html 11 100 0 companion >>"$work/saved"
	within 10 cmp "$work/saved" "$work/compose" || true
	check "compose.yaml: 10 events of the plugin and 100 of the companion arrive, each once and in order" diff "$work/saved" "$work/compose"
	compose stop -t 20 relay
	check "compose.yaml: the stop reaches the client as a close code" closed compose
	in_wordpress 33 /plugin.php /var/www/html 111 100 0 companion >"$work/saved"
	compose start relay
	check "compose.yaml: the health check passes again" within 10 podman healthcheck run wpre_relay_1
	connect compose
	within 10 cmp "$work/saved" "$work/compose" || true
	check "compose.yaml: 100 events from while it was down arrive, each once and in order" diff "$work/saved" "$work/compose"
	compose down -v -t 1 || true
}

version() { run --rm localhost/wpre-relay --version | grep -q '^wpre-relay 0\.0\.0-test '; }

check "the build sets the version" version
check "the health check fails where no relay runs" exits 1 run --rm "${address[@]}" localhost/wpre-relay healthcheck
scenario 65532 755
scenario 33 750 --user 33 # Only PHP's own uid gets in.
scenario 82 755 --user 82
compose_scenario

step "$failures failed"
((failures == 0))
