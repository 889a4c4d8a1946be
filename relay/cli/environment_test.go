package cli

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"wpre-relay/relay"
	"wpre-relay/relay/companion"
	"wpre-relay/relay/config"
)

// variableWarnings are variables that are no settings, and the warning about each; "": none.
var variableWarnings = map[string]string{
	"WPRE_RELAY_SERVICE_HOST":              "",
	"WPRE_RELAY_PORT":                      "",
	"WPRE_RELAY_PORT_8080_TCP_ADDR":        "",
	"WPRE_RELAY_HISTORY_SERVICE_HOST":      "", // of a Kubernetes service named wpre-relay-history
	"WPRE_RELAY_HISTORY_SERVICE_PORT_WS":   "",
	"WPRE_RELAY_JWT_KEY_PORT_8080_TCP":     "",
	"WPRE_RELAY_WATCH_PORT":                "",
	"WPRE_RELAY_LISEN":                     "similar_setting=WPRE_RELAY_LISTEN variable=WPRE_RELAY_LISEN",
	"WPRE_RELAY_BROKR_FILE":                "similar_setting=WPRE_RELAY_BROKER_FILE",
	"WPRE_RELAY_SOMETHING_QUITE_DIFFERENT": "variable=WPRE_RELAY_SOMETHING_QUITE_DIFFERENT",
	"WPRE_RELAY_HISTORY_SERVICE":           "variable=WPRE_RELAY_HISTORY_SERVICE",
	"ANOTHER_WPRE_RELAY_LISEN":             "",
}

// warnings returns what the relay logs before it serves.
func warnings(t *testing.T) string {
	t.Helper()
	c, err := try()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	env := Env{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Serve:  func(context.Context, config.Relay, relay.Trace) error { return nil },
	}
	if err := c.Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

func TestWarnsAboutUnknownVariables(t *testing.T) {
	for name, want := range variableWarnings {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "x")
			if got := warnings(t); (got != "") != (want != "") || !strings.Contains(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestCompanionConstantsAreNotUnknownVariables sets each constant that the companion reads, as a shared .env file does.
func TestCompanionConstantsAreNotUnknownVariables(t *testing.T) {
	names := regexp.MustCompile(envPrefix+"[A-Z_]+[A-Z]").FindAllString(string(companion.Plugin), -1)
	if len(names) < 4 {
		t.Fatalf("found only %q", names)
	}
	for _, name := range names {
		t.Setenv(name, "x")
	}
	if got := warnings(t); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestVariableSimilarToSecuritySettingIsError(t *testing.T) {
	for _, name := range []string{"WPRE_RELAY_JWT_KEYS", "WPRE_RELAY_PUBLIC_STATU", "WPRE_RELAY_PUBLISH_TOKENS_FILE"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "x")
			if _, err := Parse(nil, "", io.Discard, func(int) {}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want an error", err)
			}
		})
	}
}

func TestWhiteSpaceAroundListItemsIsIgnored(t *testing.T) {
	const want = "publish|private|a,b"
	check := func(c *CLI, err error) {
		t.Helper()
		if got := strings.Join(c.Serve.PublicStatus, "|"); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	check(try("--public-status", `publish, private ,	a\,b`))
	check(try("--public-status", " publish", "--public-status", `private , a\,b`))
	check(try("--config", write(t, `public-status: publish,  private, a\,b`)))
	check(try("--config", write(t, `public-status: [publish, " private ", "a,b "]`)))
	t.Setenv("WPRE_RELAY_PUBLIC_STATUS", `publish, private, a\,b`)
	check(try())
}

func TestItemsOfListsAreParsedWithoutWhiteSpace(t *testing.T) {
	c, err := try("--allow-origin", "https://a.example, https://bücher.de", "--trusted-proxy", "10.0.0.1, fd00::/8",
		"--acme-domain", "a.example, bücher.de")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if len(s.AllowOrigin) != 2 || len(s.TrustedProxy) != 2 || len(s.ACMEDomain) != 2 || s.ACMEDomain[1] != "bücher.de" {
		t.Errorf("got %v, %v, %v", s.AllowOrigin, s.TrustedProxy, s.ACMEDomain)
	}
}

// TestRejectsValuesThatAreNotUTF8 gives a Latin-1 name in each way. Decoding would turn it into another name.
func TestRejectsValuesThatAreNotUTF8(t *testing.T) {
	const name = "/srv/caf\xe9"
	check := func(source string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "UTF-8") || strings.Contains(err.Error(), "\ufffd") {
			t.Errorf("%s: got %v, want an error", source, err)
		}
	}
	_, err := try("--state-dir", name)
	check("flag", err)
	_, err = try("--state-dir=" + name)
	check("flag with =", err)
	_, err = try("--config", write(t, "state-dir: "+name+"\n"))
	check("file", err)
	t.Run("secret", func(t *testing.T) {
		t.Setenv("WPRE_RELAY_STATE_DIR_FILE", write(t, name))
		_, err = try()
		check("content of a file", err)
	})
	t.Setenv("WPRE_RELAY_STATE_DIR", name)
	_, err = try()
	check("variable", err)
}
