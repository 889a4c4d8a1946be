<?php
/**
 * The configuration of the stand-in.
 *
 * @package wpre-relay
 */

define( 'DB_PASSWORD', 'secret-of-the-database' );

/* That's all, stop editing! Happy publishing. */

require_once ABSPATH . 'wp-settings.php';
