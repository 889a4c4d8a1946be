package cli

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"wpre-relay/relay/fileop"
)

const (
	envPrefix  = "WPRE_RELAY_"
	fileSuffix = "_FILE"
)

// environment holds the settings of the WPRE_RELAY_ variables by the names of their flags.
type environment map[string]input

// readEnvironment returns the settings of the WPRE_RELAY_ variables. A variable with the suffix _FILE names a file,
// such as a Docker or Kubernetes secret, that contains the value; for a setting that is itself the name of a file it
// is that name. An empty variable counts as unset, except for a security setting. It also returns the variables that
// look like settings and are none.
func readEnvironment(app *kong.Application) (environment, []unknownVariable, error) {
	flags := flagsByName(app)
	env := make(environment)
	var unknown []unknownVariable
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		setting, isFile, ours := settingOf(name, flags)
		flag := flags[setting]
		switch {
		case !ours:
		case flag == nil:
			variable, err := checkVariable(name, value, flags)
			if err != nil {
				return nil, nil, err
			}
			if variable != nil {
				unknown = append(unknown, *variable)
			}
		case value == "" && !isSecurity(flag):
		default:
			in, err := readVariable(name, value, isFile, flag)
			if err != nil {
				return nil, nil, err
			}
			if err := env.add(setting, in); err != nil {
				return nil, nil, err
			}
		}
	}
	return env, unknown, nil
}

// add sets the value of a setting. It returns an error if another variable has set it.
func (e environment) add(setting string, in input) error {
	if other, set := e[setting]; set {
		return fmt.Errorf("both %s and %s are set; remove one of them", min(in.source, other.source),
			max(in.source, other.source))
	}
	e[setting] = in
	return nil
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
	if !utf8.ValidString(value) {
		return input{}, fmt.Errorf("%s %w", name, errNotUTF8)
	}
	if !isFile || value == "" || namesFile(flag) {
		return input{value: value, source: name}, nil
	}
	content, err := fileop.Do("read", value, readLimit, func() ([]byte, error) { return os.ReadFile(value) })
	if err != nil {
		return input{}, fmt.Errorf("%s: %w", name, err)
	}
	if !utf8.Valid(content) {
		return input{}, fmt.Errorf("%s: the content of the file %w", name, errNotUTF8)
	}
	text := strings.TrimRight(strings.TrimPrefix(string(content), "\ufeff"), "\r\n")
	return input{value: text, source: name, hidden: true}, nil
}

// kubernetesVariable matches the rest of a variable that Kubernetes sets for each service whose name begins with
// wpre-relay.
var kubernetesVariable = regexp.MustCompile(`^([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// companionConstants are the names of the companion's settings, which often come from the same .env file.
var companionConstants = []string{"URL", "CLIENT", "FIELDS", "JWT_TTL"}

// unknownVariable is a variable with the prefix of the settings that is none of them.
type unknownVariable struct {
	name string
	near string // the most similar variable of a setting, or ""
}

// warn logs that the variable has no effect.
func (u unknownVariable) warn(log *slog.Logger) {
	if u.near != "" {
		log = log.With("similar_setting", u.near)
	}
	log.Warn("variable ignored, it is not a setting", "variable", u.name)
}

// checkVariable returns unknown if a variable that is no setting deserves a warning. A name that resembles a security
// setting is an error, because the protection that was meant would be off.
func checkVariable(name, value string, flags map[string]*kong.Flag) (unknown *unknownVariable, err error) {
	rest := strings.TrimPrefix(name, envPrefix)
	if value == "" || kubernetesVariable.MatchString(rest) || slices.Contains(companionConstants, rest) {
		return nil, nil
	}
	rest, isFile := strings.CutSuffix(rest, fileSuffix)
	near := suggest(strings.ToLower(strings.ReplaceAll(rest, "_", "-")), sortedNames(flags))
	if near == "" {
		return &unknownVariable{name: name}, nil
	}
	meant := envPrefix + strings.ToUpper(strings.ReplaceAll(near, "-", "_"))
	if isFile {
		meant += fileSuffix
	}
	if isSecurity(flags[near]) {
		return nil, fmt.Errorf("%s is not a setting; did you mean %s?", name, meant)
	}
	return &unknownVariable{name, meant}, nil
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
