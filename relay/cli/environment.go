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

// expandEnvironment takes empty variables of ours away, and sets those whose value stands in a file (as Docker's
// and Kubernetes' secrets do) from there, in place of the variable that names the file. It may be called again.
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
		if _, set := os.LookupEnv(target); set {
			return fmt.Errorf("both %s and %s are set; leave one", target, name)
		}
		if target == envPrefix+"_JWT_KEY" { // which names files itself, to be read again when they change
			os.Setenv(target, path)
			os.Unsetenv(name)
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if text := strings.TrimRight(string(content), "\r\n"); text != "" {
			os.Setenv(target, text)
		}
		os.Unsetenv(name)
	}
	return nil
}

// ofKubernetes are variables that Kubernetes sets beside a service named wpre-relay.
var ofKubernetes = regexp.MustCompile(`^(SERVICE_(HOST|PORT)|PORT)(_|$)`)

// checkEnvironment refuses variables of ours that are no settings, but look like one: a mistyped one would go unnoticed.
func checkEnvironment(app *kong.Application) error {
	known := settingsOf(app)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		rest, ours := strings.CutPrefix(name, envPrefix+"_")
		setting := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		if !ours || slices.Contains(known, setting) || ofKubernetes.MatchString(rest) {
			continue
		}
		if near := nearest(setting, known); near != "" {
			return fmt.Errorf("%s is no setting; did you mean %s_%s?", name, envPrefix, strings.ToUpper(strings.ReplaceAll(near, "-", "_")))
		}
	}
	return nil
}
