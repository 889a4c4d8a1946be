<?php
/**
 * Plugin Name: wpre-relay companion
 * Description: Stores every event of "WP Realtime Events" for wpre-relay and fixes saves through the block editor.
 * Version:     1.0.0
 * Requires PHP: 7.4
 *
 * To install it, run wpre-relay companion --install DIR, or copy this file into wp-content/mu-plugins. To remove it,
 * delete that file. The plugin is not changed.
 *
 * The plugin has two faults. It overwrites one file with each event, so that events of simultaneous saves are lost
 * before a reader can see them. And it calls WP_Filesystem() without loading the file that defines it, so that saves
 * through the block editor, the front end and WP-Cron fail. This file fixes both with WordPress's filters. It appends
 * each event as a line to the outbox, wp-content/realtime-events/events-KEY.ndjson, which wpre-relay follows if it
 * exists. KEY is a secret, because web servers serve that directory to everyone. If the outbox fails, the plugin's file
 * is written as without the companion, and the error log gets one message per day.
 *
 * Constants in wp-config.php enable more features:
 *
 *   WPRE_RELAY_FIELDS   true: add post_type, permalink and site_id to events; a network of sites always adds site_id
 *   WPRE_RELAY_URL      URL of the relay for browsers, for example 'wss://www.example.com/ws'
 *   WPRE_RELAY_JWT_KEY  file of the relay's --jwt-key secret: users who are logged in get a token in that URL
 *   WPRE_RELAY_JWT_TTL  lifetime of a token in seconds; default: one hour. Then a page continues like a visitor's
 *   WPRE_RELAY_CLIENT   true: load the relay's client, which loses no event, instead of the plugin's script
 *
 * @package wpre-relay
 */

defined( 'ABSPATH' ) || exit;

/**
 * Loads the file that defines WP_Filesystem(), before the plugin calls it and in every context: wp-admin, the block
 * editor, a visitor, WP-Cron, a command. It usually waits for init, because loading the file translates texts.
 */
function wpre_relay_load_filesystem() {
	global $wp_file_descriptions, $allowed_files; // The file sets these, and the editors of wp-admin need them.
	require_once ABSPATH . 'wp-admin/includes/file.php';
}
add_action( 'init', 'wpre_relay_load_filesystem', PHP_INT_MIN );
add_action( 'save_post', 'wpre_relay_load_filesystem', PHP_INT_MIN );

/**
 * Makes WP_Filesystem() create a file system that writes the event file through the outbox and otherwise is
 * WP_Filesystem_Direct. Other callers compare the method with 'direct', so they still get that.
 *
 * @param string $method The method that WordPress has chosen.
 * @return string The method to use.
 */
function wpre_relay_filesystem_method( $method ) {
	if ( 'direct' !== $method ) {
		return $method; // PHP cannot write files by itself here.
	}
	// phpcs:ignore WordPress.PHP.DevelopmentFunctions -- the result depends on the caller.
	foreach ( debug_backtrace( DEBUG_BACKTRACE_IGNORE_ARGS, 8 ) as $frame ) {
		if ( 'WP_Filesystem' === $frame['function'] ) {
			wpre_relay_declare_filesystem();
			return 'wpre_relay';
		}
	}
	return $method;
}
add_filter( 'filesystem_method', 'wpre_relay_filesystem_method', PHP_INT_MAX );

/**
 * Declares the class that WP_Filesystem() instantiates. WordPress loads the parent class only when it is needed.
 */
