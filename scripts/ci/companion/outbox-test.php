<?php
/**
 * Tests what of the companion needs no WordPress, but what end-to-end tests do not do to it: outbox-test.php FOLDER.
 *
 * @package wpre-relay
 */

define( 'ABSPATH', '/none/' );
define( 'WEEK_IN_SECONDS', 604800 );
define( 'DAY_IN_SECONDS', 86400 );
define( 'WPRE_RELAY_FIELDS', true );

// phpcs:disable Squiz.Commenting,Generic.CodeAnalysis -- what stands for WordPress.
function add_action() {
}
function add_filter() {
}
function set_site_transient() {
}
function get_site_transient() {
	return true;
}
function wp_salt() {
	return 'salt';
}
function get_current_blog_id() {
	return 1;
}
function wp_json_encode( $value, $flags = 0 ) {
	return json_encode( $value, $flags );
}
function apply_filters( $name, $fields ) {
	return array_values( $fields ); // As by one who takes them for a list.
}
// phpcs:enable
require __DIR__ . '/../../../relay/companion/wpre-relay-companion.php';

/**
 * Ends the test if what it is about is not so.
 *
 * @param string $what What is to be so.
 * @param bool   $is   Whether it is.
 */
function check( $what, $is ) {
	if ( ! $is ) {
		fwrite( STDERR, "outbox-test.php: not so: $what\n" );
		exit( 1 );
	}
}

$dir      = $argv[1];
$contents = '{"timestamp": 1}';

/**
 * Writes an event.
 *
 * @return bool Whether it went into the outbox.
 */
function write() {
	global $dir, $contents;
	$outbox = new WPRE_Relay_Outbox( $dir, 0644 );
	$added  = $outbox->add( $contents ) && $outbox->replace( "$dir/latest_event.json", $contents );
	$outbox->close();
	return $added;
}

@chown( $dir, 33 ); // Debian's www-data, if root runs this.
@chgrp( $dir, 33 );
check( 'an event is written', write() );
foreach ( glob( "$dir/*" ) as $file ) {
	check( "$file has the folder's owner", fileowner( $file ) === fileowner( $dir ) && filegroup( $file ) === filegroup( $dir ) );
}

list( $file ) = glob( "$dir/events-*.ndjson" );
$held         = fopen( $file, 'r' );
flock( $held, LOCK_EX );
check( 'who holds the lock is not waited for without end', ! write() );
fclose( $held );
$start = microtime( true );
check( 'it is not tried again at once', ! write() && microtime( true ) - $start < 1 );
$until = new ReflectionProperty( 'WPRE_Relay_Outbox', 'given_up_until' );
$until->setAccessible( true );
check( 'but within minutes', $until->getValue() < time() + 300 );
$until->setValue( null, time() );
check( 'then it goes on', write() );

check( 'a list among the fields leaves an event', is_object( json_decode( wpre_relay_add_fields( $contents ) ) ) );
