<?php
/**
 * The plugins of the stand-in.
 *
 * @package wpre-relay
 */

/** All plugins. */
function get_plugins() {
	$found = array();
	foreach ( glob( WP_CONTENT_DIR . '/plugins/*/*.php' ) as $file ) {
		$found[ basename( $file ) ] = array( 'Name' => 'WP Realtime Events' );
	}
	return $found;
}

/** Whether a plugin is active. A test creates the file. */
function is_plugin_active() {
	return ! file_exists( '/run/inactive' );
}