function wpre_relay_declare_filesystem() {
	if ( class_exists( 'WP_Filesystem_wpre_relay', false ) ) {
		return;
	}
	require_once ABSPATH . 'wp-admin/includes/class-wp-filesystem-base.php';
	require_once ABSPATH . 'wp-admin/includes/class-wp-filesystem-direct.php';

	// phpcs:disable PEAR.NamingConventions.ValidClassName -- WP_Filesystem() derives the name from the method's.
	/**
	 * WP_Filesystem_Direct that writes the event file through the outbox.
	 */
	class WP_Filesystem_wpre_relay extends WP_Filesystem_Direct {

		/**
		 * Writes a file.
		 *
		 * @param string    $file     Path to the file.
		 * @param string    $contents The contents.
		 * @param int|false $mode     Optional. The file's permissions, as an octal number. Default false.
		 * @return bool Whether the file was written.
		 */
		public function put_contents( $file, $contents, $mode = false ) {
			if ( ! preg_match( '~[/\\\\]realtime-events[/\\\\]latest_event\.json$~', $file ) ) {
				return parent::put_contents( $file, $contents, $mode );
			}
			$contents = wpre_relay_add_fields( $contents );
			$outbox   = new WPRE_Relay_Outbox( dirname( $file ), $mode ? $mode : FS_CHMOD_FILE );
			$written  = $outbox->add( $contents ) && $outbox->replace( $file, $contents );
			if ( ! $written ) {
				$written = parent::put_contents( $file, $contents, $mode );
			}
			$outbox->close();
			return $written;
		}
	}
	// phpcs:enable
}

/**
 * The outbox: an append-only file with one event per line. When it is full, it is renamed and a new file is started;
 * the previous file is kept. A line is {"id":"EPOCH-NUMBER","at":TIME,"sum":CHECKSUM,"event":DOCUMENT}, as in the
 * journal of wpre-relay. The numbers are consecutive, the epoch changes when they start again, and the checksum is
 * CRC-32C of the other values.
 */
class WPRE_Relay_Outbox {

	/**
	 * The size in bytes from which a new file is started.
	 */
	const MAX_SIZE = 4194304;

	/**
	 * The maximum time to wait for other processes, in seconds.
	 */
	const LOCK_TIMEOUT = 2.0;

	/**
	 * The time without attempts after a failure, in seconds, so that not every save waits for LOCK_TIMEOUT.
	 */
	const RETRY_AFTER = 60;

	/**
	 * The end of the time without attempts in this process, in Unix time.
	 *
	 * @var int
	 */
	private static $disabled_until = 0;

	/**
	 * The directory of the file.
	 *
	 * @var string
	 */
	private $dir;

	/**
	 * Permissions of new files.
	 *
	 * @var int
	 */
	private $mode;

	/**
	 * The path of the file.
	 *
	 * @var string
	 */
	private $path;

	/**
	 * The path of the previous file.
	 *
	 * @var string
	 */
	private $previous;

	/**
	 * The open and locked file; null if the outbox is closed.
	 *
	 * @var resource|null
	 */
	private $handle = null;

	/**
	 * Creates a closed outbox.
	 *
	 * @param string $dir  The directory of the file.
	 * @param int    $mode Permissions of new files.
	 */
	public function __construct( $dir, $mode ) {
		$key            = substr( hash_hmac( 'sha256', 'wpre-relay outbox', wp_salt( 'auth' ) ), 0, 32 );
		$this->dir      = $dir;
		$this->mode     = $mode;
		$this->path     = "$dir/events-$key.ndjson";
		$this->previous = "$dir/events-$key.1.ndjson";
	}

	/**
	 * Appends an event. Other processes cannot append until close() is called.
	 *
	 * @param string $contents The event as the plugin writes it.
	 * @return bool Whether the event was appended. False if it is not a valid event.
	 */
	public function add( $contents ) {
		$event = json_decode( $contents );
		if ( time() < self::$disabled_until || ! is_object( $event ) || ! isset( $event->timestamp ) ) {
			return false;
		}
		try {
			$this->open();
			$this->append( $contents );
			return true;
		} catch ( Throwable $error ) {
			self::$disabled_until = time() + self::RETRY_AFTER;

			// The web server may also serve the log, so the message must not contain the key.
			$reason = str_replace( basename( $this->path, '.ndjson' ), 'events-KEY', $error->getMessage() );
			wpre_relay_log_error( "$reason; events are only written to latest_event.json" );
			return false;
		}
	}

	/**
	 * Replaces a file atomically, so that no reader sees an incomplete file.
	 *
	 * @param string $file     Path to the file, or to a symbolic link to it.
	 * @param string $contents The new contents.
	 * @return bool Whether the file was replaced. If not, it is unchanged.
	 */
	public function replace( $file, $contents ) {
		$target = is_link( $file ) ? realpath( $file ) : $file;
		if ( false === $target ) {
			return false; // The target of the link does not exist yet.
		}
		// The lock of the outbox protects the temporary file.
		$temporary = dirname( $target ) . '/' . basename( $this->path, '.ndjson' ) . '.tmp';
		$written   = @file_put_contents( $temporary, $contents );
		$complete  = strlen( $contents ) === $written && $this->set_permissions( $temporary );
		if ( $complete && @rename( $temporary, $target ) ) {
			return true;
		}
		if ( false !== $written ) {
			@unlink( $temporary );
		}
		return false;
	}

