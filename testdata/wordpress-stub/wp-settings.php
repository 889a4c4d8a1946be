<?php
/**
 * Starts the stand-in.
 *
 * @package wpre-relay
 */

define( 'WP_CONTENT_DIR', ABSPATH . 'wp-content' );
define( 'WPMU_PLUGIN_DIR', WP_CONTENT_DIR . '/mu-plugins' );

/** Ignores the action. */
function add_action() {}

/** Ignores the filter. */
function add_filter() {}

/** The address of the site, which a test can change. */
function home_url() {
	return is_readable( '/run/home' ) ? trim( file_get_contents( '/run/home' ) ) : 'https://www.example.test';
}

/** The address of wp-content. */
function content_url() {
	return home_url() . '/wp-content';
}

foreach ( glob( WPMU_PLUGIN_DIR . '/*.php' ) as $wpre_file ) {
	require $wpre_file;
}
foreach ( glob( WP_CONTENT_DIR . '/plugins/*/*.php' ) as $wpre_file ) {
	require $wpre_file;
}
