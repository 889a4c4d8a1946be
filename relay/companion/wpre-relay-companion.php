<?php
/**
 * Plugin Name: wpre-relay companion
 * Description: Lets wpre-relay have every event of "WP Realtime Events": keeps them in a file that grows beside the plugin's one slot, and loads what the plugin forgets. Needs no settings.
 * Version:     1.0.0
 * Requires PHP: 7.4
 *
 * To install it, copy this file into wp-content/mu-plugins; to remove it, delete that copy. The plugin stays as it is.
 *
 * The plugin overwrites one file with each event, so that of saves at the same instant some are gone before anything
 * can read them; and it calls WP_Filesystem() without the file that defines it, which ends saves through the block
 * editor, the front end and WP-Cron. This file mends both through WordPress's own filters. Events go, one a line, into
 * the outbox, wp-content/realtime-events/events-KEY.ndjson, which wpre-relay follows by itself when it is there. The
 * key is a secret, since web servers give that folder to everybody. Whatever goes wrong here, the plugin's file is
 * written as if this one was not there, and the error log says so once a day.
 *
 * These constants in wp-config.php make it do more:
 *
 *   WPRE_RELAY_FIELDS   true: events also tell post_type, permalink and site_id
 *   WPRE_RELAY_URL      where browsers find the relay: 'wss://www.example.com/ws'
 *   WPRE_RELAY_JWT_KEY  the file of the secret that the relay has as --jwt-key: who is logged in gets a token in that URL
 *   WPRE_RELAY_JWT_TTL  for how many seconds it counts; default: 12 hours, for the plugin's page cannot renew it
 *   WPRE_RELAY_CLIENT   true: pages get the relay's own client, which misses nothing, in place of the plugin's script
 *
 * @package wpre-relay
 */

defined( 'ABSPATH' ) || exit;

/**
 * Loads what the plugin forgets, before it needs it, whoever saves: wp-admin, the block editor, a visitor, WP-Cron, a
 * command. Not before init as a rule, since the file has texts that are translated when it is loaded.
 */
function wpre_relay_load_filesystem() {
	global $wp_file_descriptions, $allowed_files; // What the file sets, and wp-admin's editors need.
	require_once ABSPATH . 'wp-admin/includes/file.php';
}
add_action( 'init', 'wpre_relay_load_filesystem', PHP_INT_MIN );
add_action( 'save_post', 'wpre_relay_load_filesystem', PHP_INT_MIN );

/**
 * Has WP_Filesystem() make a file system that is WP_Filesystem_Direct but for the event file. Others who ask for the
 * method compare it with 'direct', and are told that still.
 *
 * @param string $method The method that WordPress has chosen.
 * @return string The method to use.
 */
function wpre_relay_filesystem_method( $method ) {
	if ( 'direct' !== $method ) {
		return $method; // PHP may not write files here.
	}
	foreach ( debug_backtrace( DEBUG_BACKTRACE_IGNORE_ARGS, 8 ) as $frame ) { // phpcs:ignore WordPress.PHP.DevelopmentFunctions -- who asks decides.
		if ( 'WP_Filesystem' === $frame['function'] ) {
			wpre_relay_declare_filesystem();
			return 'wpre_relay';
		}
	}
	return $method;
}
add_filter( 'filesystem_method', 'wpre_relay_filesystem_method', PHP_INT_MAX );

/**
 * Declares the class that WP_Filesystem() makes by its name. WordPress loads what that extends only when it is needed.
 */
