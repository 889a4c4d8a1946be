package admin

import (
	"cmp"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"wpre-relay/relay"
)

// LinkState is the state of a link.
type LinkState string

// The states of links.
const (
	LinkOK      LinkState = "ok"
	LinkWaiting LinkState = "waiting" // nothing is wrong, and nothing has happened yet
	LinkWarning LinkState = "warning" // works, but may lose events
	LinkBroken  LinkState = "broken"  // no event passes
	LinkUnused  LinkState = "unused"  // this relay has no such link
)

// Link is one step of an event's way from the plugin to the clients.
type Link struct {
	Name  string     `json:"name"` // write, read, decide, journal or clients
	State LinkState  `json:"state"`
	Text  string     `json:"text"`
	Time  *time.Time `json:"time,omitempty"` // of the last event here
	Fix   string     `json:"fix"`            // what to do; "" if there is nothing to do
	Paste []Snippet  `json:"paste"`          // lines that help to do it
}

// Snippet is text to paste.
type Snippet struct {
	Where string `json:"where"`
	Lines string `json:"lines"`
}

// shell returns commands to paste into a shell.
func shell(lines ...string) []Snippet {
	return []Snippet{{Where: "In a shell", Lines: strings.Join(lines, "\n")}}
}

var shellSafe = regexp.MustCompile(`^[\w./:=@%+,-]+$`)

// quote returns one word of a POSIX shell with this value.
func quote(value string) string {
	if shellSafe.MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// links returns all links in the order in which an event passes them. last is the newest change; zero if there is none.
func (h Health) links(report Report, last relay.Change) []Link {
	return []Link{
		writeLink(report, last.Time),
		readLink(report.Watch),
		decideLink(report, h.Relay != nil, last),
		h.journalLink(report),
		h.clientsLink(report),
	}
}

// writeLink is the plugin's write of the event file.
func writeLink(report Report, last time.Time) Link {
	watch := report.Watch
	link := Link{Name: "write", State: LinkOK}
	switch {
	case watch == nil && report.Publishing:
		link.State, link.Text = LinkUnused, "no file is watched; events arrive over POST /publish"
	case watch == nil:
		link.State, link.Text = LinkUnused, "no file is watched; events arrive from the broker"
	case watch.Present && last.IsZero():
		link.Text = "the event file exists"
	case watch.Present:
		link.Text, link.Time = "last change", &last
	default:
		link.State, link.Text = LinkWaiting, "no event file yet"
		link.Fix = "Save a post in WordPress. If this stays, the plugin is off, or the relay watches another site:"
		link.Paste = shell("wp plugin list --status=active --path="+quote(siteOf(watch.File)),
			"wpre-relay check --watch "+quote(watch.File))
	}
	return link
}

// siteOf returns the directory of WordPress that an event file belongs to by default.
func siteOf(file string) string { return filepath.Dir(filepath.Dir(filepath.Dir(file))) }

// readLink is the relay's read of the event file.
func readLink(watch *Watch) Link {
	link := Link{Name: "read", State: LinkOK}
	if watch == nil {
		link.State, link.Text = LinkUnused, "this relay reads no file"
		return link
	}
	dir := quote(filepath.Dir(watch.File))
	switch {
	case watch.Hangs != "" || watch.Mode != "" && time.Since(watch.Heartbeat) > maxSilence:
		link.State = LinkBroken
		link.Text = "the file system hangs: " + cmp.Or(watch.Hangs, "the watcher does not run")
		link.Fix = "Restore the server of this file system, or unmount it; the relay then continues by itself:"
		link.Paste = shell("findmnt --target "+dir, "dmesg --level=err,warn | tail")
	case watch.Mode == "":
		link.State, link.Text = LinkWaiting, "the event file is not watched yet"
	case watch.Problem != "":
		link.State, link.Text = LinkBroken, watch.Problem
		link.Fix = "Run the relay as a user that can read the file, or change its mode. This shows who may:"
		link.Paste = shell("namei -l "+quote(watch.File), "wpre-relay check --watch "+quote(watch.File))
	case watch.Reason != "":
		link.Text = watch.Mode + ": " + watch.Reason
	default:
		link.Text = "by " + watch.Mode
	}
	return link
}

// decideLink is the relay's decision about a change.
func decideLink(report Report, ingests bool, last relay.Change) Link {
	link := Link{Name: "decide", State: LinkOK}
	overwritten := report.Decisions[relay.Overwritten]
	switch {
	case !ingests:
		link.State, link.Text = LinkUnused, "this relay takes no events in; others decide"
	case last.Decision == relay.Invalid:
		link.State, link.Text = LinkBroken, "the newest change is not an event: "+last.Reason
		link.Fix = "Find out which program wrote it: only the plugin should. The next valid event clears this:"
		if report.Watch != nil {
			link.Paste = shell("ls -lt "+quote(filepath.Dir(report.Watch.File)),
				"head -c 300 "+quote(report.Watch.File))
		}
	case overwritten > 0 && report.Watch != nil && !report.Watch.Outbox:
		link.State = LinkWarning
		link.Text = plural(overwritten, "change was", "changes were") + " overwritten before the relay could read them"
		link.Fix = "Install the companion, which stores every event:"
		plugin := filepath.Join(filepath.Dir(filepath.Dir(report.Watch.File)), "mu-plugins", "wpre-relay-companion.php")
		link.Paste = shell("wpre-relay companion | install -D -m 644 /dev/stdin " + quote(plugin))
	case last.Decision == "":
		link.State, link.Text = LinkWaiting, "no change since the relay started"
	default:
		link.Text = "newest: " + string(last.Decision)
	}
	return link
}
