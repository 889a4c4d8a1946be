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
 *   WPRE_RELAY_JWT_KEY  file of the relay's --jwt-key secret: users who are logged in get a token, in a cookie
 *   WPRE_RELAY_JWT_TTL  lifetime of a token in seconds; default: 900. Pages renew it after two thirds of that time
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
 * Constants of the functions below.
 */
class WPRE_Relay_Access {

	/**
	 * The cookie with the token. The relay has the same default, for --jwt-cookie.
	 */
	const COOKIE = 'wpre_relay_token';

	/**
	 * The lifetime of the cookie and, by default, of the token, in seconds.
	 */
	const LIFETIME = 900;

	/**
	 * On a network, the cookie with the sites whose token's cookies the browser has.
	 */
	const SITES_COOKIE = 'wpre_relay_sites';

	/**
	 * The maximum number of these sites. Logging out deletes the cookies of all of them, with one header line each, and
	 * web servers limit a response's header to 4 KiB.
	 */
	const MAX_SITES = 10;
}

/**
 * Returns the relay's URL for browsers. On a network of sites, its path ends in /site-ID, so that each site has its own
 * cookie.
 *
 * @param int $site The site of a network; 0: the current site.
 * @return string The URL; '' if WPRE_RELAY_URL is not set.
 */
function wpre_relay_url( $site = 0 ) {
	if ( ! defined( 'WPRE_RELAY_URL' ) ) {
		return '';
	}
	if ( ! is_multisite() ) {
		return WPRE_RELAY_URL;
	}
	list( $address, $query ) = explode( '?', WPRE_RELAY_URL, 2 ) + array( '', '' );
	return untrailingslashit( $address ) . '/site-' . ( $site ? $site : get_current_blog_id() ) .
		( '' === $query ? '' : "?$query" );
}

/**
 * Returns the claims about a user. Everything that proves to the relay who a visitor is carries them.
 *
 * - sub: the id of the user
 * - roles: the roles on the current site; super admins may have none
 * - caps: capabilities on the current site, by user_can(), which knows super admins. The relay shows drafts only to
 *   users whose caps contain its --trusted-capability.
 * - site_id: the current site. On a network of sites, the relay's --filter compares it with the site of the event.
 * - aud, iss: "wpre-relay", and the address of the site or of the network's main site, for --jwt-audience and
 *   --jwt-issuer of the relay
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
		'aud'     => 'wpre-relay',
		'iss'     => untrailingslashit( network_home_url() ),
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
		wpre_relay_log_error( $error->getMessage() . '; users see the same as the public' );
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
	return $claims ? wpre_relay_sign( wpre_relay_times() + $claims ) : '';
}

/**
 * Returns the claims that bound the life of a token that is created now.
 *
 * @return array The times iat and exp, in Unix time.
 */
function wpre_relay_times() {
	return array(
		'iat' => time(),
		'exp' => time() + wpre_relay_ttl(),
	);
}

/**
 * Returns the lifetime of a token. It bounds the time after which the relay notices that a user has logged out or lost
 * a capability.
 *
 * @return int The time in seconds.
 */
