# Functions for container.sh: the relay's container beside PHP containers, started by podman and by compose.yaml. They
# use $work, $here, $php, $port, $admin, $cgroup, $address, check and step. $as is the user that the relay runs as.

hardened=(--read-only --read-only-tmpfs=false --cap-drop=all --security-opt=no-new-privileges)

run() { podman run --cgroup-parent "/$cgroup" "$@"; }

# save FIRST COUNT GAP_MS [COMPANION] writes events with PHP and prints each event as a client must receive it.
save() { run --rm -v "site-$as:/var/www/html" localhost/php /plugin.php /var/www/html "$@"; }

start_relay() {
	run -d --name relay "${user[@]}" "${hardened[@]}" "${address[@]}" -v "site-$as:/var/www/html:ro" \
		-v "state-$as:/var/lib/wpre-relay" localhost/wpre-relay >/dev/null
	check "uid $as: the health check passes" within podman healthcheck run relay
	check "uid $as: no capability, a read-only root and a read-only site" confined relay
}

stop_relay() {
	podman stop --time 20 relay >/dev/null
	check "uid $as: the relay exits with status 0" test "$(podman inspect -f '{{.State.ExitCode}}' relay)" = 0
	((failures == 0)) || podman logs relay
	podman rm relay >/dev/null
}

# connect NAME [QUERY] starts a client in the background. It writes its messages to NAME and its state to NAME.log.
connect() {
	node "$here/client.mjs" "ws://127.0.0.1:$port/${2:-}" >"$work/$1" 2>"$work/$1.log" &
	clients+=($!)
	check "uid $as: a client connects" within grep -q '^open' "$work/$1.log"
}

# closed NAME succeeds if the client has received a close frame for a stop (1001) or a restart (1012).
closed() {
	within grep -q '^closed' "$work/$1.log" && grep -qE '^closed (1001|1012)$' "$work/$1.log" ||
		! cat "$work/$1.log"
}

# confined CONTAINER succeeds if the container runs as $as without capabilities, on a read-only root and site.
confined() {
	local pid
	pid=$(podman inspect -f '{{.State.Pid}}' "$1")
	grep -qP "^Uid:(\t$as){4}$" "/proc/$pid/status" && grep -qP '^CapBnd:\t0+$' "/proc/$pid/status" &&
		grep -qE '^overlay / overlay ro,' "/proc/$pid/mounts" &&
		grep -qE '^[^ ]+ /var/www/html [^ ]+ ro,' "/proc/$pid/mounts"
}

# relay_run NAME FIRST COUNT GAP_MS WHAT starts the relay, writes events and stops the relay. The client must receive
# the events in saved-UID and then the events written now; after those, nothing older can arrive.
relay_run() {
	start_relay
	connect "$1"
	within cmp "$work/saved-$as" "$work/$1" || true
	save "$2" "$3" "$4" >>"$work/saved-$as"
	within cmp "$work/saved-$as" "$work/$1" || true
	stop_relay
	check "uid $as: the stop reaches the client as a close code" closed "$1"
	check "uid $as: $5" diff "$work/saved-$as" "$work/$1"
}

# scenario UID MODE [OPTION...] runs a relay with its own volumes and these podman options; wp-content has this mode.
scenario() {
	as=$1 user=("${@:3}")
	step "uid $as"
	podman volume create "site-$as" >/dev/null
	podman volume create "state-$as" >/dev/null
	# As with WordPress, the first container that mounts the volume fills it and gives it to uid 33.
	run --rm -v "site-$as:/var/www/html" localhost/php -r "chmod('/var/www/html/wp-content', 0$2);"

	: >"$work/saved-$as"
	relay_run "live-$as" 1 20 50 "20 events arrive, each once and in order"
	save 21 1 0 >"$work/saved-$as"
	relay_run "missed-$as" 22 1 0 "an event written while the relay is down arrives once"
	: >"$work/saved-$as"
	relay_run "known-$as" 23 1 0 "an event sent before a stop is not sent again"
	outbox_scenario
}

# outbox_scenario tests the outbox on the read-only volume, with events written while the relay is up and while it is
# down.
outbox_scenario() {
	save 24 1 0 /wpre-relay-companion.php >/dev/null
	start_relay
	connect "outbox-$as"
	write_outbox "$as"
	check "uid $as: every event that 4 processes put into the outbox arrives once and in order" \
		within outbox_received "$as"
	stop_relay
	# The relay can receive these events only from the outbox: they are written while it is down.
	write_outbox "$as"
	start_relay
	connect "outbox-$as"
	check "uid $as: events put into the outbox while the relay is down arrive once and in order" \
		within outbox_received "$as"
	stop_relay
}

# write_outbox UID writes 200 events with four concurrent PHP processes that use the companion. It sets kept to the
# number of events in the outbox before.
write_outbox() {
	local pids=() first
	kept=$(outbox "$1" | wc -l)
	for first in 1000 2000 3000 4000; do
		save "$first" 50 0 /wpre-relay-companion.php >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
}

# outbox UID prints the post ids of the events in the outbox.
outbox() {
	grep -ho '"post_id": [0-9]*' "$work/store/volumes/site-$1/_data/wp-content/realtime-events/"events-*.ndjson
}

