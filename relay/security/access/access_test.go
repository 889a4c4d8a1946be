package access_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/token"
)

const secret = "0123456789abcdef0123456789abcdef"

func tokens(t testing.TB) *token.Verifier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	verifier, err := token.Open([]string{file}, token.Requirements{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func mint(t testing.TB, subject string, lives time.Duration) string {
	t.Helper()
	keys, err := token.ParseKeys([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	minted, err := token.Mint(keys[0], token.Claims{"sub": subject, "exp": time.Now().Add(lives).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return minted
}

// request returns a request with these headers, in the form "Name: value".
func request(target string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// reasons names the reasons of rejections.
var reasons = map[access.Reason]string{
	access.Unavailable:   "unavailable",
	access.InvalidToken:  "token",
	access.UnknownClient: "unknown",
	access.Forbidden:     "forbidden",
}

// result returns "public" or the client's subject, and the subprotocol to accept, or the reason of the rejection.
func result(auth *access.Authenticator, r *http.Request) string {
	identity, err := auth.Authenticate(r, "203.0.113.9")
	var rejection *access.Rejection
	switch {
	case errors.As(err, &rejection):
		return reasons[rejection.Reason]
	case err != nil:
		return err.Error()
	case identity.Expires.IsZero():
		return "public" + identity.Subprotocol
	default:
		return fmt.Sprint(identity.Viewer.Claims["sub"]) + identity.Subprotocol
	}
}

func TestTokensAreFoundInRequests(t *testing.T) {
	required := access.New(access.Options{Tokens: tokens(t), Cookie: "wpre_token"})
	optional := access.New(access.Options{Tokens: tokens(t), Cookie: "wpre_token", Anonymous: true})
	open := access.New(access.Options{})
	good, other, old := mint(t, "ann", time.Hour), mint(t, "bob", time.Hour), mint(t, "eve", -time.Hour)
	twoLines := request("/", "Sec-WebSocket-Protocol: wpre.v1,bearer", "Sec-WebSocket-Protocol: "+good)
	inCookie := func(text string) *http.Request { return request("/", "Cookie: wpre_token="+text) }
	inProtocol := request("/", "Sec-WebSocket-Protocol: bearer, "+good)
	headerAndCookie := request("/", "Cookie: wpre_token="+other, "Authorization: Bearer "+good)
	queryAndCookie := request("/?access_token="+old, "Cookie: wpre_token="+good)
	oldInProtocol := request("/", "Sec-WebSocket-Protocol: wpre.v1, bearer, "+old)
	forge := func(text string) string { return text[:len(text)-4] + "AAAA" }
	queryAndForged := request("/?access_token="+old, "Cookie: wpre_token="+forge(good))
	for name, tc := range map[string]struct {
		r                        *http.Request
		required, optional, open string
	}{
		"none":                      {request("/"), "token", "public", "public"},
		"header":                    {request("/", "Authorization: Bearer "+good), "ann", "ann", "public"},
		"header in lower case":      {request("/", "Authorization: bearer "+good), "ann", "ann", "public"},
		"header of another scheme":  {request("/", "Authorization: Basic YTpi"), "token", "public", "public"},
		"subprotocol":               {inProtocol, "annbearer", "annbearer", "publicbearer"},
		"subprotocol, two lines":    {twoLines, "annbearer", "annbearer", "publicbearer"},
		"subprotocol without token": {request("/", "Sec-WebSocket-Protocol: bearer"), "token", "public", "public"},
		"query":                     {request("/?access_token=" + good), "ann", "ann", "public"},
		"cookie":                    {request("/", "Cookie: a=b; wpre_token="+good), "ann", "ann", "public"},
		"header and cookie":         {headerAndCookie, "ann", "ann", "public"},
		"expired":                   {request("/?access_token=" + old), "token", "public", "public"},
		"expired in a header":       {request("/", "Authorization: Bearer "+old), "token", "public", "public"},
		"expired in a subprotocol":  {oldInProtocol, "token", "publicbearer", "publicbearer"},
		"expired and forged":        {request("/?access_token=" + forge(old)), "token", "token", "public"},
		"expired, valid cookie":     {queryAndCookie, "ann", "ann", "public"},
		"expired, forged cookie":    {queryAndForged, "token", "token", "public"},
		"expired cookie":            {inCookie(old), "token", "public", "public"},
		"not a token":               {request("/?access_token=x"), "token", "token", "public"},
		"cookie is not a token":     {inCookie("x"), "token", "token", "public"},
		"forged cookie":             {inCookie(forge(good)), "token", "token", "public"},
		"forged expired cookie":     {inCookie(forge(old)), "token", "token", "public"},
	} {
		got := [3]string{result(required, tc.r), result(optional, tc.r), result(open, tc.r)}
		if want := [3]string{tc.required, tc.optional, tc.open}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestAnyValidCookieAuthenticates sends several cookies with one name, as browsers do after the domain or path of a
// cookie has changed.
func TestAnyValidCookieAuthenticates(t *testing.T) {
	required := access.New(access.Options{Tokens: tokens(t), Cookie: "wpre_token"})
	optional := access.New(access.Options{Tokens: tokens(t), Cookie: "wpre_token", Anonymous: true})
	good, other, old := mint(t, "ann", time.Hour), mint(t, "bob", time.Hour), mint(t, "eve", -time.Hour)
	forged := other[:len(other)-4] + "AAAA"
	for name, tc := range map[string]struct {
		cookies            []string
		required, optional string
	}{
		"valid first":        {[]string{good, old}, "ann", "ann"},
		"valid last":         {[]string{old, good}, "ann", "ann"},
		"valid after empty":  {[]string{"", good}, "ann", "ann"},
		"valid after forged": {[]string{forged, "x", old, good}, "ann", "ann"},
		"two valid":          {[]string{good, other}, "ann", "ann"},
		"all expired":        {[]string{old, old}, "token", "public"},
		"forged and expired": {[]string{forged, old}, "token", "token"},
		"expired and forged": {[]string{old, forged}, "token", "token"},
		"too many":           {append(slices.Repeat([]string{old}, 8), good), "token", "public"},
	} {
		one := "wpre_token=" + strings.Join(tc.cookies, "; wpre_token=")
		got := [2]string{result(required, request("/", "Cookie: "+one)), result(optional, request("/", "Cookie: "+one))}
		if want := [2]string{tc.required, tc.optional}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
