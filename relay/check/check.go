// Package check examines the surroundings of a relay as an operator would: the event file, the plugin, the site, the
// ports and the connection of browsers. Each finding says what is wrong and how to fix it. The package changes
// nothing, and it does not need a running relay.
package check

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/origin"
)

// ErrFailed means that at least one finding has the level Fail.
var ErrFailed = errors.New("at least one check failed; see above")

// Level is the severity of a finding.
type Level string

// The levels of findings.
const (
	OK   Level = "ok"
	Skip Level = "skip" // not checked
	Warn Level = "warn" // works, but with restrictions
	Fail Level = "fail" // does not work, or exposes data
)

// Finding is the result of one check.
type Finding struct {
	Check string    `json:"check"` // the subject, in one or two words
	Level Level     `json:"level"`
	Text  string    `json:"text"`
	Fix   string    `json:"fix"`   // what to do; "" if there is nothing to do
	Paste []Snippet `json:"paste"` // configuration that fixes the problem
}

// Snippet is a piece of configuration to paste.
type Snippet struct {
	Where string `json:"where"`
	Lines string `json:"lines"`
}

// Settings are the settings that an operator can change. Its fields match the flags of the command line, so that one
// struct converts to the other. The zero value checks neither the site nor the connection.
type Settings struct {
	Site *url.URL      // address of the site; nil skips it
	URL  *url.URL      // address that browsers connect to, with scheme ws or wss; nil skips the connection
	Idle time.Duration // how long to watch whether an idle connection stays open; 0 skips that
}

// Options are the options of Run. The zero value checks nothing.
type Options struct {
	Settings

	Path  string // the path from which File was determined; "" if there is none
	File  string // the event file; "" skips all checks of files
	Doubt string // why File may be the wrong file; "" if it is certain

	// Files are other files and directories of the relay. Hangs is set if the lookup of File hung.
	Files []string
	Hangs string

	PHP       PHP    // must be set if File is
	Companion []byte // the source of this version's companion

	PollInterval time.Duration                           // above 0 if the operator chose polling
	Watch        func(file string) (mode, reason string) // returns how File would be watched; nil skips that

	Listen      string // the relay's addresses; "" and "off" skip the check
	AdminListen string

	ProxyProtocol ProxyProtocol // of Listen

	Origins origin.Policy  // applied where the relay cannot be asked
	Drafts  bool           // the relay sends events of drafts to the public
	Filter  *filter.Filter // decides which events a client sees; nil: all

	frontPage func() answer // requests the site\'s front page once; set by Run if Site is not nil
}

// PHP reads files of PHP.
type PHP struct {
	// Code returns the code of a file without comments.
	Code func(source []byte) []byte

	// Constant returns all values that WordPress's configuration can give to a constant, and an error if they are not
	// known.
	Constant func(name string) ([]string, error)
}

// Run runs all checks concurrently and returns their findings in a fixed order. It takes as long as Options.Idle, and
// at most 50 seconds more, even if a file system hangs.
func Run(ctx context.Context, opts Options) []Finding {
	if opts.URL != nil {
		opts.URL = asBrowser(opts.URL)
	}
	if opts.Site != nil {
		opts.Site = asBrowser(opts.Site)
		opts.frontPage = sync.OnceValue(func() answer { return fetch(ctx, opts.Site) })
	}
	online := make(chan []Finding, 1)
	go func() {
		checks := []func(context.Context, Options) []Finding{checkPorts, checkSite, checkConnection}
		findings, _ := runAll(ctx, opts, opts.Idle+runLimit, checks)
		online <- findings
	}()
	return append(checkFiles(ctx, opts), <-online...)
}

// checkFiles runs the checks of files. If a file system hangs, it reports that only.
func checkFiles(ctx context.Context, opts Options) (all []Finding) {
	paths := opts.Files
	if opts.File != "" {
		paths = append([]string{opts.File}, paths...)
	}
	hanging := hangingPaths(paths)
	if opts.Hangs != "" {
		hanging = append([]string{opts.Hangs}, hanging...)
	}
	for _, path := range hanging {
		all = append(all, fileSystemHangs(path))
	}
	if opts.Hangs != "" || slices.Contains(hanging, opts.File) {
		return all
	}
	checks := []func(context.Context, Options) []Finding{
		checkPath, checkPermissions, checkWatch, checkPlugin, checkCompanion, checkFileAccess, checkDrafts, checkNetwork,
	}
	findings, hangs := runAll(ctx, opts, 2*FileLimit, checks)
	if hangs {
		all = append(all, fileSystemHangs(filepath.Dir(filepath.Dir(opts.File))))
	}
	return append(all, findings...)
}

// Failed returns ErrFailed if one of the findings has the level Fail.
func Failed(findings []Finding) error {
	for _, f := range findings {
		if f.Level == Fail {
			return ErrFailed
		}
	}
	return nil
}

// ok, skip, warn and fail return a finding with that level.
func ok(check, text string) Finding { return Finding{Check: check, Level: OK, Text: text} }

func skip(check, text string) Finding { return Finding{Check: check, Level: Skip, Text: text} }

// unknown returns a finding for a question that check could not answer.
func unknown(check, text, fix string) Finding {
	return Finding{Check: check, Level: Skip, Text: "not known: " + text, Fix: fix}
}

func warn(check, text, fix string, paste ...Snippet) Finding {
	return Finding{Check: check, Level: Warn, Text: text, Fix: fix, Paste: paste}
}

func fail(check, text, fix string, paste ...Snippet) Finding {
	return Finding{Check: check, Level: Fail, Text: text, Fix: fix, Paste: paste}
}

// exists reports whether a file or directory is at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
