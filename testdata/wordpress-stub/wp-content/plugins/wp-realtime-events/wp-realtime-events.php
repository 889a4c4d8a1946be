<?php
/**
 * A stand-in for the plugin "WP Realtime Events": it has its class and writes its file.
 *
 * @package wpre-relay
 */

/** Writes events. */
class WPRE_Event_Manager {

	/**
	 * Writes an event.
	 *
	 * @param array $event_data The event.
	 */
	public function trigger_event( array $event_data ) {
		if ( file_exists( '/run/fail-event' ) ) {
			throw new Exception( 'the disk is full' );
		}
		$dir = WP_CONTENT_DIR . '/realtime-events';
		is_dir( $dir ) || mkdir( $dir );
		file_put_contents( "$dir/latest_event.json", json_encode( $event_data, JSON_PRETTY_PRINT ) );
	}
}
