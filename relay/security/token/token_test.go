package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/security/token"
)

const secret, otherSecret = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"

// pemFiles returns a private key and its public key in PEM.
func pemFiles(t testing.TB, key crypto.Signer, err error) (private, public string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}))
}

func parse(t testing.TB, file string) []token.Key {
	t.Helper()
	keys, err := token.ParseKeys([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func mint(t testing.TB, key token.Key, claims token.Claims) string {
	t.Helper()
	minted, err := token.Mint(key, claims)
	if err != nil {
		t.Fatal(err)
	}
	return minted
}

// in returns the time after d as a NumericDate (RFC 7519 §2).
func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

func TestVerifiesEveryAlgorithm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	rsaPrivate, rsaPublic := pemFiles(t, rsaKey, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ecPrivate, ecPublic := pemFiles(t, ecKey, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	edPrivate, edPublic := pemFiles(t, edKey, err)
	all := append(parse(t, rsaPublic+ecPublic+edPublic), parse(t, secret)...)
	for algorithm, private := range map[string]string{
		"RS256": rsaPrivate, "ES256": ecPrivate, "EdDSA": edPrivate, "HS256": secret + "\n",
	} {
		key := parse(t, private)[0]
		if key.Algorithm() != algorithm {
			t.Errorf("the key for %s is for %s", algorithm, key.Algorithm())
		}
		exp := in(time.Hour)
		minted := mint(t, key, token.Claims{"sub": "7", "exp": exp})
		claims, expires, err := token.Requirements{Keys: all}.Verify(minted)
		if err != nil || claims["sub"] != "7" || expires.Unix() != exp+10 {
			t.Errorf("%s: %v, until %v, %v", algorithm, claims, expires, err)
		}
		for i := range all {
			if all[i].Algorithm() == algorithm {
				others := append(append([]token.Key{}, all[:i]...), all[i+1:]...)
				if _, _, err := (token.Requirements{Keys: others}).Verify(minted); err == nil {
					t.Errorf("%s: valid without its key", algorithm)
				}
			}
		}
	}
	for _, public := range []string{rsaPublic, ecPublic, edPublic} {
		if _, err := token.Mint(parse(t, public)[0], nil); err == nil {
			t.Error("a public key signs a token")
		}
		// Key confusion: the attacker signs with HS256 and the bytes of the public key as the secret.
		asSecret := parse(t, strings.ReplaceAll(public, "-----BEGIN ", "-----begin "))[0]
		forged := mint(t, asSecret, token.Claims{"exp": in(time.Hour)})
		if _, _, err := (token.Requirements{Keys: all}).Verify(forged); err == nil {
			t.Error("a public key verifies a token for HS256")
		}
	}
}

// claimCases are changes of a valid token's claims; nil removes one.
var claimCases = map[string]struct {
	change token.Claims
	want   string // part of the error; "" if the token is valid
}{
	"unchanged":         {nil, ""},
	"several audiences": {token.Claims{"aud": []string{"other", "relay"}}, ""},
	"another audience":  {token.Claims{"aud": "other"}, "another audience"},
	"no audience":       {token.Claims{"aud": nil}, "lacks a required claim"},
	"another issuer":    {token.Claims{"iss": "https://evil.test"}, "another issuer"},
	"no issuer":         {token.Claims{"iss": nil}, "lacks a required claim"},
	"no exp":            {token.Claims{"exp": nil}, "lacks a required claim"},
	"exp in the past":   {token.Claims{"exp": in(-11 * time.Second)}, "expired"},
	"exp within leeway": {token.Claims{"exp": in(-5 * time.Second)}, ""},
	"exp is a string":   {token.Claims{"exp": "9999999999"}, "exp must be a number, not a string"},
	"exp is a boolean":  {token.Claims{"exp": false}, "exp must be a number, not a boolean"},
	"nbf is a string":   {token.Claims{"nbf": "1"}, "nbf must be a number, not a string"},
	"aud is a number":   {token.Claims{"aud": 7}, "aud must be a string"},
	"aud has a number":  {token.Claims{"aud": []any{"relay", 7}}, "aud must be a string"},
	"iss is an array":   {token.Claims{"iss": []any{"https://site.test"}}, "iss must be a string, not an array"},
	"greatest exp":      {token.Claims{"exp": 1<<53 - 1}, ""},
	"exp PHP_INT_MAX":   {token.Claims{"exp": math.MaxInt64}, "exp is out of range"},
	"exp 1e19":          {token.Claims{"exp": 1e19}, "exp is out of range"},
	"exp -1e300":        {token.Claims{"exp": -1e300}, "exp is out of range"},
	"nbf PHP_INT_MAX":   {token.Claims{"nbf": math.MaxInt64}, "nbf is out of range"},
	"nbf in the future": {token.Claims{"nbf": in(time.Minute)}, "not valid yet"},
	"nbf within leeway": {token.Claims{"nbf": in(5 * time.Second)}, ""},
	"nbf in the past":   {token.Claims{"nbf": in(-time.Minute)}, ""},
}

func TestVerifyChecksClaims(t *testing.T) {
	keys := append(parse(t, otherSecret), parse(t, secret)...)
	requirements := token.Requirements{Keys: keys, Audience: "relay", Issuer: "https://site.test"}
	with := func(change token.Claims) token.Claims {
		claims := token.Claims{"exp": in(time.Hour), "aud": "relay", "iss": "https://site.test"}
		for name, value := range change {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		return claims
	}
	for name, tc := range claimCases {
		_, _, err := requirements.Verify(mint(t, keys[1], with(tc.change)))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// TestErrExpiredMeansOtherwiseValid expires tokens that have other faults as well.
func TestErrExpiredMeansOtherwiseValid(t *testing.T) {
	key := parse(t, secret)[0]
	requirements := token.Requirements{Keys: []token.Key{key}, Audience: "relay"}
	expired := func(claims token.Claims) string {
		claims["exp"] = in(-time.Minute)
		return mint(t, key, claims)
	}
	valid := expired(token.Claims{"aud": "relay"})
	foreign := mint(t, parse(t, otherSecret)[0], token.Claims{"aud": "relay", "exp": in(-time.Minute)})
	for name, tc := range map[string]struct {
		text string
		want bool
	}{
		"otherwise valid":  {valid, true},
		"another audience": {expired(token.Claims{"aud": "other"}), false},
		"no audience":      {expired(token.Claims{}), false},
		"not valid yet":    {expired(token.Claims{"aud": "relay", "nbf": in(time.Hour)}), false},
		"changed":          {valid[:len(valid)-4] + "AAAA", false},
		"another key":      {foreign, false},
	} {
		_, _, err := requirements.Verify(tc.text)
		if got := errors.Is(err, token.ErrExpired); got != tc.want {
			t.Errorf("%s: %v, want ErrExpired %v", name, err, tc.want)
		}
		if _, ok := errors.AsType[*token.InvalidError](err); !ok {
			t.Errorf("%s: %v is not an InvalidError", name, err)
		}
	}
}

func TestErrorsDoNotContainTheToken(t *testing.T) {
	key := parse(t, secret)[0]
	good := mint(t, key, token.Claims{"exp": in(time.Hour), "sub": "7"})
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	claims := encode([]byte(`{"exp":99999999999,"sub":"1"}`))
	for _, forged := range []string{
		"", ".", "..", "x.y.z", parts[0], parts[0] + "." + parts[1], good + ".", good + "x", " " + good,
		parts[0] + "." + claims + "." + parts[2],
		parts[0] + "." + parts[1] + ".",
		encode([]byte(`{"alg":"none"}`)) + "." + claims + ".",
		encode([]byte(`{"alg":"None"}`)) + "." + claims + "." + parts[2],
		encode([]byte(`{"alg":"HS512"}`)) + "." + claims + "." + parts[2],
		encode([]byte(`{"alg":"RS256"}`)) + "." + claims + "." + parts[2],
		encode([]byte(`{"alg":["HS256"]}`)) + "." + claims + "." + parts[2],
		encode([]byte(`{}`)) + "." + claims + "." + parts[2],
		parts[0] + "." + encode([]byte(`[]`)) + "." + parts[2],
		strings.Repeat("x", 10_000),
		mint(t, parse(t, otherSecret)[0], token.Claims{"exp": in(time.Hour)}),
	} {
		_, _, err := token.Requirements{Keys: []token.Key{key}}.Verify(forged)
		if err == nil {
			t.Errorf("%.60q is valid", forged)
			continue
		}
		if text := err.Error(); strings.Contains(text, claims) || strings.Contains(text, "\n") || len(text) > 120 {
			t.Errorf("%.60q: %v", forged, err)
		}
	}
}

func TestParseKeysRejectsUnsuitableFiles(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // lets Go generate such a key
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	smallPrivate, _ := pemFiles(t, small, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p384Private, _ := pemFiles(t, p384, err)
	for file, want := range map[string]string{
		"":               "at least 32 bytes, not 0",
		"password\n":     "openssl rand",
		smallPrivate:     "2048 bits",
		p384Private:      "P-256",
		p384Private[:80]: "no complete PEM block",
		"-----BEGIN X-----\nAAAA\n-----END X-----\n":                   "not a key",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n": "PUBLIC KEY",
	} {
		if _, err := token.ParseKeys([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", file, err, want)
		}
	}
}

// FuzzVerify looks for tokens on which Verify panics, or that are valid without a signature of the key.
func FuzzVerify(f *testing.F) {
	key := parse(f, secret)[0]
	f.Add(mint(f, key, token.Claims{"exp": 1 << 40}))
	f.Fuzz(func(t *testing.T, text string) {
		claims, _, err := token.Requirements{Keys: parse(t, otherSecret)}.Verify(text)
		if err == nil {
			t.Errorf("%q is valid: %v", text, claims)
		}
	})
}
