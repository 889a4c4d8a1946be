<?php
/**
 * Plugin Name: WP Realtime Events
 * Description: A stand-in for the plugin of that name, for tests: it writes the same event file in the same way, and has the same faults.
 * Version:     1.0.0
 *
 * @package wpre-relay
 */

defined( 'ABSPATH' ) || exit;

/**
 * Writes each saved post to one file, and has pages listen to a WebSocket server.
 */
class WP_Realtime_Events {

	/**
	 * Hooks into WordPress.
	 */
	public static function start() {
		add_action( 'save_post', array( __CLASS__, 'post_saved' ), 10, 3 );
		add_action( 'wp_enqueue_scripts', array( __CLASS__, 'enqueue_script' ) );
		register_activation_hook( __FILE__, array( __CLASS__, 'activated' ) );
	}

	/**
	 * The first event.
	 */
	public static function activated() {
		self::trigger_event( 'initialized' );
	}

	/**
	 * The event of a post.
	 *
	 * @param int     $post_id The post's number.
	 * @param WP_Post $post    The post.
	 * @param bool    $update  Whether it was there before.
	 */
	public static function post_saved( $post_id, $post, $update ) {
		if ( ( defined( 'DOING_AUTOSAVE' ) && DOING_AUTOSAVE ) || wp_is_post_revision( $post_id ) ) {
			return;
		}
		self::trigger_event(
			'post_saved',
			array(
				'post_id'    => $post_id,
				'post_title' => $post->post_title,
				'status'     => $post->post_status,
				'is_update'  => $update,
			)
		);
	}

	/**
	 * Writes an event, over the one before.
	 *
	 * @param string $type What has happened.
	 * @param array  $data What is to be known of it.
	 */
	public static function trigger_event( $type, $data = array() ) {
		global $wp_filesystem;
		WP_Filesystem(); // Nobody has loaded wp-admin/includes/file.php, which defines it: that is the known fault.
		$dir = WP_CONTENT_DIR . '/realtime-events';
		if ( ! $wp_filesystem->is_dir( $dir ) ) {
			$wp_filesystem->mkdir( $dir, FS_CHMOD_DIR );
		}
		$event = array(
			'timestamp' => time(),
			'type'      => $type,
		) + $data;
		$wp_filesystem->put_contents( "$dir/latest_event.json", json_encode( $event, JSON_PRETTY_PRINT ), FS_CHMOD_FILE );
	}

	/**
	 * Gives pages the script, and tells it where the server is.
	 */
	public static function enqueue_script() {
		$url = defined( 'WPRE_WS_SERVER_URL' ) ? WPRE_WS_SERVER_URL : 'ws://localhost:8080';
		wp_enqueue_script( 'wp-realtime-events', plugins_url( 'websocket-client.js', __FILE__ ), array(), '1.0.0', true );
		wp_localize_script( 'wp-realtime-events', 'wpRealtimeEvents', array( 'wsUrl' => $url ) );
	}
}

WP_Realtime_Events::start();
