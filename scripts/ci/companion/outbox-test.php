<?php
/**
 * Tests the companion's outbox without WordPress: outbox-test.php DIRECTORY.
 *
 * @package wpre-relay
 */

define( 'ABSPATH', '/none/' );
define( 'WEEK_IN_SECONDS', 604800 );
define( 'DAY_IN_SECONDS', 86400 );
define( 'WPRE_RELAY_FIELDS', true );

// phpcs:disable Squiz.Commenting,Generic.CodeAnalysis -- stand-ins for functions of WordPress.
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
	return array_values( $fields ); // Like a faulty filter that returns a list.
}
// phpcs:enable
require __DIR__ . '/../../../relay/companion/wpre-relay-companion.php';

/**
 * Ends the test if a check fails.
 *
 * @param string $what The expected behavior.
 * @param bool   $ok   Whether the check has passed.
 */
function check( $what, $ok ) {
	if ( ! $ok ) {
		fwrite( STDERR, "FAIL outbox-test.php: $what\n" );
		exit( 1 );
	}
}

$dir      = $argv[1];
$contents = '{"timestamp": 1}';

/**
 * Writes an event as the companion does.
 *
 * @return bool Whether the event is in the outbox.
 */
function write() {
	global $dir, $contents;
	$outbox = new WPRE_Relay_Outbox( $dir, 0644 );
	$added  = $outbox->add( $contents ) && $outbox->replace( "$dir/latest_event.json", $contents );
	$outbox->close();
	return $added;
}

@chown( $dir, 33 ); // Debian's www-data; works only for root.
@chgrp( $dir, 33 );
check( 'an event is written', write() );
foreach ( glob( "$dir/*" ) as $file ) {
	$same = fileowner( $file ) === fileowner( $dir ) && filegroup( $file ) === filegroup( $dir );
	check( "$file has the owner and group of the directory", $same );
}

list( $file ) = glob( "$dir/events-*.ndjson" );
$held         = fopen( $file, 'r' );
flock( $held, LOCK_EX );
check( 'the wait for a lock is bounded', ! write() );
fclose( $held );
$start = microtime( true );
check( 'the next event does not wait again', ! write() && microtime( true ) - $start < 1 );
$until = new ReflectionProperty( 'WPRE_Relay_Outbox', 'disabled_until' );
$until->setAccessible( true );
check( 'the outbox is retried within minutes', $until->getValue() < time() + 300 );
$until->setValue( null, time() );
check( 'the outbox works again', write() );

$event = json_decode( wpre_relay_add_fields( $contents ) );
check( 'a filter that returns a list does not break the event', is_object( $event ) );
