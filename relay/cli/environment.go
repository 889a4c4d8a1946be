package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

const (
	envPrefix  = "WPRE_RELAY_"
	fileSuffix = "_FILE"
)

// environment holds the settings of the WPRE_RELAY_ variables by the names of their flags.
type environment map[string]input

// readEnvironment returns the settings of the WPRE_RELAY_ variables. A variable with the suffix _FILE names a file,
// such as a Docker or Kubernetes secret, that contains the value; for a setting that is itself the name of a file it
// is that name. An empty variable counts as unset, except for a security setting. A variable that looks like a
// mistyped setting is an error, since it would otherwise go unnoticed.
func readEnvironment(app *kong.Application) (environment, error) {
	flags := flagsByName(app)
	env := make(environment)
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		setting, isFile, ours := settingOf(name, flags)
		flag := flags[setting]
		switch {
		case !ours:
		case flag == nil:
			if err := checkVariable(name, value, flags); err != nil {
				return nil, err
			}
		case value == "" && !isSecurity(flag):
		default:
			in, err := readVariable(name, value, isFile, flag)
			if err != nil {
				return nil, err
			}
			if other, set := env[setting]; set {
				return nil, fmt.Errorf("both %s and %s are set; remove one of them", min(name, other.source),
					max(name, other.source))
			}
			env[setting] = in
		}
	}
	return env, nil
}

// settingOf returns the setting that a variable is named after, and whether the variable names a file. ours is false
// if the name has another prefix.
func settingOf(name string, flags map[string]*kong.Flag) (setting string, isFile, ours bool) {
	rest, ours := strings.CutPrefix(name, envPrefix)
	setting = strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
	if flags[setting] != nil {
		return setting, false, ours
	}
	trimmed, isFile := strings.CutSuffix(setting, "-file")
	return trimmed, isFile, ours
}

// readVariable returns the value of a variable, from a file if isFile.
func readVariable(name, value string, isFile bool, flag *kong.Flag) (input, error) {
	if !isFile || value == "" || namesFile(flag) {
		return input{value: value, source: name}, nil
	}
	content, err := os.ReadFile(value)
	if err != nil {
		return input{}, fmt.Errorf("%s: %w", name, err)
	}
	text := strings.TrimRight(strings.TrimPrefix(string(content), "\ufeff"), "\r\n")
	return input{value: text, source: name, hidden: true}, nil
}

// kubernetesVariable matches the rest of a variable that Kubernetes sets for a service named wpre-relay.
var kubernetesVariable = regexp.MustCompile(`^(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// checkVariable returns an error if the name of a variable that is no setting resembles one.
func checkVariable(name, value string, flags map[string]*kong.Flag) error {
	rest := strings.TrimPrefix(name, envPrefix)
	if value == "" || kubernetesVariable.MatchString(rest) {
		return nil
	}
	rest, isFile := strings.CutSuffix(rest, fileSuffix)
	near := suggest(strings.ToLower(strings.ReplaceAll(rest, "_", "-")), sortedNames(flags))
	if near == "" {
		return nil
	}
	meant := envPrefix + strings.ToUpper(strings.ReplaceAll(near, "-", "_"))
	if isFile {
		meant += fileSuffix
	}
	return fmt.Errorf("%s is not a setting; did you mean %s?", name, meant)
}

// Resolve returns the value of the variable for flag, or nil if there is none.
func (e environment) Resolve(flag *kong.Flag) any {
	if in, set := e[flag.Name]; set && !isSpecial(flag) {
		return in
	}
	return nil
}

// arguments returns the arguments that name the configuration file of the environment, if there is one. Kong loads
// that file before it asks for other settings.
func (e environment) arguments() []string {
	if in, set := e["config"]; set {
		return []string{fmt.Sprintf("--config=%s", in.value)}
	}
	return nil
}
