package config_test

import (
	"strings"
	"testing"

	"wpre-relay/relay/config"
)

func TestValidateAddressNamesTheMistake(t *testing.T) {
	for address, want := range map[string]string{
		":8080":               "",
		"127.0.0.1:0":         "",
		"[::1]:8080":          "",
		"localhost:http":      "",
		"[::1%lo]:8080":       "",
		"8080":                "did you mean :8080?",
		"localhost":           "did you mean localhost:8080?",
		"127.0.0.1":           "did you mean 127.0.0.1:8080?",
		":":                   "has no port",
		"localhost:":          "use localhost:8080",
		":65536":              "between 0 and 65535",
		":99999999999999":     "between 0 and 65535",
		"::1:8080":            "in brackets",
		"http://0.0.0.0:8080": "is a URL",
		"":                    "HOST:PORT",
		"[::1]":               "HOST:PORT",
		"[::1:8080":           "HOST:PORT",
	} {
		err := config.ValidateAddress("--listen", address)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
}
