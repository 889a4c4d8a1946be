# Functions for e2e.sh: a WordPress site in $work, built from Debian's packages, with its own processes and
# configuration. They do not touch the services of the machine.

# as_site COMMAND... runs the command as the user of the web server.
as_site() { setpriv --reuid=www-data --regid=www-data --clear-groups --reset-env "$@"; }

# start NAME COMMAND... runs the command in the background until the script ends. Its output goes to logs/NAME.
start() {
	"${@:2}" >"$work/logs/$1" 2>&1 &
	pids+=($!)
}

# start_database starts MariaDB on a socket in $work, with an empty database "wordpress".
start_database() {
	mkdir "$work/database"
	chown www-data: "$work/database"
	mariadb-install-db --no-defaults --user=www-data --datadir="$work/database" \
		--auth-root-authentication-method=normal --skip-test-db --cross-bootstrap >"$work/logs/mariadb-install-db" 2>&1
	# The data need not survive the test, so it is not synced to the disk. On a busy machine PHP connects slowly.
	start mariadbd mariadbd --no-defaults --user=www-data --datadir="$work/database" --socket="$work/database/socket" \
		--skip-networking --pid-file="$work/database/pid" --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 \
		--innodb-use-native-aio=0 --skip-log-bin --character-set-server=utf8mb4 --connect-timeout=600
	within mariadb --no-defaults --socket="$work/database/socket" -e 'CREATE DATABASE wordpress'
}

# free_relay_ports COUNT prints free TCP ports that the system gives to no outgoing connection.
free_relay_ports() {
	node --input-type=module -e "
		import { freePort } from '$PWD/scripts/e2e/harness.mjs';
		const ports = new Set();
		while (ports.size < $1) ports.add(await freePort());
		console.log([...ports].join(' '));"
}

# make_certificate creates $work/tls.pem and $work/tls.key for the loopback interface, from the local authority
# $work/ca.pem.
make_certificate() {
	local new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
	"${new[@]}" -subj "/CN=Test CA" -keyout "$work/ca.key" -out "$work/ca.pem" 2>"$work/logs/openssl"
	"${new[@]}" -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=CA:FALSE \
		-CA "$work/ca.pem" -CAkey "$work/ca.key" -keyout "$work/tls.key" -out "$work/tls.pem" 2>>"$work/logs/openssl"
}

# start_web_server PORT TLS_PORT RELAY_PORT starts nginx and php-fpm. Like many servers, nginx lists directories. It
# passes /ws to the relay, and unlike the lines in the documents it logs these requests: tests look for tokens there.
start_web_server() {
	cat >"$work/php-fpm.conf" <<-END
		[global]
		error_log = $work/logs/php-fpm
		[www]
		user = www-data
		group = www-data
		listen = $work/php.socket
		listen.owner = www-data
		pm = static
		pm.max_children = 8
		; The tests install and remove plugins while PHP runs.
		php_admin_value[opcache.revalidate_freq] = 0
	END
	cat >"$work/nginx.conf" <<-END
		user www-data;
		pid $work/nginx.pid;
		worker_processes 1;
		events {}
		http {
			include /etc/nginx/mime.types;
			access_log $work/logs/access;
			client_body_temp_path $work/nginx/body;
			fastcgi_temp_path $work/nginx/fastcgi;
			proxy_temp_path $work/nginx/proxy;
			scgi_temp_path $work/nginx/scgi;
			uwsgi_temp_path $work/nginx/uwsgi;
			large_client_header_buffers 4 64k; # a bulk edit of 500 posts has all their ids in its URL
			server {
				listen 127.0.0.1:$1;
				listen 127.0.0.1:$2 ssl;
				ssl_certificate $work/tls.pem;
				ssl_certificate_key $work/tls.key;
				root $work/site;
				index index.php;
				autoindex on;
				# For a network of sites, as WordPress's documentation describes it.
				rewrite ^/two(/wp-(admin|content|includes)/.*)\$ \$1 last;
				rewrite ^/two(/wp-[a-z-]+\.php)\$ \$1 last;
				location /ws {
					proxy_pass http://127.0.0.1:$3;
					proxy_http_version 1.1;
					proxy_set_header Upgrade \$http_upgrade;
					proxy_set_header Connection "upgrade";
					proxy_set_header Host \$http_host;
					proxy_set_header X-Forwarded-Proto \$scheme;
				}
				location / { try_files \$uri \$uri/ /index.php\$is_args\$args; }
				location ~ \.php\$ {
					include /etc/nginx/fastcgi.conf;
					fastcgi_param SCRIPT_FILENAME \$realpath_root\$fastcgi_script_name; # a deployment switches the root
					fastcgi_read_timeout 600s; # a bulk edit takes minutes on a busy machine
					fastcgi_pass unix:$work/php.socket;
				}
			}
		}
	END
	mkdir "$work/nginx"
	start php-fpm.out "$(compgen -c php-fpm | sort | tail -n 1)" --nodaemonize --fpm-config "$work/php-fpm.conf"
	start nginx nginx -e "$work/logs/nginx" -p "$work/nginx" -c "$work/nginx.conf" -g 'daemon off;'
	within test -S "$work/php.socket"
}

# make_site URL PLUGIN installs WordPress in $work/site with this plugin. The site is a symbolic link to a release, as
# deployment tools create it. The web server does not serve $work/notes, where PHP writes its notes for the tests.
make_site() {
	mkdir "$work/releases"
	cp -rL /usr/share/wordpress "$work/releases/1"
	ln -s releases/1 "$work/site"
	rm "$work/site/wp-config.php"
	cp -r "$2" "$work/site/wp-content/plugins/wp-realtime-events"
	mkdir "$work/site/wp-content/mu-plugins"
	cp scripts/e2e/wordpress/save-recorder.php "$work/site/wp-content/mu-plugins"
	mkdir "$work/notes"
	echo '{}' >"$work/constants.json"
	cat >"$work/site/wp-config.php" <<-END
		<?php
		define( 'DB_NAME', 'wordpress' );
		define( 'DB_USER', 'root' );
		define( 'DB_PASSWORD', '' );
		define( 'DB_HOST', 'localhost:$work/database/socket' );
		define( 'DB_CHARSET', 'utf8mb4' );
		define( 'DB_COLLATE', '' );
		define( 'AUTH_KEY', '$(php -r "echo bin2hex(random_bytes(32));")' );
		define( 'AUTH_SALT', '$(php -r "echo bin2hex(random_bytes(32));")' );
		define( 'WP_DEBUG', true );
		define( 'WP_DEBUG_DISPLAY', false );
		define( 'WP_DEBUG_LOG', '$work/notes/php.log' );
		define( 'DISABLE_WP_CRON', true );
		define( 'WP_CRON_LOCK_TIMEOUT', 0 ); // A run that was killed does not block the next one.
		define( 'WPRE_E2E_NOTES', '$work/notes/saves' );
		foreach ( json_decode( file_get_contents( '$work/constants.json' ), true ) as \$name => \$value ) {
			define( \$name, \$value );
		}
		\$table_prefix = 'wp_';
		defined( 'ABSPATH' ) || define( 'ABSPATH', __DIR__ . '/' );
		require_once ABSPATH . 'wp-settings.php';
	END
	chown -R www-data: "$work/releases" "$work/notes"
	as_site php scripts/e2e/wordpress/setup.php "$work/site" install "$1"
}
