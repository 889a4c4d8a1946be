<?php
/**
 * Works on a WordPress for "wpre-relay up", as the owner of its files: php -r CODE COMMAND ARGUMENT...
 *
 * - read FILE: prints the file; exit status 2 if it does not exist
 * - write FILE MODE: replaces the file by the standard input in one step, and keeps its mode if it exists
 * - restore FILE: as write; if that fails, it writes over a file that is not shorter
 * - tidy FILE: removes what a write of the file that was killed has left
 * - remove FILE, mkdir DIR, rmdir DIR
 * - clean DIR: removes the files that the companion has written into DIR, unless they were changed
 * - inspect DIR SITE: prints what WordPress in DIR knows, as JSON after a line with MARKER
 * - trigger DIR SITE ID: has the plugin write an event with this id, and prints when, as JSON after MARKER
 *
 * @package wpre-relay
 */

list( , $wpre_command, $wpre_path ) = $argv;
$wpre_argument = isset( $argv[3] ) ? $argv[3] : '';

/**
 * Ends with a message.
 *
 * @param string $message The message.
 */
function wpre_up_fail( $message ) {
	$last = error_get_last();
	fwrite( STDERR, $last ? $last['message'] : $message );
	exit( 1 );
}

/**
 * Returns the start of the paths of temporary files beside a file.
 *
 * @param string $file The path of the file.
 */
function wpre_up_temporary( $file ) {
	return dirname( $file ) . '/.' . basename( $file ) . '.wpre-';
}

/**
 * Removes all files whose paths have this start.
 *
 * @param string $start The start of their paths.
 */
function wpre_up_tidy( $start ) {
	$dir = dirname( $start );
	foreach ( is_dir( $dir ) ? scandir( $dir ) : array() as $name ) {
		if ( 0 === strpos( "$dir/$name", $start ) ) {
			@unlink( "$dir/$name" ) || wpre_up_fail( 'cannot remove' );
		}
	}
}

/**
 * Writes over a file that is at least as long. That needs no space on the disk.
 *
 * @param string $file    The path of the file.
 * @param string $content Its new content.
 * @return bool Whether it was written.
 */
function wpre_up_overwrite( $file, $content ) {
	$handle = filesize( $file ) >= strlen( $content ) ? @fopen( $file, 'r+' ) : false;
	return $handle && fwrite( $handle, $content ) === strlen( $content )
		&& ftruncate( $handle, strlen( $content ) ) && fclose( $handle );
}

/**
 * Prints the result.
 *
 * @param array $result The result.
 */
function wpre_up_print( $result ) {
	while ( ob_get_level() ) {
		ob_end_clean(); // Themes and plugins may print.
	}
	echo "\nwpre-relay-result\n", json_encode( $result );
}

/**
 * Loads WordPress as for a page of the site. Call it outside of functions: WordPress sets global variables.
 *
 * @param string $site The site's address.
 */
function wpre_up_prepare( $site ) {
	$url = parse_url( $site );
	$_SERVER['HTTP_HOST']       = $url['host'] . ( isset( $url['port'] ) ? ':' . $url['port'] : '' );
	$_SERVER['SERVER_NAME']     = $url['host'];
	$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
	$_SERVER['REQUEST_METHOD']  = 'GET';
	$_SERVER['REQUEST_URI']     = '/';
	$_SERVER['REMOTE_ADDR']     = '127.0.0.1';
	if ( 'https' === $url['scheme'] ) {
		$_SERVER['HTTPS'] = 'on';
	}
	ob_start();
}

