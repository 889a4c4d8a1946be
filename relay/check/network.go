package check

import (
	"cmp"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"

	"wpre-relay/relay/security/filter"
)

// checkNetwork checks, for a network of sites (multisite), whether the settings keep the drafts of each site from users
// of the others. All sites write into the same event file.
func checkNetwork(_ context.Context, opts Options) []Finding {
	const check = "network"
	if opts.File == "" || !isNetwork(opts) {
		return nil
	}
	muPlugins := opts.contentDir("WPMU_PLUGIN_DIR", "mu-plugins")
	var findings []Finding
	if found, err := findSource(muPlugins, 1, opts.codeContains("wpre_relay_claims")); err != nil {
		findings = append(findings, notLooked(check, err))
	} else if found == "" {
		installed, _ := opts.findCompanion(muPlugins)
		findings = append(findings, warn(check, "this is a network of sites, and its events do not name their site",
			"Install the companion of this version, which adds site_id:",
			installCompanion(cmp.Or(installed, filepath.Join(muPlugins, "wpre-relay-companion.php")))))
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

// isNetwork reports whether the event file belongs to a network of sites. Each of these proves it: wp-config.php
// defines MULTISITE, a site other than the first has uploads, or the last event is of such a site. It is wrong for a
// network without any of them, for example if MULTISITE is an expression and only the first site is in use.
func isNetwork(opts Options) bool {
	content := filepath.Dir(filepath.Dir(opts.File))
	if exists(filepath.Join(content, "uploads", "sites")) || exists(filepath.Join(content, "blogs.dir")) {
		return true
	}
	values, _ := opts.PHP.Constant("MULTISITE")
	if slices.Contains(values, "true") || slices.Contains(values, "1") {
		return true
	}
	var event struct {
		SiteID int `json:"site_id"`
	}
	text, err := readBounded(opts.File)
	return err == nil && json.Unmarshal(text, &event) == nil && event.SiteID > 1
}