function wpre_relay_declare_filesystem() {
	if ( class_exists( 'WP_Filesystem_wpre_relay', false ) ) {
		return;
	}
	require_once ABSPATH . 'wp-admin/includes/class-wp-filesystem-base.php';
	require_once ABSPATH . 'wp-admin/includes/class-wp-filesystem-direct.php';

	// phpcs:disable PEAR.NamingConventions.ValidClassName -- WP_Filesystem() makes the name out of the method's.
	/**
	 * WP_Filesystem_Direct, but for how it writes the event file.
	 */
	class WP_Filesystem_wpre_relay extends WP_Filesystem_Direct {

		/**
		 * Writes a file.
		 *
		 * @param string    $file     Path to the file.
		 * @param string    $contents What to write.
		 * @param int|false $mode     Optional. The file's permissions, as an octal number. Default false.
		 * @return bool Whether that succeeded.
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
 * The file that events go to, one a line. It grows, and is begun anew when it is large; the one before is kept. A line
 * is {"id":"EPOCH-NUMBER","at":TIME,"sum":CHECKSUM,"event":DOCUMENT}, as in wpre-relay's own journal: numbers grow by
 * one from line to line, the epoch is new when they begin anew, and the checksum is CRC-32C of all the rest.
 */
class WPRE_Relay_Outbox {

	/**
	 * The size, in bytes, from which on it is begun anew.
	 */
	const FULL = 4194304;

	/**
	 * For how long, in seconds, to wait for other processes.
	 */
	const PATIENCE = 2.0;

	/**
	 * For how long, in seconds, it is not tried again when it could not be written: that may take its time.
	 */
	const PAUSE = 60;

	/**
	 * Unix time until which it is not tried again in this process.
	 *
	 * @var int
	 */
	private static $given_up_until = 0;

	/**
	 * The folder that it is in.
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
	 * Path of the file.
	 *
	 * @var string
	 */
	private $path;

	/**
	 * Path of the one before it.
	 *
	 * @var string
	 */
	private $former;

	/**
	 * The file, open and locked; null if it is not.
	 *
	 * @var resource|null
	 */
	private $handle = null;

	/**
	 * An outbox that is not open yet.
	 *
	 * @param string $dir  The folder that it is in.
	 * @param int    $mode Permissions of new files.
	 */
	public function __construct( $dir, $mode ) {
		$key          = substr( hash_hmac( 'sha256', 'wpre-relay outbox', wp_salt( 'auth' ) ), 0, 32 );
		$this->dir    = $dir;
		$this->mode   = $mode;
		$this->path   = "$dir/events-$key.ndjson";
		$this->former = "$dir/events-$key.1.ndjson";
	}

	/**
	 * Adds an event, and keeps others from doing so until close().
	 *
	 * @param string $contents The event as the plugin has it.
	 * @return bool Whether it is in the outbox now; what is no event never is.
	 */
	public function add( $contents ) {
		$event = json_decode( $contents );
		if ( time() < self::$given_up_until || ! is_object( $event ) || ! isset( $event->timestamp ) ) {
			return false;
		}
		try {
			$this->open();
			$this->append( $contents );
			return true;
		} catch ( Throwable $trouble ) {
			self::$given_up_until = time() + self::PAUSE;

			$why = str_replace( basename( $this->path, '.ndjson' ), 'events-KEY', $trouble->getMessage() ); // Some serve the log, too.
			wpre_relay_complain( "$why; events go into latest_event.json alone" );
			return false;
		}
	}

	/**
	 * Puts contents in a file's place, so that nobody ever sees half of it.
	 *
	 * @param string $file     Path to the file, or to a symbolic link to it.
	 * @param string $contents What to write.
	 * @return bool Whether that succeeded. If not, the file is as it was.
	 */
	public function replace( $file, $contents ) {
		$target = is_link( $file ) ? realpath( $file ) : $file;
		if ( false === $target ) {
			return false; // The link leads to nothing yet.
		}
		$temporary = dirname( $target ) . '/' . basename( $this->path, '.ndjson' ) . '.tmp'; // Nobody else writes it now.
		$written   = @file_put_contents( $temporary, $contents );
		if ( strlen( $contents ) === $written && $this->permit( $temporary ) && @rename( $temporary, $target ) ) {
			return true;
		}
		if ( false !== $written ) {
			@unlink( $temporary );
		}
		return false;
	}

	/**
	 * Lets others add events.
	 */
	public function close() {
		if ( $this->handle ) {
			fclose( $this->handle ); // Which also unlocks it.
			$this->handle = null;
		}
	}

	/**
	 * Opens and locks the file, and begins it anew if it is full.
	 *
	 * @throws RuntimeException If that cannot be done, or not in time.
	 */
	private function open() {
		$deadline = microtime( true ) + self::PATIENCE;
		do {
			$this->handle = $this->call( 'fopen', $this->path, 'a+b' );
			$this->lock( $deadline );
			clearstatcache( true, $this->path );
			$named  = @stat( $this->path );
			$opened = fstat( $this->handle );
			if ( ! $named || $named['ino'] !== $opened['ino'] || $named['dev'] !== $opened['dev'] ) {
				$this->close(); // Another process has just begun it anew.
			} elseif ( $opened['size'] >= self::FULL ) {
				$this->call( 'rename', $this->path, $this->former );
				$this->close();
			} else {
				return;
			}
		} while ( microtime( true ) < $deadline );
		throw new RuntimeException( "{$this->path} is begun anew all the time" );
	}

	/**
	 * Locks the file, against all who do the same.
	 *
	 * @param float $deadline Unix time until which it may take.
	 * @throws RuntimeException If that cannot be done, or not in time.
	 */
	private function lock( $deadline ) {
		while ( ! flock( $this->handle, LOCK_EX | LOCK_NB, $held ) ) {
			if ( ! $held || microtime( true ) > $deadline ) {
				throw new RuntimeException( "{$this->path} cannot be locked" );
			}
			usleep( 100 );
		}
	}

	/**
	 * Writes a line.
	 *
	 * @param string $contents The event, which is valid JSON.
	 * @throws RuntimeException If not all of it could be written; then nothing is.
	 */
	private function append( $contents ) {
		$size = fstat( $this->handle )['size'];
		if ( 0 === $size ) {
			$this->begin();
			$last = file_exists( $this->former ) ? $this->last( $this->call( 'fopen', $this->former, 'rb' ) ) : array( '', 0 );
		} else {
			$last = $this->last( $this->handle );
		}
		list( $epoch, $number ) = $last;
		if ( '' === $epoch ) {
			$epoch = bin2hex( random_bytes( 4 ) );
		}
		list( $fraction, $seconds ) = explode( ' ', microtime() );

		$id       = $epoch . '-' . ( $number + 1 );
		$at       = gmdate( 'Y-m-d\TH:i:s', (int) $seconds ) . substr( $fraction, 1, 7 ) . 'Z';
		$document = preg_replace( '/[\r\n]+ */', '', trim( $contents ) ); // JSON has line breaks only between its tokens.
		$sum      = hash( 'crc32c', $id . $at . $document );
		$line     = "{\"id\":\"$id\",\"at\":\"$at\",\"sum\":\"$sum\",\"event\":$document}\n";
		if ( $size > 0 && ! $this->ends_whole( $size ) ) {
			$line = "\n$line"; // A process was killed when it wrote the line before.
		}
		if ( strlen( $line ) !== @fwrite( $this->handle, $line ) ) {
			ftruncate( $this->handle, $size );
			throw new RuntimeException( "{$this->path} cannot be written; is the disk full?" );
		}
	}

	/**
	 * Sees to what a new outbox needs.
	 */
	private function begin() {
		$this->permit( $this->path );
		if ( ! file_exists( "{$this->dir}/index.php" ) ) { // Against servers that list folders.
			@file_put_contents( "{$this->dir}/index.php", "<?php\n// Silence is golden.\n" );
			$this->permit( "{$this->dir}/index.php" );
		}
		foreach ( (array) glob( "{$this->dir}/events-*.ndjson" ) as $file ) { // Of other salts.
			if ( $file !== $this->path && $file !== $this->former && filemtime( $file ) < time() - WEEK_IN_SECONDS ) {
				@unlink( $file );
			}
		}
	}

	/**
	 * Lets those write a new file who may write the others, also if a command that root runs has made it.
	 *
	 * @param string $file Path to the file.
	 * @return bool Whether it has its permissions.
	 */
	private function permit( $file ) {
		clearstatcache( true, $file );
		$owner = fileowner( $this->dir );
		$group = filegroup( $this->dir );
		if ( fileowner( $file ) !== $owner && function_exists( 'chown' ) ) { // Some hosts have disabled it.
			@chown( $file, $owner );
		}
		if ( filegroup( $file ) !== $group && function_exists( 'chgrp' ) ) {
			@chgrp( $file, $group );
		}
		return @chmod( $file, $this->mode );
	}

	/**
	 * Tells whether the file ends with a whole line.
	 *
	 * @param int $size Its size.
	 * @return bool
	 */
	private function ends_whole( $size ) {
		fseek( $this->handle, $size - 1 );
		return "\n" === fgetc( $this->handle );
	}

	/**
	 * Finds the last line that tells its number.
	 *
	 * @param resource $handle An outbox.
	 * @return array Its epoch and number; '' and 0 if there is none.
	 */
	private function last( $handle ) {
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
	 * Calls a function that warns and returns false if it fails.
	 *
	 * @param callable $name      The function.
	 * @param mixed    ...$inputs What it gets.
	 * @return mixed What it returns.
	 * @throws RuntimeException If it fails.
	 */
	private function call( $name, ...$inputs ) {
		$output = @$name( ...$inputs );
		if ( false === $output ) {
			$why = error_get_last();
			throw new RuntimeException( $why ? $why['message'] : "$name {$this->path} fails" );
		}
		return $output;
	}
}

/**
 * Writes into the error log, once a day.
 *
 * @param string $trouble What is wrong.
 */
function wpre_relay_complain( $trouble ) {
	if ( ! get_site_transient( 'wpre_relay_trouble' ) ) {
		set_site_transient( 'wpre_relay_trouble', time(), DAY_IN_SECONDS );
		error_log( "wpre-relay companion: $trouble" ); // phpcs:ignore WordPress.PHP.DevelopmentFunctions -- for the site's operator.
	}
}

/**
 * Adds to an event what its readers would have to ask the site for, if WPRE_RELAY_FIELDS says so. What the plugin wrote
 * stays as it is, to the byte.
 *
 * @param string $contents The event as the plugin has it.
 * @return string The event with more fields; as it was if that cannot be done.
 */
function wpre_relay_add_fields( $contents ) {
	if ( ! defined( 'WPRE_RELAY_FIELDS' ) || ! WPRE_RELAY_FIELDS ) {
		return $contents;
	}
	try {
		$event = json_decode( $contents, true );
		if ( ! is_array( $event ) || ! isset( $event['timestamp'] ) || '}' !== substr( rtrim( $contents ), -1 ) ) {
			return $contents;
		}
		$fields = array( 'site_id' => get_current_blog_id() );
		if ( ! empty( $event['post_id'] ) && get_post( $event['post_id'] ) ) {
			$fields = array(
				'post_type' => get_post_type( $event['post_id'] ),
				'permalink' => get_permalink( $event['post_id'] ),
			) + $fields;
		}
		/**
		 * Filters what is added to an event.
		 *
		 * @param array $fields Fields by name.
		 * @param array $event  The event as the plugin has it.
		 */
		$fields = array_diff_key( apply_filters( 'wpre_relay_fields', $fields, $event ), $event );
		$more   = $fields ? wp_json_encode( (object) $fields, JSON_PRETTY_PRINT ) : false;
		if ( ! $more ) {
			return $contents;
		}
		return rtrim( substr( rtrim( $contents ), 0, -1 ) ) . ',' . substr( $more, 1 );
	} catch ( Throwable $trouble ) {
		wpre_relay_complain( $trouble->getMessage() . '; events go without more fields' );
		return $contents;
	}
}

/**
 * Returns where browsers find the relay, with a token for who is logged in.
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
 * Makes a JSON Web Token (RFC 7519, HS256).
 *
 * @param WP_User $user Who it is for. The relay's --filter knows the roles as claims.roles.
 * @return string The token; '' if WPRE_RELAY_JWT_KEY is not set or cannot be read.
 */
function wpre_relay_token( $user ) {
	if ( ! defined( 'WPRE_RELAY_JWT_KEY' ) ) {
		return '';
	}
	$secret = rtrim( (string) @file_get_contents( WPRE_RELAY_JWT_KEY ), "\r\n" );
	if ( strlen( $secret ) < 32 || false !== strpos( $secret, '-----BEGIN ' ) ) {
		wpre_relay_complain( WPRE_RELAY_JWT_KEY . ' cannot be read, or is no secret of 32 bytes or more; pages get no token' );
		return '';
	}
	$ttl    = defined( 'WPRE_RELAY_JWT_TTL' ) ? (int) WPRE_RELAY_JWT_TTL : 12 * HOUR_IN_SECONDS;
	$claims = array(
		'sub'   => (string) $user->ID,
		'roles' => array_values( $user->roles ),
		'iat'   => time(),
		'exp'   => time() + $ttl,
	);
	$base64 = function ( $bytes ) {
		return rtrim( strtr( base64_encode( $bytes ), '+/', '-_' ), '=' ); // phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions -- RFC 7515, section 2.
	};
	$signed = $base64( '{"alg":"HS256","typ":"JWT"}' ) . '.' . $base64( wp_json_encode( $claims ) );
	return $signed . '.' . $base64( hash_hmac( 'sha256', $signed, $secret, true ) );
}

/**
 * Tells the plugin where the relay is, unless wp-config.php does.
 */
function wpre_relay_define_url() {
	if ( defined( 'WPRE_RELAY_URL' ) && ! defined( 'WPRE_WS_SERVER_URL' ) ) {
		define( 'WPRE_WS_SERVER_URL', wpre_relay_url() );
	}
}
add_action( 'init', 'wpre_relay_define_url', PHP_INT_MIN );

/**
 * Gives the plugin's script the URL with the token where its constant was set before, or puts the relay's own client in
 * the script's place.
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
 * Tells the relay's client, where it stands in for the plugin's script, to connect and to show what that shows.
 *
 * @param string $tag    The script's element.
 * @param string $handle Its name.
 * @param string $src    Where it comes from.
 * @return string The element to print.
 */
function wpre_relay_connect_client( $tag, $handle, $src ) {
	if ( defined( 'WPRE_RELAY_CLIENT' ) && WPRE_RELAY_CLIENT && 'client.js' === basename( strtok( $src, '?' ) ) && wpre_relay_url() ) {
		$tag = str_replace( ' src=', ' data-connect="' . esc_attr( wpre_relay_url() ) . '" data-log src=', $tag );
	}
	return $tag;
}
add_filter( 'script_loader_tag', 'wpre_relay_connect_client', 10, 3 );
