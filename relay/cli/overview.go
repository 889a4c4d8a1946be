package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// overviewFlags are the ten flags that most people need, with a help that fits into one line of 80 columns.
var overviewFlags = []struct{ name, help string }{
	{"watch", "WordPress's root, wp-content or the event file."},
	{"listen", "Address for clients (default: ${default})."},
	{"public-status", "Show the public only these posts, e.g. publish."},
	{"allow-origin", "Admit pages of another host, e.g. https://a.com."},
	{"trusted-proxy", "Take clients' addresses from this proxy."},
	{"resume-cookie", "Send the plugin's page the events that it missed."},
	{"jwt-key", "Require a token signed with the key in this file."},
	{"state-dir", "Directory for the history, kept across restarts."},
	{"admin-listen", "Status page, metrics (default: ${default})."},
	{"config", "YAML file with settings: 'listen: :8080'."},
}

const overviewEnd = `
All flags:           wpre-relay help serve
Help of a command:   wpre-relay help COMMAND
Environment:         WPRE_RELAY_LISTEN sets --listen, and so on
`

// printOverview prints the help of the program. It fits on a screen of 80 columns and 40 lines.
func printOverview(ctx *kong.Context) error {
	var text strings.Builder
	const usage = "Usage: %[1]s --watch=PATH [flags]\n       %[1]s COMMAND [flags]\n\n"
	fmt.Fprintf(&text, usage, ctx.Model.Name)
	text.WriteString("Relays the events of the WordPress plugin \"WP Realtime Events\" to all clients\n" +
		"over WebSocket, once and in order.\n\nCommands:\n")
	for _, command := range ctx.Model.Children {
		fmt.Fprintf(&text, "  %-12s %s\n", command.Name, command.Help)
	}
	text.WriteString("\nThe flags that most people need:\n")
	flags := flagsByName(ctx.Model)
	for _, shown := range overviewFlags {
		flag := flags[shown.name]
		name := "--" + flag.Name
		if !flag.IsBool() {
			name += "=" + flag.FormatPlaceHolder()
		}
		fmt.Fprintf(&text, "  %-26s %s\n", name, strings.ReplaceAll(shown.help, "${default}", flag.Default))
	}
	text.WriteString(overviewEnd)
	_, err := io.WriteString(ctx.Stdout, text.String())
	return err
}
