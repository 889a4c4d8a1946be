package check

import (
	"regexp"
	"strings"
)

// startRelay is the fix where no relay runs. The snippets of startCommands follow it.
const startRelay = "Start the relay, in one of these ways:"

// startCommands returns the commands that start the relay with the settings that were checked.
func startCommands(opts Options) []Snippet {
	var snippets []Snippet
	if opts.Path != "" {
		command := "wpre-relay --watch " + shellQuote(opts.Path)
		if isSet(opts.Listen) && opts.Listen != ":8080" {
			command += " --listen " + opts.Listen
		}
		snippets = append(snippets, Snippet{"In a shell", command})
	}
	return append(snippets,
		Snippet{"With systemd", "systemctl enable --now wpre-relay"},
		Snippet{"With Docker, in the directory of compose.yaml", "docker compose up --detach relay"})
}

var shellSafe = regexp.MustCompile(`^[\w./:=@%+,-]+$`)

// shellQuote returns one word of a POSIX shell with this value.
func shellQuote(value string) string {
	if shellSafe.MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
