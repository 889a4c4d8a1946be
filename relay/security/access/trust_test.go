package access_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/token"
)

// trustCases are claims, and whether they make a client trusted: with the default capability, and with another one.
var trustCases = map[string]struct {
	claims     string
	byDefault  bool
	forManager bool
}{
	"none":                     {`{}`, false, false},
	"roles only":               {`{"roles":["administrator","editor"]}`, false, false},
	"no capability":            {`{"caps":[]}`, false, false},
	"subscriber":               {`{"caps":["read"]}`, false, false},
	"author":                   {`{"caps":["read","edit_posts"]}`, false, false},
	"editor":                   {`{"caps":["read","edit_posts","edit_others_posts"]}`, true, false},
	"administrator":            {`{"caps":["edit_others_posts","manage_options"]}`, true, true},
	"another capability":       {`{"caps":["manage_options"]}`, false, true},
	"other case":               {`{"caps":["Edit_Others_Posts"]}`, false, false},
	"in a longer name":         {`{"caps":["edit_others_posts_not"]}`, false, false},
	"text":                     {`{"caps":"edit_others_posts"}`, false, false},
	"object, as in WordPress":  {`{"caps":{"edit_others_posts":true}}`, false, false},
	"object, a filtered array": {`{"caps":{"1":"edit_others_posts"}}`, false, false},
	"true":                     {`{"caps":true}`, false, false},
	"nested":                   {`{"caps":[["edit_others_posts"],{"edit_others_posts":1},null]}`, false, false},
	"other claim":              {`{"Caps":["edit_others_posts"],"cap":["edit_others_posts"]}`, false, false},
}

// TestOnlyTheCapabilityMakesClientsTrusted has the same claims in a token and in an answer of the site.
func TestOnlyTheCapabilityMakesClientsTrusted(t *testing.T) {
	site, _ := newSite(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("User-Agent")) })
	keys, err := token.ParseKeys([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	for capability, expected := range map[string]func(byDefault, forManager bool) bool{
		"":               func(byDefault, _ bool) bool { return byDefault },
		"manage_options": func(_, forManager bool) bool { return forManager },
	} {
		auth := access.New(access.Options{Tokens: tokens(t), Site: site, TrustedCapability: capability})
		for name, tc := range trustCases {
			claims := token.Claims{"exp": time.Now().Add(time.Hour).Unix()}
			if err := json.Unmarshal([]byte(tc.claims), &claims); err != nil {
				t.Fatal(err)
			}
			minted, err := token.Mint(keys[0], claims)
			if err != nil {
				t.Fatal(err)
			}
			want := expected(tc.byDefault, tc.forManager)
			for how, header := range map[string]string{
				"token": "Authorization: Bearer " + minted,
				"site":  "User-Agent: " + tc.claims,
			} {
				identity, err := auth.Authenticate(request("/", header), "203.0.113.9")
				if err != nil || identity.Viewer.Trusted != want || identity.Expires.IsZero() {
					t.Errorf("%s, by %s, capability %q: trusted %v, %v; want %v",
						name, how, capability, identity.Viewer.Trusted, err, want)
				}
			}
		}
	}
}
