package cli

import (
	"maps"
	"net/url"
	"reflect"
	"slices"

	"github.com/alecthomas/kong"
)

// allFlags returns the flags of all commands. Commands that share a setting have a flag of that name each.
func allFlags(app *kong.Application) []*kong.Flag {
	flags := slices.Clone(app.Flags)
	for _, node := range app.Children {
		flags = append(flags, node.Flags...)
	}
	return flags
}

// flagsByName returns one flag for each setting of any command. If several commands have it, it is the relay's,
// which is declared first.
func flagsByName(app *kong.Application) map[string]*kong.Flag {
	flags := make(map[string]*kong.Flag)
	for _, flag := range allFlags(app) {
		if flags[flag.Name] == nil {
			flags[flag.Name] = flag
		}
	}
	return flags
}

// sortedNames returns the names of the flags, sorted.
func sortedNames(flags map[string]*kong.Flag) []string { return slices.Sorted(maps.Keys(flags)) }

// isSpecial reports whether a flag is not a setting: it acts before other flags are read.
func isSpecial(flag *kong.Flag) bool {
	return slices.Contains([]string{"help", "version", "config"}, flag.Name)
}

// securityGroups are the groups of config.Security.
var securityGroups = []string{"tls", "access", "limits"}

// securityFlags are the security settings in other groups and of the command token.
var securityFlags = []string{
	"allow-origin", "require-origin", "max-clients-per-ip", "publish-token", "jwt-key", "jwt-audience", "jwt-issuer",
}

// harmlessFlags protect nothing when they are set, although they stand in one of securityGroups.
var harmlessFlags = []string{"acme-email", "acme-directory", "acme-listen"}

// isSecurity reports whether a flag is a security setting. An empty one is an error: it usually comes from a variable
// that was not expanded, and would turn a protection off without a notice.
func isSecurity(flag *kong.Flag) bool {
	inGroup := flag.Group != nil && slices.Contains(securityGroups, flag.Group.Key)
	return slices.Contains(securityFlags, flag.Name) || inGroup && !slices.Contains(harmlessFlags, flag.Name)
}

// isSecret reports whether a flag's value is a secret or can contain a password.
func isSecret(flag *kong.Flag) bool {
	return flag.Name == "publish-token" || flag.Name == "token" || isURL(flag)
}

// namesFile reports whether a flag's value is the name of a file, or can be: --watch also takes directories.
func namesFile(flag *kong.Flag) bool { return flag.PlaceHolder == "FILE" || flag.PlaceHolder == "PATH" }

func isURL(flag *kong.Flag) bool { return flag.Target.Type() == reflect.TypeFor[*url.URL]() }
