# Sourced by e2e.sh: a WordPress site below $work, of Debian's packages, with processes and configurations of its own. Nothing of
# what the machine itself runs is touched.

as_site() { setpriv --reuid=www-data --regid=www-data --clear-groups --reset-env "$@"; }

within() { # within SECONDS COMMAND...: waits until the command succeeds.
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

start() { # start NAME COMMAND...: in the background, until the script ends; its output goes to logs/NAME.
	"${@:2}" >"$work/logs/$1" 2>&1 &
	pids+=($!)
}

start_database() {
	mkdir "$work/database"
	chown www-data: "$work/database"
	mariadb-install-db --no-defaults --user=www-data --datadir="$work/database" --auth-root-authentication-method=normal \
		--skip-test-db --cross-bootstrap >"$work/logs/mariadb-install-db" 2>&1
	# It lives as long as the test: nothing of it need survive a power cut.
	start mariadbd mariadbd --no-defaults --user=www-data --datadir="$work/database" --socket="$work/database/socket" --skip-networking \
		--pid-file="$work/database/pid" --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-use-native-aio=0 \
		--skip-log-bin --character-set-server=utf8mb4
	within 30 mariadb --no-defaults --socket="$work/database/socket" -e 'CREATE DATABASE wordpress'
}

# The web server lists folders, as many do.
start_web_server() { # start_web_server PORT
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
		; Plugins come and go here.
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
			large_client_header_buffers 4 64k; # for the numbers of 500 posts
			server {
				listen 127.0.0.1:$1;
				root $work/site;
				index index.php;
				autoindex on;
				location / { try_files \$uri \$uri/ /index.php\$is_args\$args; }
				location ~ \.php\$ {
					include /etc/nginx/fastcgi.conf;
					fastcgi_read_timeout 120s;
					fastcgi_pass unix:$work/php.socket;
				}
			}
		}
	END
	mkdir "$work/nginx"
	start php-fpm.out "$(compgen -c php-fpm | sort | tail -n 1)" --nodaemonize --fpm-config "$work/php-fpm.conf"
	start nginx nginx -e "$work/logs/nginx" -p "$work/nginx" -c "$work/nginx.conf" -g 'daemon off;'
	within 30 test -S "$work/php.socket"
}

make_site() { # make_site URL PLUGIN
	cp -rL /usr/share/wordpress "$work/site"
	rm "$work/site/wp-config.php"
	cp -r "$2" "$work/site/wp-content/plugins/wp-realtime-events"
	mkdir "$work/site/wp-content/mu-plugins"
	cp e2e/wordpress/witness.php "$work/site/wp-content/mu-plugins"
	mkdir "$work/notes" # what PHP writes, and the web server does not serve
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
		define( 'WP_CRON_LOCK_TIMEOUT', 0 ); // One that died does not keep the next waiting.
		define( 'WPRE_E2E_NOTES', '$work/notes/saves' );
		foreach ( json_decode( file_get_contents( '$work/constants.json' ), true ) as \$name => \$value ) {
			define( \$name, \$value );
		}
		\$table_prefix = 'wp_';
		defined( 'ABSPATH' ) || define( 'ABSPATH', __DIR__ . '/' );
		require_once ABSPATH . 'wp-settings.php';
	END
	chown -R www-data: "$work/site" "$work/notes"
	as_site php e2e/wordpress/site.php "$work/site" install "$1"
}