switch ( $wpre_command ) {
	case 'read':
		if ( ! file_exists( $wpre_path ) ) {
			exit( 2 );
		}
		false !== @readfile( $wpre_path ) || wpre_up_fail( 'cannot read' );
		break;

	case 'write':
	case 'restore':
		$wpre_file = realpath( $wpre_path );
		$wpre_mode = $wpre_file ? fileperms( $wpre_file ) & 07777 : octdec( $wpre_argument );
		$wpre_file = $wpre_file ? $wpre_file : $wpre_path;
		$wpre_new  = wpre_up_temporary( $wpre_file ) . bin2hex( random_bytes( 6 ) );
		umask( 0577 ); // Also the web server cannot read it before it is complete.
		$wpre_content = stream_get_contents( STDIN );
		$wpre_written = @file_put_contents( $wpre_new, $wpre_content ) === strlen( $wpre_content )
			&& @chmod( $wpre_new, $wpre_mode ) && @rename( $wpre_new, $wpre_file );
		if ( ! $wpre_written ) {
			! file_exists( $wpre_new ) || unlink( $wpre_new );
			'restore' === $wpre_command && wpre_up_overwrite( $wpre_file, $wpre_content )
				|| wpre_up_fail( 'cannot write' );
		}
		break;

	case 'tidy':
		$wpre_file = realpath( $wpre_path );
		wpre_up_tidy( wpre_up_temporary( $wpre_file ? $wpre_file : $wpre_path ) );
		break;

	case 'clean':
		$wpre_names = is_dir( $wpre_path ) ? scandir( $wpre_path ) : array();
		foreach ( preg_grep( '~^events-[0-9a-f]{32}(\.1)?\.(ndjson|tmp)$~', $wpre_names ) as $wpre_name ) {
			@unlink( "$wpre_path/$wpre_name" ) || wpre_up_fail( 'cannot remove' );
		}
		if ( "<?php\n// Silence is golden.\n" === @file_get_contents( "$wpre_path/index.php" ) ) {
			@unlink( "$wpre_path/index.php" ) || wpre_up_fail( 'cannot remove' );
		}
		break;

	case 'remove':
		@unlink( $wpre_path ) || ! file_exists( $wpre_path ) || wpre_up_fail( 'cannot remove' );
		break;

	case 'mkdir':
		umask( 022 );
		@mkdir( $wpre_path ) || is_dir( $wpre_path ) || wpre_up_fail( 'cannot create' );
		break;

	case 'rmdir':
		@rmdir( $wpre_path ); // Others may have put files into it.
		break;

	case 'inspect':
		wpre_up_prepare( $wpre_argument );
		require $wpre_path . '/wp-load.php';
		require_once ABSPATH . 'wp-admin/includes/file.php';
		require_once ABSPATH . 'wp-admin/includes/plugin.php';
		$wpre_plugin = 'missing';
		foreach ( get_plugins() as $wpre_file => $wpre_header ) {
			if ( 'WP Realtime Events' === $wpre_header['Name'] ) {
				$wpre_plugin = is_plugin_active( $wpre_file ) ? 'active' : 'inactive';
			}
		}
		$wpre_configs = preg_grep( '~/(wp-config|config-[^/]*)\.php$~', get_included_files() );
		wpre_up_print(
			array(
				'home'        => home_url(),
				'content'     => WP_CONTENT_DIR,
				'content_url' => content_url(),
				'mu_plugins'  => WPMU_PLUGIN_DIR,
				'config'      => end( $wpre_configs ),
				'plugin'      => $wpre_plugin,
				'class'       => class_exists( 'WPRE_Event_Manager', false ),
				'method'      => (string) get_filesystem_method(),
				'url'         => defined( 'WPRE_RELAY_URL' ) ? WPRE_RELAY_URL : '',
				'key'         => defined( 'WPRE_RELAY_JWT_KEY' ) ? WPRE_RELAY_JWT_KEY : '',
				'companion'   => class_exists( 'WPRE_Relay_Outbox', false ),
			)
		);
		break;

	case 'trigger':
		wpre_up_prepare( $wpre_argument );
		require $wpre_path . '/wp-load.php';
		$wpre_manager = isset( $wpre_event_manager ) ? $wpre_event_manager : new WPRE_Event_Manager();
		$wpre_started = microtime( true );
		$wpre_manager->trigger_event(
			array(
				'timestamp' => $wpre_started,
				'type'      => 'wpre_relay_test', // Pages ignore it.
				'status'    => 'publish', // The relay shows it to the public.
				'test'      => $argv[4],
			)
		);
		wpre_up_print(
			array(
				'started' => $wpre_started,
				'written' => microtime( true ),
			)
		);
		break;
}
