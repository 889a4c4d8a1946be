<?php
/**
 * Plugin Name: Save recorder
 * Description: Records each save before and after the plugin writes its event; prepares WordPress for tests.
 *
 * A record is a line of JSON in WPRE_E2E_NOTES, a file that the web server does not serve. The plugin has failed if a
 * save has the record "attempted" but not the record "written".
 *
 * @package wpre-relay
 */

defined( 'ABSPATH' ) || exit;

/**
 * Records a save, unless the plugin skips it.
 *
 * @param string  $stage   Either "attempted", before the plugin, or "written", after it.
 * @param int     $post_id The post's id.
 * @param WP_Post $post    The post.
 * @param bool    $update  Whether the post existed before.
 */
function wpre_e2e_record( $stage, $post_id, $post, $update ) {
	if ( ( defined( 'DOING_AUTOSAVE' ) && DOING_AUTOSAVE ) || wp_is_post_revision( $post_id ) ) {
		return;
	}
	$record = array(
		'stage'      => $stage,
		'pid'        => getmypid(),
		'time'       => time(),
		'post_id'    => $post_id,
		'post_title' => $post->post_title,
		'status'     => $post->post_status,
		'is_update'  => $update,
	);
	file_put_contents( WPRE_E2E_NOTES, json_encode( $record ) . "\n", FILE_APPEND | LOCK_EX );
}
foreach ( array( 'attempted' => 9, 'written' => 11 ) as $wpre_e2e_stage => $wpre_e2e_priority ) {
	add_action(
		'save_post',
		function ( ...$save ) use ( $wpre_e2e_stage ) {
			wpre_e2e_record( $wpre_e2e_stage, ...$save );
		},
		$wpre_e2e_priority,
		3
	);
}

// The user "classic" has the classic editor, as with the plugin "Classic Editor".
add_filter(
	'use_block_editor_for_post',
	function ( $use ) {
		return $use && 'classic' !== wp_get_current_user()->user_login;
	}
);

// A form on the front page that saves a post, like those of plugins for contributions of visitors.
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

// WP-Cron only publishes posts, so that the tests know when it has finished.
add_filter(
	'pre_schedule_event',
	function ( $pre, $event ) {
		return 'publish_future_post' === $event->hook ? $pre : false;
	},
	10,
	2
);

// The tests have no network: every HTTP request of WordPress gets this response, which offers no updates.
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
