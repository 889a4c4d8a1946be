<?php
/**
 * Plugin Name: WP Realtime Events
 * Description: A stand-in for the plugin of that name, for tests: it has the same class, writes the same event file in the same way, and has the same faults.
 * Version:     1.0.0
 *
 * @package wpre-relay
 */

defined( 'ABSPATH' ) || exit;

/**
 * Writes each saved post to one file.
 */
class WPRE_Event_Manager {

	/**
	 * Hooks into WordPress.
	 */
	public function __construct() {
		add_action( 'save_post', array( $this, 'trigger_post_save_event' ), 10, 3 );
	}

	/**
	 * Writes the event of a post.
	 *
	 * @param int     $post_id The post's number.
	 * @param WP_Post $post    The post.
	 * @param bool    $update  Whether the post existed before.
	 */
	public function trigger_post_save_event( $post_id, $post, $update ) {
		if ( ( defined( 'DOING_AUTOSAVE' ) && DOING_AUTOSAVE ) || wp_is_post_revision( $post_id ) ) {
			return;
		}
		$this->trigger_event(
			array(
				'timestamp'  => time(),
				'type'       => 'post_saved',
				'post_id'    => $post_id,
				'post_title' => $post->post_title,
				'status'     => $post->post_status,
				'is_update'  => $update,
			)
		);
	}

	/**
	 * Writes an event.
	 *
	 * @param array $event_data The event, with its timestamp and type.
	 */
	public function trigger_event( array $event_data ) {
		$this->save_event_data( $event_data );
	}

	/**
	 * Replaces the previous event.
	 *
	 * @param array $event_data The event.
	 */
	protected function save_event_data( array $event_data ) {
		global $wp_filesystem;
		WP_Filesystem(); // The known fault: nothing has loaded wp-admin/includes/file.php, which defines it.
		$dir = WP_CONTENT_DIR . '/realtime-events';
		if ( ! $wp_filesystem->is_dir( $dir ) ) {
			$wp_filesystem->mkdir( $dir, FS_CHMOD_DIR );
		}
		$document = json_encode( $event_data, JSON_PRETTY_PRINT );
		$wp_filesystem->put_contents( "$dir/latest_event.json", $document, FS_CHMOD_FILE );
	}
}

$wpre_event_manager = new WPRE_Event_Manager();

register_activation_hook(
	__FILE__,
	function () use ( $wpre_event_manager ) {
		$wpre_event_manager->trigger_event(
			array(
				'timestamp' => time(),
				'type'      => 'initialized',
			)
		);
	}
);

add_action(
	'wp_enqueue_scripts',
	function () {
		$url = defined( 'WPRE_WS_SERVER_URL' ) ? WPRE_WS_SERVER_URL : 'ws://localhost:8080';
		wp_enqueue_script( 'wp-realtime-events', plugins_url( 'websocket-client.js', __FILE__ ), array(), '1.0.0', true );
		wp_localize_script( 'wp-realtime-events', 'wpRealtimeEvents', array( 'wsUrl' => $url ) );
	}
);
