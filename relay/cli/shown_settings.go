package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// hiddenValue replaces a value on the status page that may be secret.
const hiddenValue = "xxxxx"

// Settings returns the settings of the command serve and their sources, for the status page. They contain less than the
// output of the command config, because the page has no login: no content of a file that a variable names, and no query
// of a URL.
func (c *CLI) Settings() []Setting { return c.settings }

// shownSettings returns the settings for the status page.
func shownSettings(ctx *kong.Context, c *CLI) ([]Setting, error) {
	settings, err := effectiveSettings(ctx, c)
	if err != nil {
		return nil, err
	}
	flags := flagsByName(ctx.Model)
	shown := slices.Clone(settings)
	for i := range shown {
		s := &shown[i]
		s.Name = strings.TrimPrefix(s.Name, "# ")
		in, fromVariable := c.env[s.Name]
		if flag := flags[s.Name]; flag != nil && isURL(flag) {
			s.Value = withoutQuery(s.Value)
		}
		if fromVariable && in.hidden && s.Source == in.source {
			s.Value = hiddenValue
		}
	}
	return shown, nil
}

// withoutQuery returns a URL in YAML with a placeholder instead of its query and fragment, which may contain a key.
func withoutQuery(url string) string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		return strings.Trim(url[:i], `"'`) + "?" + hiddenValue
	}
	return url
}
