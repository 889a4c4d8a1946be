package check

import "context"

// checkDrafts checks whether the relay sends events of unpublished posts to the public. Without an event file it
// checks nothing, because the settings may belong to another relay.
func checkDrafts(_ context.Context, opts Options) []Finding {
	const check = "drafts"
	if opts.File == "" {
		return nil
	}
	if !opts.Drafts {
		return []Finding{ok(check, "the settings restrict which events the public receives")}
	}
	const text = "titles of drafts, private and pending posts are sent to every client"
	if isNetwork(opts) {
		return []Finding{warn(check, text, "Set the filter for a network of sites; see below.")}
	}
	return []Finding{warn(check, text,
		"To send only events of published posts, set:",
		Snippet{"For the command line", "--public-status publish"},
		Snippet{"For compose.yaml, at the relay's environment", "WPRE_RELAY_PUBLIC_STATUS: publish"})}
}
