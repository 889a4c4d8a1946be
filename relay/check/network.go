package check

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"

	"wpre-relay/relay/security/filter"
)

// checkNetwork checks, for a network of sites (multisite), whether the settings keep the drafts of each site from users
// of the others. All sites write into the same event file.
func checkNetwork(_ context.Context, opts Options) []Finding {
	const check = "network"
	if opts.File == "" || !isNetwork(opts.File) {
		return nil
	}
	content := filepath.Dir(filepath.Dir(opts.File))
	muPlugins := filepath.Join(content, "mu-plugins")
	namesSite := func(source []byte) bool { return bytes.Contains(source, []byte("wpre_relay_claims")) }
	var findings []Finding
	if !anySource(muPlugins, namesSite) {
		findings = append(findings, warn(check, "this is a network of sites, and its events do not name their site",
			"Install the companion of this version, which adds site_id:", installCompanion(muPlugins)))
	}
	if opts.Filter.SeparatesSites() {
		return append(findings, ok(check, "drafts of one site of the network are hidden from users of the others"))
	}
	return append(findings, warn(check, "this is a network of sites, and users of one site can see drafts of another: "+
		"the settings do not compare event.site_id with claims.site_id, or show drafts without a site",
		"Compare the two, and require that the client has one. This replaces --public-status:",
		Snippet{"For the command line", "--filter '" + filter.NetworkExpression + "'"},
		Snippet{"For compose.yaml, at the relay's environment",
			"WPRE_RELAY_FILTER: '" + filter.NetworkExpression + "'"}))
}

var (
	// phpStringOrComment matches a string of PHP, in a group, or a comment.
	phpStringOrComment = regexp.MustCompile(`(?s)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|/\*.*?\*/|(?://|#)[^\n]*`)

	// multisite matches the definition that makes WordPress a network of sites.
	multisite = regexp.MustCompile(`(?i)\bdefine\s*\(\s*['"]MULTISITE['"]\s*,\s*(true|1)\s*\)|` +
		`\bconst\s+MULTISITE\s*=\s*(true|1)\s*;`)
)

// isNetwork reports whether the event file belongs to a network of sites. Each of these proves it: wp-config.php
// defines MULTISITE, a site other than the first has uploads, or the last event is of such a site. It is wrong for a
// network without any of them, for example if MULTISITE is an expression and only the first site is in use.
func isNetwork(eventFile string) bool {
	content := filepath.Dir(filepath.Dir(eventFile))
	if exists(filepath.Join(content, "uploads", "sites")) || exists(filepath.Join(content, "blogs.dir")) {
		return true
	}
	root := filepath.Dir(content)
	for _, dir := range []string{root, filepath.Dir(root)} { // WordPress also looks one directory above
		source, err := readBounded(filepath.Join(dir, "wp-config.php"))
		if err == nil && multisite.Match(phpStringOrComment.ReplaceAll(source, []byte("$1 "))) {
			return true
		}
	}
	var event struct {
		SiteID int `json:"site_id"`
	}
	text, err := readBounded(eventFile)
	return err == nil && json.Unmarshal(text, &event) == nil && event.SiteID > 1
}

// readBounded returns the content of a regular file of at most maxSourceSize.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSourceSize {
		return nil, os.ErrInvalid
	}
	return os.ReadFile(path)
}
