<?php
/**
 * Plugin Name: Witness
 * Description: Notes each save of which the plugin should tell, before the plugin's turn and after it; and arranges a site for tests.
 *
 * A note is a line of JSON in WPRE_E2E_NOTES, a file outside of what the web server serves. A save with a note of "attempted" alone
 * is one at which the plugin has died.
 *
 * @package wpre-relay
 */

defined( 'ABSPATH' ) || exit;

/**
 * Writes a note about a save that the plugin does not skip.
 *
 * @param string  $what    Whether the plugin's turn is still to come.
 * @param int     $post_id The post's number.
 * @param WP_Post $post    The post.
 * @param bool    $update  Whether it was there before.
 */
function wpre_e2e_note( $what, $post_id, $post, $update ) {
	if ( ( defined( 'DOING_AUTOSAVE' ) && DOING_AUTOSAVE ) || wp_is_post_revision( $post_id ) ) {
		return;
	}
	$note = array(
		'what'       => $what,
		'pid'        => getmypid(),
		'time'       => time(),
		'post_id'    => $post_id,
		'post_title' => $post->post_title,
		'status'     => $post->post_status,
		'is_update'  => $update,
	);
	file_put_contents( WPRE_E2E_NOTES, json_encode( $note ) . "\n", FILE_APPEND | LOCK_EX );
}
foreach ( array( 'attempted' => 9, 'written' => 11 ) as $wpre_e2e_what => $wpre_e2e_priority ) {
	add_action(
		'save_post',
		function ( ...$save ) use ( $wpre_e2e_what ) {
			wpre_e2e_note( $wpre_e2e_what, ...$save );
		},
		$wpre_e2e_priority,
		3
	);
}

// One user has the classic editor, as with the plugin "Classic Editor".
add_filter(
	'use_block_editor_for_post',
	function ( $use ) {
		return $use && 'classic' !== wp_get_current_user()->user_login;
	}
);

// A form on the front page, as plugins for contributions of visitors have one.
add_action(
	'template_redirect',
	function () {
		if ( isset( $_POST['wpre_e2e_contribution'] ) ) {
			wp_send_json(
				wp_insert_post(
					array(
						'post_title'  => wp_unslash( $_POST['wpre_e2e_contribution'] ),
						'post_status' => 'pending',
					)
				)
			);
		}
	}
);

// WP-Cron publishes posts and does nothing else, so that it is known when it has done.
add_filter(
	'pre_schedule_event',
	function ( $pre, $event ) {
		return 'publish_future_post' === $event->hook ? $pre : false;
	},
	10,
	2
);

// There is no wordpress.org here to be asked for updates: this is its answer to whatever it is asked.
add_filter(
	'pre_http_request',
	function () {
		return array(
			'headers'  => array(),
			'body'     => '{"offers":[],"plugins":[],"no_update":[],"themes":[],"translations":[]}',
			'response' => array(
				'code'    => 200,
				'message' => 'OK',
			),
			'cookies'  => array(),
			'filename' => null,
		);
	}
);
