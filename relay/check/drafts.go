package check

import "context"

func lookAtDrafts(_ context.Context, opts Options) []Finding {
	const check = "drafts"
	if opts.File == "" {
		return nil // these need not be the relay's settings
	}
	if !opts.Drafts {
		return one(check, OK, "what the public is sent is restricted by the settings")
	}
	return []Finding{{Check: check, Level: Warn, Text: "titles of drafts, private and pending posts are sent to everybody who connects",
		Fix: "To send those of published posts alone:",
		Paste: []Snip{
			{"For the command line", "--public-status publish"},
			{"For compose.yaml, at the relay's environment", "WPRE_RELAY_PUBLIC_STATUS: publish"},
		}}}
}
