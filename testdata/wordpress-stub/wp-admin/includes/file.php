<?php
/**
 * The file system of the stand-in.
 *
 * @package wpre-relay
 */

/** How WordPress writes files. A test creates the file. */
function get_filesystem_method() {
	return file_exists( '/run/ftp' ) ? 'ftpext' : 'direct';
}
