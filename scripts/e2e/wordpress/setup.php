<?php
/**
 * Sets up a site from the command line: setup.php ROOT COMMAND ARGUMENT...
 *
 * - install URL: installs WordPress with the users admin and classic, whose passwords are their names
 * - posts COUNT TITLE: creates published posts and prints their ids
 * - due TITLE: creates a scheduled post that WP-Cron must publish now
 *
 * The posts are created in the database, so that no plugin is notified.
 *
 * @package wpre-relay
 */

list( , $root, $command ) = $argv;

$arguments = array_slice( $argv, 3 );
if ( 'install' === $command ) {
	define( 'WP_INSTALLING', true );
}
$_SERVER['HTTP_HOST'] = 'localhost'; // WordPress needs it.
require "$root/wp-load.php";

/**
 * Creates a post without calling WordPress's hooks.
 *
 * @param string $title  The title.
 * @param array  $fields More columns.
 * @return int The id.
 */
function wpre_e2e_create_post( $title, $fields = array() ) {
	global $wpdb;
	$date     = gmdate( 'Y-m-d H:i:s', time() - MINUTE_IN_SECONDS );
	$defaults = array(
		'post_author'           => 1,
		'post_content'          => '',
		'post_content_filtered' => '',
		'post_date'             => $date,
		'post_date_gmt'         => $date,
		'post_excerpt'          => '',
		'post_name'             => sanitize_title( $title ),
		'post_status'           => 'publish',
		'post_title'            => $title,
		'pinged'                => '',
		'to_ping'               => '',
	);
	$wpdb->insert( $wpdb->posts, $fields + $defaults );
	return $wpdb->insert_id;
}

switch ( $command ) {
	case 'install':
		require ABSPATH . 'wp-admin/includes/upgrade.php';
		add_filter( 'pre_wp_mail', '__return_true' ); // Send no mail.
		wp_install( 'Test', 'admin', 'admin@example.com', false, '', 'admin' );
		wp_create_user( 'classic', 'classic', 'classic@example.com' );
		get_user_by( 'login', 'classic' )->set_role( 'administrator' );
		$front = array(
			'post_type'    => 'page',
			'post_content' => '<ul id="realtime-event-log"></ul>',
		);
		update_option( 'siteurl', $arguments[0] );
		update_option( 'home', $arguments[0] );
		update_option( 'show_on_front', 'page' );
		update_option( 'page_on_front', wpre_e2e_create_post( 'Live', $front ) );
		update_option( 'show_avatars', 0 ); // Avatars are on another site.
		update_option( 'permalink_structure', '/%postname%/' );
		flush_rewrite_rules( false );
		break;

	case 'posts':
		for ( $number = 1; $number <= $arguments[0]; $number++ ) {
			echo (int) wpre_e2e_create_post( "$arguments[1] $number" ), "\n";
		}
		break;

	case 'due':
		$due = wpre_e2e_create_post( $arguments[0], array( 'post_status' => 'future' ) );
		wp_schedule_single_event( time() - MINUTE_IN_SECONDS, 'publish_future_post', array( $due ) );
		break;
}