	/**
	 * Closes the outbox, so that other processes can append.
	 */
	public function close() {
		if ( $this->handle ) {
			fclose( $this->handle ); // This also releases the lock.
			$this->handle = null;
		}
	}

	/**
	 * Opens and locks the file. If it is full, it starts a new one.
	 *
	 * @throws RuntimeException If the file cannot be opened, or not within LOCK_TIMEOUT.
	 */
	private function open() {
		$deadline = microtime( true ) + self::LOCK_TIMEOUT;
		do {
			$this->handle = $this->call_or_throw( 'fopen', $this->path, 'a+b' );
			$this->lock( $deadline );
			clearstatcache( true, $this->path );
			$named  = @stat( $this->path );
			$opened = fstat( $this->handle );
			if ( ! $named || $named['ino'] !== $opened['ino'] || $named['dev'] !== $opened['dev'] ) {
				$this->close(); // Another process has renamed the file before this one had the lock.
			} elseif ( $opened['size'] >= self::MAX_SIZE ) {
				$this->call_or_throw( 'rename', $this->path, $this->previous );
				$this->close();
			} else {
				return;
			}
		} while ( microtime( true ) < $deadline );
		throw new RuntimeException( "{$this->path} was replaced repeatedly" );
	}

	/**
	 * Locks the file against other processes that append.
	 *
	 * @param float $deadline The time limit, in Unix time.
	 * @throws RuntimeException If the file cannot be locked, or not in time.
	 */
	private function lock( $deadline ) {
		while ( ! flock( $this->handle, LOCK_EX | LOCK_NB, $held ) ) {
			if ( ! $held || microtime( true ) > $deadline ) {
				throw new RuntimeException( "cannot lock {$this->path}" );
			}
			usleep( 100 );
		}
	}

	/**
	 * Appends a line.
	 *
	 * @param string $contents The event, which is valid JSON.
	 * @throws RuntimeException If the line cannot be written completely. The file is then unchanged.
	 */
	private function append( $contents ) {
		$size = fstat( $this->handle )['size'];
		$last = array( '', 0 );
		if ( $size > 0 ) {
			$last = $this->last_position( $this->handle );
		} else {
			$this->initialize();
			if ( file_exists( $this->previous ) ) {
				$last = $this->last_position( $this->call_or_throw( 'fopen', $this->previous, 'rb' ) );
			}
		}
		list( $epoch, $number ) = $last;
		if ( '' === $epoch ) {
			$epoch = bin2hex( random_bytes( 4 ) );
		}
		list( $fraction, $seconds ) = explode( ' ', microtime() );

		$id       = $epoch . '-' . ( $number + 1 );
		$at       = gmdate( 'Y-m-d\TH:i:s', (int) $seconds ) . substr( $fraction, 1, 7 ) . 'Z';
		$document = preg_replace( '/[\r\n]+ */', '', trim( $contents ) ); // JSON has line breaks only between tokens.
		$sum      = hash( 'crc32c', $id . $at . $document );
		$line     = "{\"id\":\"$id\",\"at\":\"$at\",\"sum\":\"$sum\",\"event\":$document}\n";
		if ( $size > 0 && ! $this->ends_with_newline( $size ) ) {
			$line = "\n$line"; // A process was killed while it wrote the last line.
		}
		if ( strlen( $line ) !== @fwrite( $this->handle, $line ) ) {
			ftruncate( $this->handle, $size );
			throw new RuntimeException( "cannot write {$this->path}; the disk may be full" );
		}
	}

