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

// Options say where to look. What is not given is not looked at.
type Options struct {
	File  string // the event file; "" for none
	Sure  bool   // it was told by more than a guess
	Watch func(file string) (mode, reason string)

	Listen      string // "" for nowhere, as "off"
	AdminListen string

	Site    *url.URL      // the site
	URL     *url.URL      // where browsers connect: ws:// or wss://
	Idle    time.Duration // how long to leave that connection alone
	Origins origin.Policy
	Drafts  bool // events of drafts are sent to everybody
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
