#!/usr/bin/env bash
# What an operator does who has the package and its README: prints each command, its output and its time.
#   operator.sh HOST PACKAGE PLUGIN
# server.sh calls it.
set -euo pipefail
host=$1 package=$2 plugin=$3
content=/var/lib/wordpress/wp-content
pass() { echo "PASS $*"; }
fail() { echo "FAIL $*" >&2 && exit 1; }

# step COMMENT prints what the operator does next.
step() { printf '\n-- %s (after %d s)\n' "$*" $((SECONDS - begin)); }

# operator COMMAND [ENDED] types a command. It sets status and output. With ENDED, it interrupts the command when its
# output has that text.
operator() {
	local start=$EPOCHREALTIME
	printf '# %s\n' "$1"
	status=0
	eval "${2:+interrupted '$2'} $1" >/run/output 2>&1 || status=$?
	output=$(tr -s '[:space:]' ' ' </run/output) # as one line
	[[ -z $output ]] || sed 's/^/  /' /run/output
	printf '  => exit status %d after %d ms\n' "$status" $(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
}

# interrupted TEXT COMMAND... runs the command and interrupts it when the output has the text.
interrupted() {
	"${@:2}" &
	until grep -q "$1" /run/output; do sleep 0.05; done
	kill -INT $!
	wait $!
}

# in_wordpress CODE runs PHP in WordPress as the user of the web server.
in_wordpress() {
	setpriv --reuid=www-data --regid=www-data --clear-groups php -r "
		\$_SERVER['HTTP_HOST'] = '$host';
		\$_SERVER['HTTPS'] = 'on';
		\$_SERVER['REQUEST_URI'] = '/';
		$1"
}

begin=$SECONDS
# Before the operator begins, WordPress is installed.
in_wordpress "define( 'WP_INSTALLING', true );
	define( 'WP_SITEURL', 'https://$host' );
	require '/usr/share/wordpress/wp-load.php';
	require ABSPATH . 'wp-admin/includes/upgrade.php';
	add_filter( 'pre_wp_mail', '__return_true' );
	wp_install( 'Test', 'admin', 'admin@example.com', true, '', 'admin' );" >/dev/null
# files prints the hashes of all files that must be the same at the end. The event file is the plugin's.
files() { find /etc /usr/share/wordpress "$content" -type f ! -name latest_event.json -exec sha256sum {} + | sort; }
before=$(files)

begin=$SECONDS
step "installs the package"
operator "apt-get install -qq -y ./$package"
((status == 0)) || fail "the package is not installed"

step "connects the site"
operator "wpre-relay up --yes"
[[ $status = 1 && $output = *"Copy its PHP files"* ]] || fail "no advice for a missing plugin"

step "gets the plugin, as the message says"
operator "cp -r $plugin $content/plugins/ && chown -R www-data: $content/plugins/$plugin"
operator "wpre-relay up --yes"
[[ $status = 1 && $output = *"not active: activate it at"* ]] || fail "no advice for an inactive plugin"

step "activates the plugin in the browser"
in_wordpress "require '/usr/share/wordpress/wp-load.php';
	require ABSPATH . 'wp-admin/includes/file.php';
	require ABSPATH . 'wp-admin/includes/plugin.php';
	exit( activate_plugin( '$plugin/$plugin.php' ) ? 1 : 0 );"

step "looks at the plan"
operator "wpre-relay up --dry-run"
((status == 0)) || fail "up has no plan"

step "connects the site"
operator "wpre-relay up --yes"
[[ $status = 0 && $output = *"OK proof"* ]] || fail "no event is proven"
seconds=$((SECONDS - begin))
((seconds < ${LIMIT:-1000000})) || fail "the event is proven after $seconds s; the limit is $LIMIT s"
pass "the event is proven $seconds s after the operator began"

step "checks everything"
operator "$(sed -n 's/^  \(wpre-relay check .*\)/\1/p' /run/output) --idle 0"
[[ $status = 0 && $output != *FAIL* && $output = *"latest_event.json is not public"* ]] || fail "check finds a problem"

step "publishes a post in the browser, and looks at the events"
in_wordpress "require '/usr/share/wordpress/wp-load.php';
	wp_insert_post( array( 'post_title' => 'My first post', 'post_status' => 'publish' ) );" >/dev/null
operator "wpre-relay tail --last 10 wss://$host/ws" 'My first post'

step "removes everything again"
operator "wpre-relay down --yes"
((status == 0)) || fail "down fails"
operator "wpre-relay down --yes"
[[ $output = "Nothing to undo. " ]] || fail "down is not complete"
operator "apt-get purge -qq -y wpre-relay"
rm -r "$content/plugins/$plugin"
diff <(echo "$before") <(files) || fail "files are left or changed"
pass "the server is as it was before"