	/**
	 * Prepares a new file and its directory, and deletes old files.
	 */
	private function initialize() {
		$this->set_permissions( $this->path );
		if ( ! file_exists( "{$this->dir}/index.php" ) ) { // Keeps web servers from listing the directory.
			@file_put_contents( "{$this->dir}/index.php", "<?php\n// Silence is golden.\n" );
			$this->set_permissions( "{$this->dir}/index.php" );
		}
		foreach ( (array) glob( "{$this->dir}/events-*.ndjson" ) as $file ) { // Files of other salts.
			if ( $file !== $this->path && $file !== $this->previous && filemtime( $file ) < time() - WEEK_IN_SECONDS ) {
				@unlink( $file );
			}
		}
	}

	/**
	 * Gives a new file the owner and group of the directory, so that the web server can write it even if a command of
	 * root has created it.
	 *
	 * @param string $file Path to the file.
	 * @return bool Whether the file has the permissions of new files.
	 */
	private function set_permissions( $file ) {
		clearstatcache( true, $file );
		$owner = fileowner( $this->dir );
		$group = filegroup( $this->dir );
		if ( fileowner( $file ) !== $owner && function_exists( 'chown' ) ) { // Some hosts disable these functions.
			@chown( $file, $owner );
		}
		if ( filegroup( $file ) !== $group && function_exists( 'chgrp' ) ) {
			@chgrp( $file, $group );
		}
		return @chmod( $file, $this->mode );
	}

	/**
	 * Returns whether the last line of the file is complete.
	 *
	 * @param int $size The size of the file.
	 * @return bool
	 */
	private function ends_with_newline( $size ) {
		fseek( $this->handle, $size - 1 );
		return "\n" === fgetc( $this->handle );
	}

	/**
	 * Returns the position in the last line that has one.
	 *
	 * @param resource $handle A file of the outbox.
	 * @return array The epoch and the number; '' and 0 if no line has a position.
	 */
	private function last_position( $handle ) {
		$size = fstat( $handle )['size'];
		for ( $length = 8192; ; $length *= 4 ) {
			$start = max( 0, $size - $length );
			fseek( $handle, $start );
			$text = ( 0 === $start ? "\n" : '' ) . stream_get_contents( $handle );
			if ( preg_match_all( '/\n\{"id":"([a-z0-9]+)-([0-9]{1,18})","at":"/', $text, $found, PREG_SET_ORDER ) ) {
				$line = end( $found );
				return array( $line[1], (int) $line[2] );
			}
			if ( 0 === $start ) {
				return array( '', 0 );
			}
		}
	}

	/**
	 * Calls a function that returns false and raises a warning on failure.
	 *
	 * @param callable $name         The function.
	 * @param mixed    ...$arguments The arguments.
	 * @return mixed The result.
	 * @throws RuntimeException If the function returns false. The message is that of the warning.
	 */
	private function call_or_throw( $name, ...$arguments ) {
		$result = @$name( ...$arguments );
		if ( false === $result ) {
			$error = error_get_last();
			throw new RuntimeException( $error ? $error['message'] : "$name failed for {$this->path}" );
		}
		return $result;
	}
}

/**
 * Writes a message to the error log, at most once per day.
 *
 * @param string $message The message.
 */
function wpre_relay_log_error( $message ) {
	if ( ! get_site_transient( 'wpre_relay_trouble' ) ) {
		set_site_transient( 'wpre_relay_trouble', time(), DAY_IN_SECONDS );
		// phpcs:ignore WordPress.PHP.DevelopmentFunctions -- for the site's operator.
		error_log( "wpre-relay companion: $message" );
	}
}

/**
 * Adds fields to an event, so that readers need not request them from the site: on a network the site, and more if
 * WPRE_RELAY_FIELDS is true. The bytes that the plugin wrote do not change.
 *
 * @param string $contents The event as the plugin writes it.
 * @return string The event with more fields; unchanged if they cannot be added.
 */
