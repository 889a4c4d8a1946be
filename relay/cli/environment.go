package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const (
	envPrefix  = "WPRE_RELAY"
	fileSuffix = "_FILE"
)

// expandEnvironment unsets empty WPRE_RELAY_ variables. It replaces each WPRE_RELAY_…_FILE variable, which names a
// file such as a Docker or Kubernetes secret, with a variable that holds the file's content. A second call changes
// nothing.
func expandEnvironment() error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, envPrefix+"_") && value == "" {
			os.Unsetenv(name)
		}
	}
	for _, variable := range os.Environ() {
		name, path, _ := strings.Cut(variable, "=")
		target, isFile := strings.CutSuffix(name, fileSuffix)
		if !isFile || !strings.HasPrefix(name, envPrefix+"_") {
			continue
		}
		if err := expandFile(name, path, target); err != nil {
			return err
		}
	}
	return nil
}

// expandFile sets the variable target to the content of the file at path, and unsets the variable name.
func expandFile(name, path, target string) error {
	if _, set := os.LookupEnv(target); set {
		return fmt.Errorf("both %s and %s are set; remove one of them", target, name)
	}
	if target == envPrefix+"_JWT_KEY" { // --jwt-key takes the file itself, to reload it when it changes
		os.Setenv(target, path)
		os.Unsetenv(name)
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if text := strings.TrimRight(string(content), "\r\n"); text != "" {
		os.Setenv(target, text)
	}
	os.Unsetenv(name)
	return nil
}

// kubernetesVariable matches the rest of a variable that Kubernetes sets for a service named wpre-relay.
var kubernetesVariable = regexp.MustCompile(`^(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// checkEnvironment returns an error for a WPRE_RELAY_ variable that looks like a mistyped setting. It would
// otherwise go unnoticed.
func checkEnvironment(app *kong.Application) error {
	known := settingNames(app)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		rest, ours := strings.CutPrefix(name, envPrefix+"_")
		setting := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		if !ours || slices.Contains(known, setting) || kubernetesVariable.MatchString(rest) {
			continue
		}
		if near := suggest(setting, known); near != "" {
			meant := envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(near, "-", "_"))
			return fmt.Errorf("%s is not a setting; did you mean %s?", name, meant)
		}
	}
	return nil
}
