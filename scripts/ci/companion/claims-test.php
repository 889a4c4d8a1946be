<?php
/**
 * Tests the claims and tokens of the companion without WordPress: claims-test.php DIRECTORY.
 *
 * @package wpre-relay
 */

define( 'ABSPATH', '/none/' );
define( 'DAY_IN_SECONDS', 86400 );
define( 'WPRE_RELAY_URL', 'wss://WWW.example.com/ws/?since=now' );
define( 'COOKIE_DOMAIN', '' );
define( 'WPRE_RELAY_JWT_KEY', "$argv[1]/secret" );

// phpcs:disable Squiz.Commenting,Generic.CodeAnalysis -- stand-ins for functions of WordPress.
$filter  = null; // the filter wpre_relay_claims
$allowed = array(); // the capabilities of the user
$network = false;
$logged  = array();
function add_action() {
}
function add_filter() {
}
function set_site_transient() {
}
function get_site_transient() {
	return false;
}
function user_can( $user, $capability ) {
	global $allowed;
	return 7 === $user && in_array( $capability, $allowed, true );
}
function is_multisite() {
	global $network;
	return $network;
}
function network_home_url() {
	return 'https://www.example.com/';
}
function home_url() {
	global $home;
	return $home;
}
function untrailingslashit( $text ) {
	return rtrim( $text, '/' );
}
function wp_parse_url( $url, $part = -1 ) {
	return parse_url( $url, $part );
}
function wp_unslash( $value ) {
	return $value;
}
function get_current_blog_id() {
	return 3;
}
function wp_json_encode( $value, $flags = 0 ) {
	return json_encode( $value, $flags );
}
function apply_filters( $name, $value, $more ) {
	global $filter;
	return 'wpre_relay_claims' === $name && $filter ? $filter( $value, $more ) : $value;
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
		fwrite( STDERR, "FAIL claims-test.php: $what\n" );
		exit( 1 );
	}
}

/**
 * Returns the claims in a new token, as the relay reads them.
 *
 * @param array $roles The user's roles.
 * @return object|null Null if there is no token.
 */
function claims( $roles ) {
	$user  = (object) array(
		'ID'    => 7,
		'roles' => $roles,
	);
	$parts = explode( '.', wpre_relay_token( $user ) );
	return 3 === count( $parts ) ? json_decode( base64_decode( strtr( $parts[1], '-_', '+/' ) ) ) : null;
}

ini_set( 'error_log', "$argv[1]/php.log" );
file_put_contents( WPRE_RELAY_JWT_KEY, str_repeat( '0123456789abcdef', 4 ) . "\n" );

$allowed = array( 'read', 'edit_posts' );
$author  = claims( array( 2 => 'author' ) );
check( 'the token has sub and roles', '7' === $author->sub && array( 'author' ) === $author->roles );
check( 'the token names the site', 3 === $author->site_id );
check( 'caps are those of the user', array( 'read', 'edit_posts' ) === $author->caps );
check( 'the token lives for 15 minutes', $author->exp > time() && $author->exp <= time() + 900 );
check( 'the token has aud and iss', 'wpre-relay' === $author->aud && 'https://www.example.com' === $author->iss );

$allowed = array( 'edit_others_posts', 'manage_options', 'other' );
check( 'a user without roles has caps', array( 'edit_others_posts', 'manage_options' ) === claims( array() )->caps );
$allowed = array();
check( 'a user without capabilities has an empty array', array() === claims( array() )->caps );

$filter = function ( $claims, $user ) {
	return array(
		'forward' => 7 === $user->ID,
		'caps'    => array( 4 => 'moderate' ),
		'exp'     => 1,
	) + $claims;
};
$more   = claims( array() );
check( 'a filter adds a claim', true === $more->forward && '7' === $more->sub );
check( 'a filter replaces a claim', array( 'moderate' ) === $more->caps );
check( 'a filter does not change the times', $more->exp > time() );

$broken = array(
	'null'         => null,
	'object'       => (object) array( 'forward' => true ),
	'text'         => 'x',
	'not JSON'     => array( 'name' => "\xff" ),
	'empty'        => array(),
);
foreach ( $broken as $name => $value ) {
	$filter = function () use ( $value ) {
		return $value;
	};
	check( "a filter that returns $name gives no token", null === claims( array() ) );
}
$filter = function () {
	throw new RuntimeException( 'failed' );
};
check( 'a filter that throws gives no token', null === claims( array() ) );

$filter = null;
$event  = "{\n    \"timestamp\": 1\n}";
check( 'a single site does not change events', wpre_relay_add_fields( $event ) === $event );

$path = function ( $site = 0 ) {
	$scope = wpre_relay_cookie_scope( $site );
	return $scope ? $scope['path'] . $scope['domain'] : '';
};
$home = 'https://www.example.com:8443/blog';
check( 'the cookie is for the path of the relay', '/ws' === $path() );
$home = 'https://example.com';
check( 'a relay with another host name gets no cookie', '' === $path() );

$network = true;
$event   = json_decode( wpre_relay_add_fields( $event ), true );
check( 'a network adds the site to events', array( 'timestamp', 'site_id' ) === array_keys( $event ) && 3 === $event['site_id'] );

$home = 'https://www.example.com';
check( 'each site of a network has its own URL', 'wss://WWW.example.com/ws/site-3?since=now' === wpre_relay_url() );
check( 'each site of a network has its own cookie', '/ws/site-3' === $path() && '/ws/site-17' === $path( 17 ) );

$_COOKIE['wpre_relay_sites'] = '1-2-x';
check( 'an invalid list of sites is ignored', array() === wpre_relay_sites() );
$_COOKIE['wpre_relay_sites'] = implode( '-', range( 1, 12 ) );
check( 'the list of sites is bounded', range( 3, 12 ) === wpre_relay_sites() );