function wpre_relay_add_fields( $contents ) {
	$all = defined( 'WPRE_RELAY_FIELDS' ) && WPRE_RELAY_FIELDS;
	if ( ! $all && ! is_multisite() ) {
		return $contents;
	}
	try {
		$event = json_decode( $contents, true );
		if ( ! is_array( $event ) || ! isset( $event['timestamp'] ) || '}' !== substr( rtrim( $contents ), -1 ) ) {
			return $contents;
		}
		$fields = array( 'site_id' => get_current_blog_id() );
		if ( $all && ! empty( $event['post_id'] ) && get_post( $event['post_id'] ) ) {
			$fields = array(
				'post_type' => get_post_type( $event['post_id'] ),
				'permalink' => get_permalink( $event['post_id'] ),
			) + $fields;
		}
		/**
		 * Filters the fields that are added to an event.
		 *
		 * @param array $fields Fields by name.
		 * @param array $event  The event as the plugin writes it.
		 */
		$fields = array_diff_key( apply_filters( 'wpre_relay_fields', $fields, $event ), $event );
		$more   = $fields ? wp_json_encode( (object) $fields, JSON_PRETTY_PRINT ) : false;
		if ( ! $more ) {
			return $contents;
		}
		return rtrim( substr( rtrim( $contents ), 0, -1 ) ) . ',' . substr( $more, 1 );
	} catch ( Throwable $error ) {
		wpre_relay_log_error( $error->getMessage() . '; events are written without more fields' );
		return $contents;
	}
}

/**
 * Returns the relay's URL for browsers, with a token if the user is logged in.
 *
 * @return string The URL; '' if WPRE_RELAY_URL is not set.
 */
function wpre_relay_url() {
	if ( ! defined( 'WPRE_RELAY_URL' ) ) {
		return '';
	}
	$token = is_user_logged_in() ? wpre_relay_token( wp_get_current_user() ) : '';
	return '' === $token ? WPRE_RELAY_URL : add_query_arg( 'access_token', $token, WPRE_RELAY_URL );
}

/**
 * Returns the claims about a user. Everything that proves to the relay who a visitor is carries them.
 *
 * - sub: the id of the user
 * - roles: the roles on the current site; super admins may have none
 * - caps: capabilities on the current site, by user_can(), which knows super admins. The relay shows drafts only to
 *   users whose caps contain its --trusted-capability.
 * - site_id: the current site. On a network of sites, the relay's --filter compares it with the site of the event.
 *
 * @param WP_User $user The user.
 * @return array The claims by name; empty if a filter fails, so that the user sees the same as the public.
 */
function wpre_relay_claims( $user ) {
	$known  = array( 'read', 'edit_posts', 'edit_others_posts', 'read_private_posts', 'publish_posts', 'manage_options' );
	$can    = function ( $capability ) use ( $user ) {
		return user_can( $user->ID, $capability );
	};
	$claims = array(
		'sub'     => (string) $user->ID,
		'roles'   => $user->roles,
		'caps'    => array_filter( $known, $can ),
		'site_id' => get_current_blog_id(),
	);
	try {
		/**
		 * Filters the claims about a user, for example to let the user's page send messages ("forward": true) or to add
		 * the capability that the relay has as --trusted-capability.
		 *
		 * @param array   $claims Claims by name. The times of a token (iat, exp) cannot be changed.
		 * @param WP_User $user   The user.
		 */
		$claims = apply_filters( 'wpre_relay_claims', $claims, $user );
		if ( ! is_array( $claims ) ) {
			throw new UnexpectedValueException( 'a filter wpre_relay_claims returns no array' );
		}
	} catch ( Throwable $error ) {
		wpre_relay_log_error( $error->getMessage() . '; pages get no token' );
		return array();
	}
	foreach ( array( 'roles', 'caps' ) as $name ) { // JSON has no arrays with holes.
		if ( isset( $claims[ $name ] ) && is_array( $claims[ $name ] ) ) {
			$claims[ $name ] = array_values( $claims[ $name ] );
		}
	}
	return $claims;
}

/**
 * Creates the token that proves to the relay who a user is.
 *
 * @param WP_User $user The user.
 * @return string The token; '' if WPRE_RELAY_JWT_KEY is not set or cannot be read, or if a filter fails.
 */
function wpre_relay_token( $user ) {
	$claims = defined( 'WPRE_RELAY_JWT_KEY' ) ? wpre_relay_claims( $user ) : array();
	if ( ! $claims ) {
		return '';
	}
	$ttl   = defined( 'WPRE_RELAY_JWT_TTL' ) ? (int) WPRE_RELAY_JWT_TTL : HOUR_IN_SECONDS;
	$times = array(
		'iat' => time(),
		'exp' => time() + $ttl,
	);
	return wpre_relay_sign( $times + $claims );
}

