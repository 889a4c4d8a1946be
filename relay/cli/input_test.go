package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"wpre-relay/relay"
	"wpre-relay/relay/config"
)

// try parses the arguments of a relay that watches a path.
func try(args ...string) (*CLI, error) {
	return Parse(append([]string{"--watch", "x"}, args...), "", io.Discard, func(int) {})
}

// serveFlags returns the flags of the relay except --watch, which try sets.
func serveFlags(t *testing.T) (flags []*kong.Flag) {
	t.Helper()
	parser, err := newParser(new(CLI), "", io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range append(slices.Clone(parser.Model.Flags), parser.Model.Children[0].Flags...) {
		if !isSpecial(flag) && flag.Name != "watch" {
			flags = append(flags, flag)
		}
	}
	return flags
}

func variableOf(flag *kong.Flag) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// write returns a file with this content.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unprotected are the settings that protect nothing. All others must not be empty.
var unprotected = []string{
	"log-level", "log-format", "state-dir", "history", "history-age", "debounce", "poll-interval", "max-event-size",
	"listen", "max-clients", "catch-up", "resume-cookie", "drain", "welcome", "peer-messages", "acme-email",
	"acme-directory", "acme-listen", "broker", "forward-url", "admin-listen", "pprof",
}

// TestEmptySecuritySettingsAreErrors sets each setting to nothing, in each way.
func TestEmptySecuritySettingsAreErrors(t *testing.T) {
	for _, flag := range serveFlags(t) {
		variable, name := variableOf(flag), flag.Name
		cases := map[string]func(t *testing.T) (*CLI, error){
			"variable":     func(t *testing.T) (*CLI, error) { t.Setenv(variable, ""); return try() },
			"unnamed file": func(t *testing.T) (*CLI, error) { t.Setenv(variable+"_FILE", ""); return try() },
		}
		for _, value := range []string{"", "[]"} {
			cases["file with "+value] = func(t *testing.T) (*CLI, error) {
				return try("--config", write(t, name+": "+value+"\n"))
			}
		}
		if !namesFile(flag) {
			for what, content := range map[string]string{"file with an end of line": "\r\n"} {
				cases[what] = func(t *testing.T) (*CLI, error) {
					t.Setenv(variable+"_FILE", write(t, content))
					return try()
				}
			}
		}
		for what, parse := range cases {
			t.Run(name+"/"+what, func(t *testing.T) {
				_, err := parse(t)
				if slices.Contains(unprotected, name) {
					if err != nil && strings.HasPrefix(what, "variable") {
						t.Errorf("got %v, want the setting to count as unset", err)
					}
				} else if err == nil || !strings.Contains(err.Error(), "--"+name) ||
					!strings.Contains(err.Error(), "must not be empty") {
					t.Errorf("got %v, want an error about the empty --%s", err, name)
				}
			})
		}
	}
}

// TestEmptySecurityFlagsAreErrors gives empty values and lists with empty items.
func TestEmptySecurityFlagsAreErrors(t *testing.T) {
	for _, flag := range serveFlags(t) {
		if slices.Contains(unprotected, flag.Name) {
			continue
		}
		values := []string{"", " "}
		if flag.IsSlice() {
			values = append(values, ",", "x,,y")
		}
		for _, value := range values {
			_, err := try("--" + flag.Name + "=" + value)
			if err == nil || !strings.Contains(err.Error(), "--"+flag.Name) {
				t.Errorf("--%s=%q: got %v, want an error", flag.Name, value, err)
			}
		}
	}
	for _, list := range []string{
		`jwt-key: ""`, `jwt-key: [""]`, "public-status: [publish, ~]", "jwt-key: {}", "public-status: {a: b}",
	} {
		if _, err := try("--config", write(t, list)); err == nil {
			t.Errorf("%s: got no error", list)
		}
	}
}

const hiddenText = "s3cr#tPW"

// hiddenContents are contents of files that are no valid value of most settings.
var hiddenContents = []string{
	"redis://:" + hiddenText + "@h/0", "1 " + hiddenText + "\nsecond " + hiddenText + "\n", "--" + hiddenText,
}

// otherFiles are files that are no configuration file, or one with a mistake.
var otherFiles = []string{
	hiddenText, "-----BEGIN " + hiddenText + "-----\n" + hiddenText + ": [\n", "{\"" + hiddenText + "\": 1}",
	hiddenText + ": 1\n", "\"" + hiddenText, "- " + hiddenText, "*" + hiddenText,
	"welcome: 1\n" + hiddenText + ": &a 1\n" + hiddenText + ": *a\n",
}

// TestErrorsContainNoFileAndNoSecret gives each setting such contents: by a file that a variable names and, if the
// setting is a secret, by all other sources as well.
func TestErrorsContainNoFileAndNoSecret(t *testing.T) {
	for _, flag := range serveFlags(t) {
		for _, content := range hiddenContents {
			t.Run(flag.Name, func(t *testing.T) {
				check := func(source string, c *CLI, err error) {
					t.Helper()
					if err == nil {
						err = c.Run(t.Context(), Env{Serve: func(_ context.Context, settings config.Relay, _ relay.Trace) error {
							return errors.New("listen on " + settings.Listen + " in " + settings.StateDir)
						}})
					}
					if strings.Contains(err.Error(), hiddenText) {
						t.Errorf("%s: the error for %q contains it: %v", source, content, err)
					}
				}
				t.Run("file", func(t *testing.T) {
					t.Setenv(variableOf(flag)+"_FILE", write(t, content))
					c, err := try()
					check("file", c, err)
				})
				if !isSecret(flag) {
					return
				}
				c, err := try("--" + flag.Name + "=" + content)
				check("flag", c, err)
				t.Setenv(variableOf(flag), content)
				c, err = try()
				check("variable", c, err)
			})
		}
	}
	for _, content := range otherFiles {
		t.Setenv("WPRE_RELAY_CONFIG_FILE", write(t, content))
		if _, err := try(); err == nil || strings.Contains(err.Error(), hiddenText) {
			t.Errorf("configuration file %q: got %v, want an error without the content", content, err)
		}
	}
}

// TestFileVariableOfFileSettingIsPath sets each setting that names a file by a variable with the suffix _FILE.
func TestFileVariableOfFileSettingIsPath(t *testing.T) {
	certificate, key := write(t, "certificate"), write(t, "key")
	t.Setenv("WPRE_RELAY_TLS_CERT_FILE", certificate)
	t.Setenv("WPRE_RELAY_TLS_KEY_FILE", key)
	t.Setenv("WPRE_RELAY_JWT_KEY_FILE", key)
	t.Setenv("WPRE_RELAY_CONFIG_FILE", write(t, "history: 7\n"))
	t.Setenv("WPRE_RELAY_WATCH_FILE", key)
	c, err := Parse(nil, "", io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Serve.Settings()
	if got.TLSCert != certificate || got.TLSKey != key || got.Watch != key || got.History != 7 ||
		!slices.Equal(got.JWTKey, []string{key}) {
		t.Errorf("got %+v", got)
	}
}
