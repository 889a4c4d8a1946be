package filter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"wpre-relay/relay/security/filter"
	"wpre-relay/schema"
)

func event(t testing.TB, document string) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(document), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func viewer(t testing.TB, claims string) filter.Viewer {
	t.Helper()
	v := filter.Viewer{Trusted: claims != ""}
	if v.Trusted {
		if err := json.Unmarshal([]byte(claims), &v.Claims); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// Events of filterCases.
const (
	draft = `{"timestamp":1,"type":"post_saved","post_id":7,"post_title":"Plan","status":"draft",` +
		`"is_update":true}`
	published = `{"timestamp":1,"type":"post_saved","post_id":9223372036854775807,"status":"publish",` +
		`"post_type":"page","tags":["a",{"n":2}]}`
	other = `{"timestamp":1.5,"type":"initialized"}`
	odd   = `{"timestamp":1,"status":["publish"],"post_id":"7","is_update":1}`
	twice = `{"timestamp":1,"status":"publish","status":"draft"}` // the last one is valid, as in browsers
)

// filterCases are expressions and the events that they show.
var filterCases = []struct {
	expression, event, claims string
	want                      bool
}{
	{`status == "publish"`, published, "", true},
	{`status == "publish"`, draft, "", false},
	{`status == "publish"`, other, "", false},
	{`status == "publish"`, odd, "", false},
	{`status == "publish"`, twice, "", false},
	{`status in ["publish", ""]`, other, "", true},
	{`type == "initialized" && timestamp == 1.5`, other, "", true},
	{`type != "initialized"`, odd, "", true},
	{`is_update and post_id == 7 and post_title startsWith "Pl"`, draft, "", true},
	{`post_id == 9223372036854775807`, published, "", true},
	{`post_id == 0 and not is_update`, odd, "", true},
	{`event.post_id == "7"`, odd, "", true},
	{`event.post_type in ["page"]`, published, "", true},
	{`event.post_type in ["page"]`, draft, "", false},
	{`event.tags[1].n == 2`, published, "", true},
	{`event.tags[1].n == 2`, draft, "", false}, // the expression fails
	{`token or status == "publish"`, draft, "", false},
	{`token or status == "publish"`, draft, `{}`, true},
	{`trusted or status == "publish"`, draft, "", false},
	{`trusted or status == "publish"`, draft, `{}`, true},
	{`"editor" in claims.roles`, draft, "", false},
	{`"editor" in claims.roles`, draft, `{"roles":["author","editor"]}`, true},
	{`"editor" in claims.roles`, draft, `{"roles":["author"]}`, false},
	{`"editor" in claims.roles`, draft, `{"roles":"editor"}`, false},
	{`claims.level >= 3`, draft, `{"level":3}`, true},
	{`claims.level >= 3`, draft, `{"level":"3"}`, false},
	{`claims.level >= 3`, draft, "", false},
	{`claims.admin`, draft, `{"admin":true}`, true},
	{`claims.admin`, draft, `{"admin":"yes"}`, false},
	{`claims.posts[string(post_id)] ?? false`, draft, `{"posts":{"7":true}}`, true},
}

func TestShowsEvaluatesTheExpression(t *testing.T) {
	for _, tc := range filterCases {
		f, err := filter.Parse(tc.expression)
		if err != nil {
			t.Errorf("%s: %v", tc.expression, err)
			continue
		}
		if got, err := f.Shows(event(t, tc.event), viewer(t, tc.claims)); got != tc.want {
			t.Errorf("%s\n event %s\n claims %q: %v, %v; want %v",
				tc.expression, tc.event, tc.claims, got, err, tc.want)
		}
	}
}

func TestPublicStatusShowsTheRestOnlyToTrustedClients(t *testing.T) {
	f, err := filter.PublicStatus([]string{"publish", `in"herit`})
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[string]bool{"publish": true, `in"herit`: true, "draft": false, "": false} {
		document, _ := json.Marshal(map[string]any{"timestamp": 1, "status": status})
		if got, _ := f.Shows(event(t, string(document)), filter.Viewer{}); got != want {
			t.Errorf("status %q, public: %v", status, got)
		}
		if got, _ := f.Shows(event(t, string(document)), filter.Viewer{Trusted: true}); !got {
			t.Errorf("status %q, trusted: %v", status, got)
		}
	}
}

func TestParseShowsThePlaceOfAMistake(t *testing.T) {
	for expression, want := range map[string]string{
		``:                           "unexpected token EOF",
		`staus == "publish"`:         "unknown name staus (1:1)\n | staus == \"publish\"\n | ^",
		`status == 3`:                "mismatched types string and int) (1:8)\n | status == 3\n | .......^",
		`status`:                     "expected bool, but got string",
		`status matches "("`:         "missing closing )",
		`status == "a" or now() > 1`: "unknown name now",
	} {
		if _, err := filter.Parse(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", expression, err, want)
		}
	}
}

// TestKeyDependsOnUsedClaimsOnly compares viewers with different claims. Viewers with the same key share frames.
func TestKeyDependsOnUsedClaimsOnly(t *testing.T) {
	one, other := `{"sub":"1","roles":["editor"],"level":1}`, `{"sub":"2","roles":["editor"],"level":2}`
	for expression, same := range map[string]bool{
		`status == "publish"`:           true,
		`"editor" in claims.roles`:      true,
		`claims["roles"] != nil`:        true,
		`claims?.roles != nil`:          true,
		`claims.sub == "1"`:             false,
		`claims[status] == 1`:           false,
		`len(claims) > 1`:               false,
		`claims.roles == claims.level`:  false,
		`$env.claims.sub == "1"`:        false,
		`any(keys(claims), # == "sub")`: false,
	} {
		f, err := filter.Parse(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := f.Key(viewer(t, one)) == f.Key(viewer(t, other)); got != same {
			t.Errorf("%s: same key %v, want %v", expression, got, same)
		}
		if f.Key(viewer(t, one)) == f.Key(filter.Viewer{}) {
			t.Errorf("%s: the public has the key of a trusted viewer", expression)
		}
	}
}

// FuzzFilter looks for expressions and claims that make the filter panic, or return different results for one event.
func FuzzFilter(f *testing.F) {
	const draft = `{"timestamp":1,"status":"draft"}`
	f.Add(`status in ["publish"] or "editor" in claims.roles`, draft, `{"roles":["editor"]}`)
	f.Add(`event.a[0].b > claims.c`, `{"timestamp":1,"a":[{"b":2}]}`, `{"c":1e400}`)
	f.Fuzz(func(t *testing.T, expression, document, claims string) {
		if len(expression) > 200 {
			return
		}
		compiled, err := filter.Parse(expression)
		if err != nil {
			return
		}
		ev, _, err := schema.Decode([]byte(document), 1<<12)
		if err != nil {
			return
		}
		var v filter.Viewer
		v.Trusted = json.Unmarshal([]byte(claims), &v.Claims) == nil
		compiled.Key(v)
		first, err := compiled.Shows(ev, v)
		if second, _ := compiled.Shows(ev, v); first != second || first && err != nil {
			t.Errorf("%v, then %v; %v", first, second, err)
		}
	})
}
