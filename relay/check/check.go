// Package check looks at what is around the relay as an operator would, and says how to mend what is wrong. It changes
// nothing.
package check

import (
	"context"
	"errors"
	"net/url"
	"os"
	"sync"
	"time"

	"wpre-relay/relay/security/origin"
)

// ErrFailed says that something is wrong that the findings tell.
var ErrFailed = errors.New("something is wrong; see above")

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Skip Level = "skip" // it could not be looked at
	Warn Level = "warn" // it works, but not well, or not for all
	Fail Level = "fail" // it does not work, or gives something away
)

// Finding is what one look has found.
type Finding struct {
	Check string `json:"check"` // what was looked at, in a word or two
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Fix   string `json:"fix"`   // what to do, in words; "" if there is nothing to do
	Paste []Snip `json:"paste"` // lines that do it
}

// Snip is lines to paste somewhere.
type Snip struct {
	Where string `json:"where"`
	Lines string `json:"lines"`
}

// Settings are the settings that an operator can change. Its fields match the flags of the command line, so that one
// struct converts to the other. The zero value checks neither the site nor the connection.
type Settings struct {
	Site *url.URL      // address of the site; nil skips it
	URL  *url.URL      // address that browsers connect to, with scheme ws or wss; nil skips the connection
	Idle time.Duration // how long to watch whether an idle connection holds; 0 skips that
}

// Options are the options of Run. The zero value checks nothing.
type Options struct {
	Settings

	File  string                                  // the event file; "" skips all checks of files
	Sure  bool                                    // File is certain; false if it was guessed
	Watch func(file string) (mode, reason string) // returns how File would be watched; nil skips that

	Listen      string // the relay's addresses; "" and "off" skip the check
	AdminListen string

	Origins origin.Policy // applied where the relay cannot be asked
	Drafts  bool          // the relay sends events of drafts to the public
}

// Run looks at everything there is to look at, and returns what it has found, in order. It takes as long as Options.Idle, and
// up to half a minute more.
func Run(ctx context.Context, opts Options) []Finding {
	looks := []func(context.Context, Options) []Finding{
		lookAtPath, lookAtPermissions, lookAtWatch, lookAtPlugin, lookAtCompanion, lookAtOwners, lookAtDrafts, lookAtPorts, lookAtSite, lookAtProxy,
	}
	found := make([][]Finding, len(looks))
	var running sync.WaitGroup
	for i, look := range looks {
		running.Go(func() { found[i] = look(ctx, opts) })
	}
	running.Wait()
	var all []Finding
	for _, findings := range found {
		all = append(all, findings...)
	}
	return all
}

// Failed returns ErrFailed if one of the findings is a failure.
func Failed(findings []Finding) error {
	for _, f := range findings {
		if f.Level == Fail {
			return ErrFailed
		}
	}
	return nil
}

func one(check string, level Level, text string) []Finding {
	return []Finding{{Check: check, Level: level, Text: text}}
}

// exists reports whether there is something at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