# outbox_received UID succeeds if the client has received the events of write_outbox, in the order of the outbox.
outbox_received() {
	diff <(outbox "$1" | tail -n "+$((kept + 1))" | tr -d ' ') \
		<(grep -o '"post_id":[0-9]*' "$work/outbox-$1" | tail -n 200) &&
		(($(outbox "$1" | wc -l) == kept + 200))
}

# compose ARGUMENT... runs podman-compose with a compose.yaml whose ports are free on this machine.
compose() {
	WPRE_RELAY_IMAGE=localhost/wpre-relay podman-compose -f "$work/compose.yaml" -p wpre \
		--podman-run-args "--cgroup-parent /$cgroup" "$@" >>"$work/podman-compose.log" 2>&1
}

# stack_up starts all services of compose.yaml.
stack_up() {
	compose up -d --no-build || cat "$work/podman-compose.log"
	check "compose.yaml: the health check passes" within podman healthcheck run wpre_relay_1
}

# in_wordpress UID ARGUMENT... runs PHP in WordPress's container.
in_wordpress() { podman exec --user "$1:$1" wpre_wordpress_1 "$php" -n "${@:2}"; }

# stand_in_images tags an idle PHP image with each name in compose.yaml except the relay's, which is the image under
# test.
stand_in_images() {
	local image
	for image in $(grep -o 'image: [a-z].*' compose.yaml | cut -d ' ' -f 2); do
		printf 'FROM localhost/php\nENTRYPOINT []\nCMD ["%s", "-n", "-r", "while (true) sleep(3600);"]\n' "$php" |
			buildah build -q --isolation chroot -t "docker.io/library/$image" -f - "$work/php" >/dev/null
	done
}

# companion_installed succeeds if the companion is in WordPress's volume, with the owner and mode that WordPress needs.
companion_installed() {
	[[ $(stat -c '%u %a' "$work/store/volumes/wpre_wordpress/_data${companion#/var/www/html}") = "33 644" ]]
}

# networks SERVICE prints the networks of the service's container.
networks() { podman inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' "wpre_$1_1"; }

# only_here PORT succeeds if a server answers on this machine's loopback address and on no other of its addresses.
only_here() {
	local address
	curl -sf -o /dev/null "http://127.0.0.1:$1/" || return 1
	for address in $(ip -4 -o address show scope global | awk '{ sub("/.*", "", $4); print $4 }'); do
		! curl -s --max-time 5 -o /dev/null "http://$address:$1/" || return 1
	done
}

# compose_scenario starts compose.yaml with stand-ins for WordPress and its database, and writes events in WordPress's
# container, in the end with the companion that compose.yaml has installed. The relay's image has the health check of
# compose.yaml already; podman-compose 1.0 would run it in a shell, which the image lacks.
compose_scenario() {
	local companion=/var/www/html/wp-content/mu-plugins/wpre-relay-companion.php
	as=65532
	step "compose.yaml"
	sed "s/127.0.0.1:8080:/127.0.0.1:$port:/; s/127.0.0.1:8081:/127.0.0.1:$admin:/; s/127.0.0.1:8888:/127.0.0.1::/
		/healthcheck: # the images/,+4d" compose.yaml >"$work/compose.yaml"
	stand_in_images
	stack_up
	check "compose.yaml: uid $as, no capability, a read-only root and a read-only site" confined wpre_relay_1
	check "compose.yaml: only this machine reaches the status page" only_here "$admin"
	check "compose.yaml: WordPress is not in the relay's network" \
		test "$(networks relay), $(networks wordpress)" = "wpre_relay , wpre_default "
	connect compose
	# WordPress's image creates wp-content at its first start, which may be after the start of the relay.
	in_wordpress 0 -r '$dir = "/var/www/html/wp-content"; is_dir($dir) || mkdir($dir); chown($dir, 33);'
	check "compose.yaml: the companion is installed as WordPress's user" within companion_installed
	in_wordpress 33 /plugin.php /var/www/html 1 10 50 >"$work/saved"
	in_wordpress 33 /plugin.php /var/www/html 11 100 0 "$companion" >>"$work/saved"
	within cmp "$work/saved" "$work/compose" || true
	check "compose.yaml: 10 events of the plugin and 100 of the companion arrive, each once and in order" \
		diff "$work/saved" "$work/compose"
	compose stop -t 20 relay
	check "compose.yaml: the stop reaches the client as a close code" closed compose
	in_wordpress 33 /plugin.php /var/www/html 111 100 0 "$companion" >"$work/missed"
	compose start relay
	check "compose.yaml: the health check passes again" within podman healthcheck run wpre_relay_1
	connect compose
	within cmp "$work/missed" "$work/compose" || true
	check "compose.yaml: 100 events written while the relay is down arrive, each once and in order" \
		diff "$work/missed" "$work/compose"
	stack_restart
	compose down -v -t 1 || true
}

# stack_restart replaces all containers. A client that asks for the history gets all events in $work/saved and
# $work/missed, and then a new one.
stack_restart() {
	compose down -t 20
	stack_up
	connect restarted "?last=1000"
	cat "$work/missed" >>"$work/saved"
	in_wordpress 33 /plugin.php /var/www/html 211 1 0 "$companion" >>"$work/saved"
	within cmp "$work/saved" "$work/restarted" || true
	check "compose.yaml: a new start of all services keeps the history" diff "$work/saved" "$work/restarted"
}
