<?php
/**
 * Sets up a site from the command line: setup.php ROOT COMMAND ARGUMENT...
 *
 * - install URL: installs WordPress with the users admin and classic, whose passwords are their names
 * - posts COUNT TITLE: creates published posts and prints their ids
 * - due TITLE: creates a scheduled post that WP-Cron must publish now
 * - network HOST: prepares the database for a network of sites; then wp-config.php must define MULTISITE
 * - sites URL: adds the site URL/two and users to the network, whose passwords are their names
 * - role URL USER ROLE: gives a user another role on the site
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
// WordPress needs these.
$_SERVER['HTTP_HOST']   = in_array( $command, array( 'sites', 'role' ), true )
	? preg_replace( '~^\w+://~', '', $arguments[0] ) : 'localhost';
$_SERVER['REQUEST_URI'] = '/';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
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

/**
 * Sets the options of a site: its address, a front page with the list of events, and the form of its URLs.
 *
 * @param string $url The address.
 */
function wpre_e2e_set_options( $url ) {
	$front = array(
		'post_type'    => 'page',
		'post_content' => '<ul id="realtime-event-log"></ul>',
	);
	update_option( 'siteurl', $url );
	update_option( 'home', $url );
	update_option( 'show_on_front', 'page' );
	update_option( 'page_on_front', wpre_e2e_create_post( 'Live', $front ) );
	update_option( 'show_avatars', 0 ); // Avatars are on another site.
	update_option( 'permalink_structure', '/%postname%/' );
	delete_option( 'rewrite_rules' ); // WordPress creates them again.
}

/**
 * Creates a user whose password is the name.
 *
 * @param string $name The name.
 * @param int    $site The site on which the user has a role; 0 if there is none.
 * @param string $role The role.
 * @return int The id.
 */
function wpre_e2e_create_user( $name, $site = 0, $role = '' ) {
	$user = wp_create_user( $name, $name, "$name@example.com" );
	remove_user_from_blog( $user, 1 );
	if ( $site ) {
		add_user_to_blog( $site, $user, $role );
	}
	return $user;
}

switch ( $command ) {
	case 'install':
		require ABSPATH . 'wp-admin/includes/upgrade.php';
		add_filter( 'pre_wp_mail', '__return_true' ); // Send no mail.
		wp_install( 'Test', 'admin', 'admin@example.com', false, '', 'admin' );
		wp_create_user( 'classic', 'classic', 'classic@example.com' );
		get_user_by( 'login', 'classic' )->set_role( 'administrator' );
		wpre_e2e_set_options( $arguments[0] );
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

	case 'network':
		require ABSPATH . 'wp-admin/includes/upgrade.php';
		foreach ( $wpdb->tables( 'ms_global' ) as $name => $table ) {
			$wpdb->$name = $table;
		}
		install_network();
		$populated = populate_network( 1, $arguments[0], 'admin@example.com', 'Network' );
		if ( is_wp_error( $populated ) ) {
			fwrite( STDERR, $populated->get_error_message() . "\n" );
			exit( 1 );
		}
		break;

	case 'sites':
		wpre_e2e_set_options( $arguments[0] );
		$fields = array(
			'domain'     => DOMAIN_CURRENT_SITE,
			'path'       => '/two/',
			'network_id' => 1,
			'user_id'    => 1,
		);
		$two    = wp_insert_site( $fields );
		$wpdb->update( $wpdb->blogs, array( 'domain' => DOMAIN_CURRENT_SITE ), array( 'blog_id' => $two ) ); // with the port
		switch_to_blog( $two );
		wpre_e2e_set_options( "$arguments[0]/two" );
		restore_current_blog();
		foreach ( array( 'subscriber', 'author', 'editor', 'administrator' ) as $role ) {
			wpre_e2e_create_user( $role, 1, $role );
		}
		foreach ( array( 'expiring', 'leaving', 'demoted' ) as $name ) {
			wpre_e2e_create_user( $name, 1, 'editor' );
		}
		wpre_e2e_create_user( 'editor2', $two, 'editor' );
		wpre_e2e_create_user( 'super' );
		update_site_option( 'site_admins', array( 'super' ) );
		$plugins = preg_grep( '~^wp-realtime-events/~', get_option( 'active_plugins' ) );
		update_site_option( 'active_sitewide_plugins', array_fill_keys( $plugins, time() ) );
		clean_blog_cache( get_site( $two ) );
		break;

	case 'role':
		get_user_by( 'login', $arguments[1] )->set_role( $arguments[2] );
		break;
}