/**
 * Creates a JSON Web Token (RFC 7519, HS256).
 *
 * @param array $claims The claims by name.
 * @return string The token; '' if WPRE_RELAY_JWT_KEY cannot be read, or if the claims cannot be written as JSON.
 */
function wpre_relay_sign( $claims ) {
	$secret = (string) @file_get_contents( WPRE_RELAY_JWT_KEY );
	$secret = rtrim( (string) preg_replace( '/^\xEF\xBB\xBF/', '', $secret ), "\r\n" ); // as in the relay
	if ( strlen( $secret ) < 32 || false !== strpos( $secret, '-----BEGIN ' ) ) {
		wpre_relay_log_error( WPRE_RELAY_JWT_KEY . ' has no readable secret of at least 32 bytes; pages get no token' );
		return '';
	}
	$payload = wp_json_encode( $claims );
	if ( ! $payload ) {
		wpre_relay_log_error( 'the claims of a user are not valid JSON; pages get no token' );
		return '';
	}
	$base64 = function ( $bytes ) {
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions -- RFC 7515, section 2.
		return rtrim( strtr( base64_encode( $bytes ), '+/', '-_' ), '=' );
	};
	$signed = $base64( '{"alg":"HS256","typ":"JWT"}' ) . '.' . $base64( $payload );
	return $signed . '.' . $base64( hash_hmac( 'sha256', $signed, $secret, true ) );
}

/**
 * Sets the relay's URL in the plugin, unless wp-config.php sets it.
 */
function wpre_relay_define_url() {
	if ( defined( 'WPRE_RELAY_URL' ) && ! defined( 'WPRE_WS_SERVER_URL' ) ) {
		define( 'WPRE_WS_SERVER_URL', wpre_relay_url() );
	}
}
add_action( 'init', 'wpre_relay_define_url', PHP_INT_MIN );

/**
 * Puts the URL with the token into the data of the plugin's script, for the case that wp-config.php sets the plugin's
 * constant. If WPRE_RELAY_CLIENT is true, it also replaces the script by the relay's client.
 */
function wpre_relay_set_scripts() {
	$url = wpre_relay_url();
	if ( '' === $url ) {
		return;
	}
	$before = wp_json_encode( defined( 'WPRE_WS_SERVER_URL' ) ? WPRE_WS_SERVER_URL : 'ws://localhost:8080' );
	foreach ( wp_scripts()->registered as $script ) {
		if ( ! is_string( $script->src ) || 'websocket-client.js' !== basename( strtok( $script->src, '?' ) ) ) {
			continue;
		}
		if ( ! empty( $script->extra['data'] ) ) {
			$script->extra['data'] = str_replace( $before, wp_json_encode( $url ), $script->extra['data'] );
		}
		if ( defined( 'WPRE_RELAY_CLIENT' ) && WPRE_RELAY_CLIENT ) {
			list( $address ) = explode( '?', WPRE_RELAY_URL );
			$script->src     = preg_replace( '/^ws/', 'http', untrailingslashit( $address ) ) . '/client.js';
			$script->ver     = null;
		}
	}
}
add_action( 'wp_print_scripts', 'wpre_relay_set_scripts' );
add_action( 'wp_print_footer_scripts', 'wpre_relay_set_scripts', 5 );
add_action( 'admin_print_footer_scripts', 'wpre_relay_set_scripts', 5 );

/**
 * Adds the attributes to the relay's client that make it connect and list saved posts like the plugin's script.
 *
 * @param string $tag    The script element.
 * @param string $handle The name of the script.
 * @param string $src    The URL of the script.
 * @return string The element to print.
 */
function wpre_relay_connect_client( $tag, $handle, $src ) {
	$enabled = defined( 'WPRE_RELAY_CLIENT' ) && WPRE_RELAY_CLIENT && wpre_relay_url();
	if ( $enabled && 'client.js' === basename( strtok( $src, '?' ) ) ) {
		$tag = str_replace( ' src=', ' data-connect="' . esc_attr( wpre_relay_url() ) . '" data-log src=', $tag );
	}
	return $tag;
}
add_filter( 'script_loader_tag', 'wpre_relay_connect_client', 10, 3 );