function wpre_relay_ttl() {
	return defined( 'WPRE_RELAY_JWT_TTL' ) ? (int) WPRE_RELAY_JWT_TTL : WPRE_Relay_Access::LIFETIME;
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
		$problem = WPRE_RELAY_JWT_KEY . ' has no readable secret of at least 32 bytes';
		wpre_relay_log_error( "$problem; users see the same as the public" );
		return '';
	}
	$payload = wp_json_encode( $claims );
	if ( ! $payload ) {
		wpre_relay_log_error( 'the claims of a user are not valid JSON; users see the same as the public' );
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
 * Returns which requests of a browser carry the token's cookie: those to the relay. The relay must have the host name
 * of the site, or a name in the domain of WordPress's own cookies (COOKIE_DOMAIN). A port does not matter.
 *
 * @param int $site The site of a network; 0: the current site.
 * @return array|null The cookie's path and domain; null if the relay has another domain, so that a cookie is no use.
 */
function wpre_relay_cookie_scope( $site = 0 ) {
	$relay  = (array) wp_parse_url( wpre_relay_url( $site ) ) + array( 'path' => '' );
	$host   = isset( $relay['host'] ) ? strtolower( $relay['host'] ) : '';
	$domain = '';
	if ( strtolower( (string) wp_parse_url( home_url(), PHP_URL_HOST ) ) !== $host ) {
		$domain = defined( 'COOKIE_DOMAIN' ) && COOKIE_DOMAIN ? ltrim( strtolower( COOKIE_DOMAIN ), '.' ) : '';
		if ( '' === $domain || ! preg_match( '/(^|\.)' . preg_quote( $domain, '/' ) . '$/', $host ) ) {
			return null;
		}
	}
	return array(
		'path'   => '/' . trim( $relay['path'], '/' ),
		'domain' => $domain,
	);
}

/**
 * Sends the token's cookie to the browser. Scripts cannot read it, and pages of other sites cannot use it.
 *
 * @param string $token The token; '' deletes the cookie.
 * @param int    $site  The site of a network; 0: the current site.
 * @return bool Whether the relay gets the cookie.
 */
function wpre_relay_send_cookie( $token, $site = 0 ) {
	$scope = wpre_relay_cookie_scope( $site );
	if ( ! $scope || headers_sent() ) {
		return false;
	}
	$lifetime = max( WPRE_Relay_Access::LIFETIME, wpre_relay_ttl() ); // The relay ignores a token that has expired.
	$options  = $scope + array(
		'expires'  => '' === $token ? 1 : time() + $lifetime,
		'secure'   => is_ssl(),
		'httponly' => true,
		'samesite' => 'Lax',
	);
	return setcookie( WPRE_Relay_Access::COOKIE, $token, $options );
}

/**
 * Records the current site in a cookie, so that logging out can delete the cookies of all sites of a network.
 *
 * @param int[] $sites The sites whose cookies the browser has, the newest last.
 */
function wpre_relay_send_sites( $sites ) {
	$options = array(
		'expires'  => $sites ? 0 : 1,
		'path'     => SITECOOKIEPATH,
		'domain'   => (string) COOKIE_DOMAIN,
		'secure'   => is_ssl(),
		'httponly' => true,
		'samesite' => 'Lax',
	);
	setcookie( WPRE_Relay_Access::SITES_COOKIE, implode( '-', $sites ), $options );
}

/**
 * Returns the sites of a network whose cookies the browser has.
 *
 * @return int[] The sites, the newest last.
 */
function wpre_relay_sites() {
	$name = WPRE_Relay_Access::SITES_COOKIE;
	$text = isset( $_COOKIE[ $name ] ) ? wp_unslash( $_COOKIE[ $name ] ) : '';
	if ( ! is_string( $text ) || ! preg_match( '/^[0-9]{1,9}(-[0-9]{1,9})*$/', $text ) ) {
		return array();
	}
	return array_slice( array_map( 'intval', explode( '-', $text ) ), -WPRE_Relay_Access::MAX_SITES );
}

/**
 * Gives the current user a new token: in a cookie if the relay gets it.
 *
 * @return array The token, '' if there is none, and whether the browser has it in a cookie.
 */
function wpre_relay_renew() {
	$token  = wpre_relay_token( wp_get_current_user() );
	$cookie = '' !== $token && wpre_relay_send_cookie( $token );
	if ( $cookie && is_multisite() ) {
		$sites = wpre_relay_sites();
		if ( ! in_array( get_current_blog_id(), $sites, true ) ) {
			$sites[] = get_current_blog_id();
			if ( count( $sites ) > WPRE_Relay_Access::MAX_SITES ) {
				wpre_relay_send_cookie( '', array_shift( $sites ) );
			}
			wpre_relay_send_sites( $sites );
		}
	}
	return array( $token, $cookie );
}

/**
 * Returns whether the current user can get tokens.
 *
 * @return bool
 */
function wpre_relay_has_tokens() {
	return is_user_logged_in() && defined( 'WPRE_RELAY_JWT_KEY' ) && '' !== wpre_relay_url();
}

/**
 * Sets the cookie with each page of a user who is logged in. No cache may keep such a page for others.
 */
function wpre_relay_set_cookie() {
	if ( wp_doing_ajax() || headers_sent() || ! wpre_relay_has_tokens() || ! wpre_relay_cookie_scope() ) {
		return;
	}
	header( 'Cache-Control: no-cache, must-revalidate, max-age=0, no-store, private' );
	defined( 'DONOTCACHEPAGE' ) || define( 'DONOTCACHEPAGE', true ); // Most caching plugins respect it.
	wpre_relay_renew();
}
add_action( 'template_redirect', 'wpre_relay_set_cookie', PHP_INT_MIN );
add_action( 'admin_init', 'wpre_relay_set_cookie', PHP_INT_MIN );

/**
 * Deletes the cookie when WordPress deletes its own: when the user logs out. On a network, the user is then logged out
 * of all sites.
 */
function wpre_relay_delete_cookie() {
	if ( '' === wpre_relay_url() || ! defined( 'WPRE_RELAY_JWT_KEY' ) ) {
		return;
	}
	wpre_relay_send_cookie( '' );
	if ( is_multisite() && wpre_relay_sites() ) {
		foreach ( array_diff( wpre_relay_sites(), array( get_current_blog_id() ) ) as $site ) {
			wpre_relay_send_cookie( '', $site );
		}
		wpre_relay_send_sites( array() );
	}
}
add_action( 'clear_auth_cookie', 'wpre_relay_delete_cookie' );

/**
 * Deletes the cookie if a page that renews it belongs to a visitor now: the answer to a renewal may have arrived after
 * the log-out, and have set it again.
 *
 * @param WP_Error|bool|null $result Whether WordPress has accepted the nonce of a REST request.
 * @return WP_Error|bool|null The same.
 */
function wpre_relay_delete_late_cookie( $result ) {
	$route = isset( $GLOBALS['wp']->query_vars['rest_route'] ) ? $GLOBALS['wp']->query_vars['rest_route'] : '';
	if ( '/wpre-relay/v1/token' === $route && ! wp_validate_auth_cookie( '', 'logged_in' ) ) {
		wpre_relay_delete_cookie();
	}
	return $result;
}
add_filter( 'rest_authentication_errors', 'wpre_relay_delete_late_cookie', PHP_INT_MAX );

/**
 * Registers the REST routes.
 */
function wpre_relay_register_routes() {
	$token = array(
		'methods'             => 'POST',
		'callback'            => 'wpre_relay_rest_token',
		'permission_callback' => 'wpre_relay_has_tokens', // WordPress has checked the nonce.
	);
	$auth  = array(
		'methods'             => 'GET',
		'callback'            => 'wpre_relay_rest_auth',
		'permission_callback' => '__return_true', // The answer for visitors is 401.
	);
	register_rest_route( 'wpre-relay/v1', '/token', $token );
	register_rest_route( 'wpre-relay/v1', '/auth', $auth );
}
add_action( 'rest_api_init', 'wpre_relay_register_routes' );

/**
 * Answers POST wpre-relay/v1/token: a new token for the user, in the cookie, or else in the answer.
 *
 * @return WP_REST_Response The answer.
 */
function wpre_relay_rest_token() {
	list( $token, $cookie ) = wpre_relay_renew();
	if ( '' === $token ) {
		return wpre_relay_answer( 503, array( 'message' => 'There is no token; see the error log of PHP.' ) );
	}
	$lifetime = array( 'expires_in' => wpre_relay_ttl() );
	return wpre_relay_answer( 200, $cookie ? $lifetime : $lifetime + array( 'token' => $token ) );
}

/**
 * Answers GET wpre-relay/v1/auth, which the relay requests with --auth-url: the claims of the user whose cookies or
 * application password the relay has forwarded. The relay's requests have no nonce, so the login cookie is verified
 * here. A page of another origin gets no answer, because a browser would send it the user's cookies, too.
 *
 * @param WP_REST_Request $request The request.
 * @return WP_REST_Response The answer: 200 with claims, 401 for visitors, 403 for pages of other origins.
 */
function wpre_relay_rest_auth( $request ) {
	$user = get_current_user_id();
	if ( ! $user ) {
		$user = (int) wp_validate_auth_cookie( '', 'logged_in' );
	}
	// On a network of sites, the path that the client has requested ends in /site-ID, and in /events or /history.
	$path   = (string) $request->get_header( 'X-Forwarded-Uri' );
	$switch = is_multisite() && preg_match( '~/site-([0-9]{1,9})(/[^/]*)?$~', $path, $found ) && get_site( $found[1] );
	if ( $switch ) {
		switch_to_blog( (int) $found[1] );
	}
	$origin  = strtolower( (string) wp_parse_url( get_http_origin(), PHP_URL_HOST ) );
	$foreign = get_http_origin() && strtolower( (string) wp_parse_url( home_url(), PHP_URL_HOST ) ) !== $origin;
	$claims  = $user ? wpre_relay_claims( get_userdata( $user ) ) : array();
	if ( $switch ) {
		restore_current_blog();
	}
	if ( $foreign && ! is_allowed_http_origin() ) {
		return wpre_relay_answer( 403, array( 'message' => 'Pages of this origin may not ask.' ) );
	}
	return $claims ? wpre_relay_answer( 200, wpre_relay_times() + $claims )
		: wpre_relay_answer( $user ? 403 : 401, array( 'message' => 'There are no claims about this visitor.' ) );
}

/**
 * Returns an answer that no cache keeps.
 *
 * @param int   $status The HTTP status.
 * @param array $body   The members of the JSON object.
 * @return WP_REST_Response The answer.
 */
function wpre_relay_answer( $status, $body ) {
	add_filter( 'nocache_headers', 'wpre_relay_no_store' ); // WordPress replaces the header for users.
	$answer = new WP_REST_Response( $body, $status );
	$answer->header( 'Cache-Control', 'no-store' );
	return $answer;
}

/**
 * Replaces the header by which WordPress limits caches.
 *
 * @param array $headers The headers.
 * @return array The headers.
 */
function wpre_relay_no_store( $headers ) {
	return array( 'Cache-Control' => 'no-store' ) + (array) $headers;
}

/**
 * Returns the script that renews the token. It defines wpreRelayToken(), which the relay's client calls before it
 * connects: it renews the cookie or the token if that is due, and returns the token, or undefined if the cookie has it
 * or if the user has logged out. A page that sleeps renews late, and a nonce lives for at most a day: then WordPress is
 * asked for another one.
 *
 * @return string The script, with %s for its settings.
 */
function wpre_relay_script() {
	return <<<'SCRIPT'
(({ url, nonceUrl, nonce, interval, cookie }) => {
	const CHECK = 5000, RETRY = 60000; // ms
	let token, renewing, due = cookie ? Date.now() + interval : 0;
	const post = () => fetch(url, { method: 'POST', headers: { 'X-WP-Nonce': nonce }, cache: 'no-store' });
	const renew = async () => {
		due = Date.now() + Math.min(interval, RETRY);
		let response = await post();
		if (response.status === 403) { // the nonce has expired, or belongs to an earlier login
			const other = await fetch(nonceUrl, { cache: 'no-store' });
			if (other.ok) {
				nonce = await other.text();
				response = await post();
			}
		}
		if (response.status === 429 || response.status >= 500) throw new Error(`no token: ${response.status}`);
		nonce = response.headers.get('X-WP-Nonce') || nonce;
		token = response.ok ? (await response.json()).token : undefined;
		due = Date.now() + interval;
	};
	globalThis.wpreRelayToken = async () => {
		if (Date.now() >= due) renewing ??= renew().finally(() => { renewing = undefined; });
		await renewing;
		return token;
	};
	const check = () => wpreRelayToken().catch(() => {}); // the next check or connection tries again
	setInterval(check, Math.min(CHECK, interval / 2));
	document.addEventListener('visibilitychange', check);
})(%s);
SCRIPT;
}

/**
 * Prints the script that renews the token, on pages of users who are logged in.
 */
function wpre_relay_print_script() {
	if ( ! wpre_relay_has_tokens() ) {
		return;
	}
	$settings = array(
		'url'      => rest_url( 'wpre-relay/v1/token' ),
		'nonceUrl' => admin_url( 'admin-ajax.php?action=rest-nonce' ),
		'nonce'    => wp_create_nonce( 'wp_rest' ),
		'interval' => max( 200, (int) ( wpre_relay_ttl() * 1000 * 2 / 3 ) ),
		'cookie'   => (bool) wpre_relay_cookie_scope(),
	);
	wp_print_inline_script_tag( sprintf( wpre_relay_script(), wp_json_encode( $settings, JSON_HEX_TAG ) ) );
}
add_action( 'wp_print_footer_scripts', 'wpre_relay_print_script', 4 );
add_action( 'admin_print_footer_scripts', 'wpre_relay_print_script', 4 );

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
 * Puts the relay's URL into the data of the plugin's script, for the case that wp-config.php sets the plugin's
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
			list( $address ) = explode( '?', $url );
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
		$attributes = ' data-connect="' . esc_attr( wpre_relay_url() ) . '" data-log';
		if ( wpre_relay_has_tokens() ) {
			$attributes .= ' data-token="wpreRelayToken"';
		}
		$tag = str_replace( ' src=', "$attributes src=", $tag );
	}
	return $tag;
}
add_filter( 'script_loader_tag', 'wpre_relay_connect_client', 10, 3 );
