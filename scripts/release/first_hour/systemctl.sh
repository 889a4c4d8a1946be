#!/usr/bin/env bash
# A stand-in for systemctl on a server without systemd as process 1. It knows the units mariadb, php-fpm, nginx and
# wpre-relay, and starts the relay with the settings of its unit, as a user without rights. Like systemd, it returns when
# the relay has reported that it is ready (sd_notify(3)).
set -euo pipefail
verb=$1 unit=${*: -1}
unit=${unit%.service}
pid_file=/run/$unit.pid
[[ $unit != nginx ]] || pid_file=$(nginx -T 2>/dev/null | sed -n 's/^ *pid \(.*\);$/\1/p' | head -n 1)

is_active() { [[ -s $pid_file ]] && kill -0 "$(<"$pid_file")" 2>/dev/null; }

# until_true COMMAND... repeats the command until it succeeds, for 30 seconds at most.
until_true() {
	local end=$((SECONDS + 30))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || { echo "systemctl: $unit: not within 30 s: $*" >&2 && return 1; }
		sleep 0.02
	done
}

# start_in_background COMMAND... runs the command with its output in a log.
start_in_background() {
	setsid "$@" </dev/null >"/run/$unit.log" 2>&1 &
	echo $! >"$pid_file"
}

start_relay() {
	local files=(/etc/systemd/system/$unit.service /lib/systemd/system/$unit.service) file environment=() name value
	[[ -e ${files[0]} ]] || files=("${files[1]}")
	shopt -s nullglob
	for file in "${files[0]}" /etc/systemd/system/$unit.service.d/*.conf; do
		while IFS='=' read -r name value; do
			value=${value#\"} value=${value%\"}
			case $name in
			Environment) environment+=("${value//%d//run/credentials}") ;;
			ExecStart) read -ra command <<<"$value" ;;
			LoadCredential) install -D -o nobody -m 400 "${value#*:}" "/run/credentials/${value%%:*}" ;;
			esac
		done <"$file"
	done
	install -d -o nobody /var/lib/wpre-relay
	rm -f /run/notify
	php -r '$server = stream_socket_server("udg:///run/notify", $code, $text, STREAM_SERVER_BIND);
		chmod("/run/notify", 0777);
		stream_set_timeout($server, 30);
		do { $message = fread($server, 1000); } while ($message && !str_contains($message, "READY=1"));
		exit($message ? 0 : 1);' &
	until_true test -S /run/notify
	start_in_background setpriv --reuid=nobody --regid=nogroup --clear-groups env "${environment[@]}" \
		NOTIFY_SOCKET=/run/notify STATE_DIRECTORY=/var/lib/wpre-relay "${command[@]}"
	wait -n %1 || { cat "/run/$unit.log" >&2 && return 1; }
}

start() {
	case $unit in
	mariadb)
		[[ -d /var/lib/mysql/mysql ]] || mariadb-install-db --user=mysql >/dev/null
		chown mysql: /run/mysqld
		start_in_background mariadbd --user=mysql --socket=/run/mysqld/mysqld.sock
		until_true mariadb -e 'SELECT 1'
		;;
	php-fpm)
		sed -i 's|^listen = .*|listen = /run/php/php-fpm.sock|' /etc/php/*/fpm/pool.d/www.conf
		start_in_background "$(compgen -c php-fpm | sort | tail -n 1)" --nodaemonize
		until_true test -S /run/php/php-fpm.sock
		;;
	nginx) nginx ;;
	wpre-relay) start_relay ;;
	esac
}

stop() {
	! is_active || { kill "$(<"$pid_file")" && until_true eval '! is_active'; }
}

case $verb in
is-active) is_active ;;
start) start ;;
stop | disable) stop ;;
restart) stop && start ;;
try-restart) ! is_active || { stop && start; } ;;
reload) nginx -s reload ;;
daemon-reload | enable) ;;
esac
