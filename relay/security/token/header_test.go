package token_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/security/token"
)

// TestRejectsCriticalHeaders signs tokens whose header has crit. A recipient must reject those with a parameter that
// it does not understand (RFC 7515 §4.1.11).
func TestRejectsCriticalHeaders(t *testing.T) {
	requirements := token.Requirements{Keys: parse(t, secret)}
	for fields, want := range map[string]string{
		``:                                "",
		`,"typ":"JWT"`:                    "",
		`,"crit":["b64"],"b64":true`:      "crit",
		`,"crit":["b64"],"b64":false`:     "crit",
		`,"crit":["x"],"x":1`:             "crit",
		`,"crit":[]`:                      "crit",
		`,"crit":null`:                    "crit",
		`,"crit":"b64"`:                   "crit",
		`,"crit":["exp"],"exp":999999999`: "crit",
	} {
		encode := base64.RawURLEncoding.EncodeToString
		signed := encode([]byte(`{"alg":"HS256"`+fields+`}`)) + "." +
			encode(fmt.Appendf(nil, `{"exp":%d}`, in(time.Hour)))
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(signed))
		_, _, err := requirements.Verify(signed + "." + encode(mac.Sum(nil)))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("header with %q: %v, want %q", fields, err, want)
		}
	}
}

func TestKeyFilesMayHaveAByteOrderMark(t *testing.T) {
	minted := mint(t, parse(t, secret)[0], token.Claims{"exp": in(time.Hour)})
	for _, file := range []string{secret, "\ufeff" + secret, "\ufeff" + secret + "\r\n"} {
		if _, _, err := (token.Requirements{Keys: parse(t, file)}).Verify(minted); err != nil {
			t.Errorf("secret in %q: %v", file, err)
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	private, _ := pemFiles(t, key, err)
	if got := parse(t, "\ufeff"+private)[0].Algorithm(); got != "EdDSA" {
		t.Errorf("PEM file with a byte order mark: %s", got)
	}
}
