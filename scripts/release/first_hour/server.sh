#!/usr/bin/env bash
# Runs operator.sh on a server: a copy of a Debian system, in which it starts MariaDB, php-fpm and nginx, and sets up
# WordPress as Debian's package documents it (/usr/share/doc/wordpress), over HTTPS at www.example.test.
#   unshare --mount --pid --net --fork --kill-child scripts/release/first_hour/server.sh SYSTEM PACKAGE PLUGIN
# SYSTEM is the root of the system. It calls itself in the copy.
set -euo pipefail

if [[ $1 != inside ]]; then
	mount --make-rprivate /
	root=/mnt/root
	mount -t tmpfs tmpfs /mnt
	mkdir /mnt/{changes,overlay,root}
	mount -t overlay -o "lowerdir=$1,upperdir=/mnt/changes,workdir=/mnt/overlay" overlay "$root"
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mount -t tmpfs tmpfs "$root/tmp"
	mkdir -p "$root/opt/first_hour"
	cp -r "${0%/*}"/*.sh "$2" "$3" "$root/opt/first_hour/"
	rm -f "$root/usr/bin/systemctl"
	install -m 755 "${0%/*}/systemctl.sh" "$root/usr/bin/systemctl"
	ip link set lo up
	exec chroot "$root" env -i PATH="$PATH" HOME=/root LC_ALL=C.UTF-8 LIMIT="${LIMIT:-}" bash /opt/first_hour/server.sh inside
fi

cd /opt/first_hour
host=www.example.test
rm -f /var/lib/man-db/auto-update # saves seconds after the installation
mkdir -p /run/{systemd/system,php,mysqld,lock}
echo "127.0.0.1 localhost $host" >/etc/hosts
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$host" \
	-addext "subjectAltName=DNS:$host" -keyout /etc/ssl/private/site.key -out /etc/ssl/site.pem 2>/dev/null
cat /etc/ssl/site.pem >>/etc/ssl/certs/ca-certificates.crt

id mysql >/dev/null 2>&1 || useradd --system mysql
systemctl start mariadb
mariadb -e "CREATE DATABASE wordpress; CREATE USER wordpress@localhost IDENTIFIED BY 'secret';
	GRANT ALL ON wordpress.* TO wordpress@localhost"
cat >/etc/wordpress/config-$host.php <<-'END'
	<?php
	define('DB_NAME', 'wordpress');
	define('DB_USER', 'wordpress');
	define('DB_PASSWORD', 'secret');
	define('DB_HOST', 'localhost:/run/mysqld/mysqld.sock');
	define('SECRET_KEY', 'a-long-random-text');
	define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
	define('FS_METHOD', 'direct');
	?>
END
chgrp www-data /etc/wordpress/config-$host.php
chmod 640 /etc/wordpress/config-$host.php
rm -f /etc/nginx/sites-enabled/*
cat >/etc/nginx/sites-available/wordpress <<-END
	server {
	    listen 80;
	    listen [::]:80;
	    server_name $host;
	    return 301 https://\$host\$request_uri;
	}
	server {
	    listen 443 ssl;
	    listen [::]:443 ssl;
	    server_name $host;
	    ssl_certificate /etc/ssl/site.pem;
	    ssl_certificate_key /etc/ssl/private/site.key;
	    root /usr/share/wordpress;
	    index index.php;
	    location / { try_files \$uri \$uri/ /index.php?\$args; }
	    location ~ ^/wp-content/(.*)\$ { alias /var/lib/wordpress/wp-content/\$1; }
	    location ~ \.php\$ {
	        include /etc/nginx/fastcgi_params;
	        fastcgi_param SCRIPT_FILENAME \$request_filename;
	        fastcgi_pass unix:/run/php/php-fpm.sock;
	    }
	    location ~* \.(js|css|png|jpg|jpeg|gif|ico)\$ { expires max; }
	}
END
ln -s ../sites-available/wordpress /etc/nginx/sites-enabled/wordpress
systemctl start php-fpm
systemctl start nginx
./operator.sh "$host" *.deb wp-realtime-events
