package admin_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"wpre-relay/relay/admin"
)

// TestPayloadRequiresTheToken asks for documents with and without the token. Changes 1 to 4 are an event, an event that
// is too long, a content that is no event, and an event.
func TestPayloadRequiresTheToken(t *testing.T) {
	const document = `{"timestamp":1,"post_title":"secret"}`
	f := newFixture(t, admin.Options{Publishing: &admin.Publishing{Token: "a secret"}})
	f.ingest(document)
	f.ingest(`{"timestamp":2,"post_title":"` + strings.Repeat("x", 5000) + `"}`)
	f.ingest(`no event`)
	f.ingest(`{"timestamp":4}`)
	for _, tc := range []struct{ number, authorization, want string }{
		{"1", "Bearer a secret", "200 " + document},
		{"4", "Bearer a secret", `200 {"timestamp":4}`},
		{"2", "Bearer a secret", "404 wpre-relay: the document"},
		{"3", "Bearer a secret", "404 wpre-relay: the document"},
		{"5", "Bearer a secret", "404 wpre-relay: the document"},
		{"0", "Bearer a secret", "404 wpre-relay: the document"},
		{"-1", "Bearer a secret", "404 wpre-relay: the document"},
		{"1", "Bearer other", "401 wpre-relay: unauthorized"},
		{"1", "Basic a secret", "401 wpre-relay: unauthorized"},
		{"1", "", "401 wpre-relay: unauthorized"},
	} {
		r, err := http.NewRequest("GET", f.url+"/api/decisions/"+tc.number, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", tc.authorization)
		r.AddCookie(&http.Cookie{Name: "token", Value: "a secret"})
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if got := fmt.Sprintf("%d %s", response.StatusCode, body); err != nil || !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s with %q: got %q, want %q", tc.number, tc.authorization, got, tc.want)
		}
	}
	if status, body := newFixture(t, admin.Options{}).get("/api/decisions/1"); status != 403 {
		t.Errorf("without --publish-token: %d %q", status, body)
	}
}

// TestAllKeptChangesAreInTheStream has more changes than the history keeps.
func TestAllKeptChangesAreInTheStream(t *testing.T) {
	const kept, changes = 1000, 1003
	f := newFixture(t, admin.Options{})
	for range changes {
		f.rel.CountOverwritten(1)
	}
	response, err := http.Get(f.url + "/api/live")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	next := entryReader(t, response.Body)
	for n := changes - kept + 1; n <= changes; n++ {
		if got, want := next(), fmt.Sprintf("%d overwritten 1  <nil> <nil> ", n); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}
