// Package companion holds the must-use plugin that keeps every event of WordPress in an outbox beside the event file.
// It does not install the plugin: "wpre-relay companion" prints it, and the operator copies it into
// wp-content/mu-plugins.
package companion

import _ "embed"

// Plugin is the PHP source of the must-use plugin wpre-relay-companion.php. Callers must not modify it.
//
//go:embed wpre-relay-companion.php
var Plugin []byte
