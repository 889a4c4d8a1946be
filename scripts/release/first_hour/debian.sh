#!/usr/bin/env bash
# Creates a Debian with nginx, php-fpm, MariaDB and WordPress from packages, whose services are not started.
#   scripts/release/first_hour/debian.sh DIRECTORY
# MIRROR is the address of the packages (default: http://deb.debian.org/debian). It needs root and debootstrap.
set -euo pipefail
root=$1
rm -rf --one-file-system "$root"
debootstrap --variant=minbase bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
trap 'umount "$root/proc" "$root/dev"' EXIT
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends ca-certificates iproute2 \
	mariadb-server nginx php-cli php-fpm php-mysql wordpress wordpress-theme-twentytwentythree
touch "$root/.complete"
