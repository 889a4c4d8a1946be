package check_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"wpre-relay/relay/check"
)

func TestAPublicEventFileIsFound(t *testing.T) {
	const path = "/blog/wp-content/realtime-events/latest_event.json"
	for name, tc := range map[string]struct {
		status int
		body   string
		public bool
	}{
		"public":          {200, `{"timestamp":1,"status":"draft"}`, true},
		"torn":            {200, `{"timestamp":1}ft"}`, true},
		"denied":          {403, `{"timestamp":1}`, false},
		"not there":       {404, "<html>", false},
		"some other page": {200, "<html>", false},
	} {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.WriteHeader(tc.status)
			io.WriteString(w, tc.body)
		}))
		at, err := url.Parse(site.URL + "/blog")
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = check.Run(t.Context(), at, &out)
		site.Close()
		switch text := out.String(); {
		case tc.public && (!errors.Is(err, check.ErrFailed) || !strings.Contains(text, "location ^~ /blog/wp-content/realtime-events/ { deny all; }")):
			t.Errorf("%s: %v, %s", name, err, text)
		case !tc.public && (err != nil || !strings.HasPrefix(text, "OK")):
			t.Errorf("%s: %v, %s", name, err, text)
		}
	}
	root := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"timestamp":1}`) }))
	defer root.Close()
	at, err := url.Parse(root.URL)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if check.Run(t.Context(), at, &out); !strings.Contains(out.String(), `<Location "/wp-content/realtime-events/">`) {
		t.Errorf("at the root: %s", out.String())
	}
	if err := check.Run(t.Context(), &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, io.Discard); err == nil || errors.Is(err, check.ErrFailed) {
		t.Errorf("a site that cannot be reached: %v", err)
	}
}
