# Functions that the scripts share. A script sources this file; the file runs nothing by itself.

# package_of NAME prints the Debian package that provides NAME, or nothing if no package is installed for it.
package_of() {
	case $1 in
	apache2) echo apache2-bin ;;
	apachectl) echo apache2 ;;
	ip) echo iproute2 ;;
	mariadb) echo mariadb-client-core ;;
	mariadbd | mariadb-install-db) echo mariadb-server-core ;;
	nginx) echo nginx-light ;;
	pebble-challtestsrv) echo pebble ;;
	php) echo php-cli ;;
	phpcs) echo php-codesniffer ;;
	promtool) echo prometheus ;;
	qemu-aarch64-static) echo qemu-user-static ;;
	systemd-analyze) echo systemd ;;
	twentytwentythree) echo wordpress-theme-twentytwentythree ;;
	dpkg-deb | git | go | node | npm | root) ;;
	*) echo "$1" ;;
	esac
}

# available NAME succeeds if the program, PHP extension or theme is installed; for root, if the user is root.
available() {
	case $1 in
	php-fpm) [[ -n $(compgen -c php-fpm) ]] ;;
	php-mysql) command -v php >/dev/null && php -r 'exit(extension_loaded("mysqli") ? 0 : 1);' ;;
	root) ((EUID == 0)) ;;
	twentytwentythree) [[ -e /usr/share/wordpress/wp-content/themes/twentytwentythree ]] ;;
	wordpress) [[ -e /usr/share/wordpress/wp-load.php ]] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# install_missing NAME... installs the Debian packages of all names that are missing, in one transaction. It does
# nothing unless it runs as root on Debian.
install_missing() {
	local name package packages=()
	for name; do
		package=$(package_of "$name")
		[[ -z $package ]] || available "$name" || packages+=("$package")
	done
	if ((${#packages[@]} == 0 || EUID != 0)) || ! command -v apt-get >/dev/null; then
		return 0
	fi
	mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
	echo "installing ${packages[*]}"
	(
		# A package must not start its service: the scripts run their own instances.
		policy=/usr/sbin/policy-rc.d
		if [[ ! -e $policy ]]; then
			trap 'rm -f "$policy"' EXIT
			printf '#!/bin/sh\nexit 101\n' >"$policy"
			chmod +x "$policy"
		fi
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
	)
}

# require WHAT NAME... installs missing programs for the check WHAT. If a program is still missing, it ends the script:
# with status 1 if CI=true, else with status 0 and the reason.
require() {
	local what=$1 name missing=()
	shift
	install_missing "$@"
	for name; do available "$name" || missing+=("$name"); done
	((${#missing[@]})) || return 0
	echo "SKIPPED: $what (missing: ${missing[*]})" >&2
	[[ ${CI:-} != true ]] || exit 1
	exit 0
}

# within COMMAND... repeats the command until it succeeds. It fails after 2 minutes: the scripts run beside each other,
# and a busy machine takes long.
within() {
	local end=$((SECONDS + 120))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || { echo "FAIL: not within the time limit: $*" >&2; return 1; }
		sleep 0.05
	done
}

# free_ports COUNT prints different TCP ports that are free on the loopback interface. It needs node. The system gives
# ports from 32768 on to outgoing connections (Linux); these are lower, so that they stay free.
free_ports() {
	node -e '
		const net = require("node:net");
		const servers = Array.from({ length: Number(process.argv[1]) }, () => net.createServer());
		const listen = (s) => new Promise((resolve) => {
			const attempt = () => s.listen(20000 + Math.floor(Math.random() * 12000), "127.0.0.1");
			s.on("error", attempt).on("listening", () => resolve(s.address().port));
			attempt();
		});
		Promise.all(servers.map(listen)).then((all) => {
			console.log(all.join(" "));
			servers.forEach((s) => s.close());
		});' "$1"
}

# npm_install DIR installs the locked npm packages of DIR, unless they are up to date.
npm_install() {
	[[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]] ||
		npm ci --silent --no-audit --no-fund --prefer-offline --prefix "$1"
}

# build_relay FILE writes the relay's program to FILE: a copy of $RELAY_BINARY if that is set, else a build with the
# flags of a release. Call it in the root of the repository.
build_relay() {
	if [[ -n ${RELAY_BINARY:-} ]]; then
		install -m 755 "$RELAY_BINARY" "$1"
	else
		CGO_ENABLED=0 go build -trimpath -o "$1" .
	fi
}
