<?php
/**
 * A stand-in for WordPress without a database, for tests of "wpre-relay up": it loads must-use plugins and the plugin.
 *
 * @package wpre-relay
 */

define( 'ABSPATH', __DIR__ . '/' );
require ABSPATH . 'wp-config.php';
