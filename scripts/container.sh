#!/usr/bin/env bash
# Tests the image: builds it from the Dockerfile and runs it beside PHP containers that write events on a shared
# volume, as the plugin does and as the companion does. A WebSocket client records what arrives. Then it tests
# compose.yaml.
#   scripts/container.sh
# It needs root on Debian, where no Docker engine has to run: it installs buildah and podman from Debian's packages,
# builds stand-ins for the base images from this machine's Go and PHP, and keeps the images in a temporary store that
# it removes. It also needs go, node and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/scripts/e2e/container
. scripts/ci/lib.sh
. scripts/e2e/container/images.sh
. scripts/e2e/container/scenarios.sh
failures=0

step() { echo "== $* (at ${SECONDS}s)"; }

check() { # check WHAT COMMAND...: prints one PASS or FAIL line.
	local what=$1
	shift
	if "$@"; then
		echo "PASS $what"
	else
		echo "FAIL $what"
		failures=$((failures + 1))
	fi
}

exits() { # exits STATUS COMMAND...: succeeds if the command exits with this status.
	local want=$1 got=0
	shift
	"$@" >/dev/null 2>&1 || got=$?
	((got == want))
}

if ((EUID != 0)); then
	echo "container.sh: run it as root" >&2
	exit 2
fi
require "container image" buildah podman runc conmon podman-compose iptables ip curl php go node npm

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
	podman network rm --force wpre_default wpre_relay >/dev/null 2>&1
	buildah rm --all >/dev/null 2>&1
	# Mounts and cgroups: the deepest first.
	awk -v dir="$work/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
	find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null
	rm -rf "$work" || status=1
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Locks are files, so that the containers of another store on this machine keep theirs. The limits are no higher than
# those of any host, because raising one takes CAP_SYS_RESOURCE, which root may lack. Neither cgroups nor timers need
# systemd.
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

build_base_images
build_image
npm_install scripts/e2e
read -r port admin < <(free_ports 2)
address=(-e "WPRE_RELAY_LISTEN=127.0.0.1:$port" -e "WPRE_RELAY_ADMIN_LISTEN=127.0.0.1:$admin")

version() { run --rm localhost/wpre-relay --version | grep -q '^wpre-relay 0\.0\.0-test '; }

check "the build sets the version" version
check "the health check fails if no relay runs" exits 1 run --rm "${address[@]}" localhost/wpre-relay healthcheck
scenario 65532 755
scenario 33 750 --user 33 # only the user of PHP can enter the directory
scenario 82 755 --user 82
compose_scenario

step "$failures failed"
((failures == 0))
