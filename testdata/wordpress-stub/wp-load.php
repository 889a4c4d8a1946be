<?php
/**
 * A stand-in for WordPress without a database, for tests of "wpre-relay up": it loads must-use plugins and the plugin.
 *
 * @package wpre-relay
 */

define( 'ABSPATH', __DIR__ . '/' );
$wpre_config = ABSPATH . 'wp-config.php';
require file_exists( $wpre_config ) ? $wpre_config : dirname( $wpre_config, 2 ) . '/wp-config.php';
