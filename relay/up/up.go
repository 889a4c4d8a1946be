// Package up connects a WordPress of this machine with a relay: it installs the service, the companion, the key, the
// address in wp-config.php and the web server's path, and proves the result with a test event. It undoes everything if
// a step fails, and Down undoes it later. It works on Linux with systemd. It edits no file that it cannot parse, and
// it installs neither WordPress nor the plugin.
package up

import (
	"io"
	"net/url"
)

// Settings are the settings that an operator can change. Its fields match the flags of the command line.
type Settings struct {
	Watch  string   // directory of WordPress; "" finds the only one that a web server serves
	Site   *url.URL // address of the site; nil: any
	Path   string   // path of the relay on the site, such as /ws
	Listen string   // address of the relay behind the web server
}

// Options are the options of Run and Down. Down uses Out, Terminal, DryRun and Confirm only.
type Options struct {
	Settings

	DryRun   bool // only show the plan
	OneByOne bool // ask before each step, and keep the steps before one that fails

	Program  string // path of this program
	Out      io.Writer
	Terminal bool                       // Out is a terminal
	Confirm  func(question string) bool // asks the operator

	// Locate returns the event file for a directory of WordPress; see watcher.Locate.
	Locate func(path string) (file, doubt string, err error)
}
