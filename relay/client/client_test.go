package client_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"wpre-relay/relay/client"
)

func TestServesClientToEveryOrigin(t *testing.T) {
	source, err := os.ReadFile("client.js")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		serve  http.HandlerFunc
		suffix string
	}{
		"client.js":  {client.ServeScript, ""},
		"client.mjs": {client.ServeModule, "\nexport const { connect } = globalThis.wpreRelay;\n"},
	} {
		w := httptest.NewRecorder()
		tc.serve(w, httptest.NewRequest("GET", "/"+name, nil))
		if w.Code != 200 || w.Body.String() != string(source)+tc.suffix {
			t.Errorf("%s: %d, %d bytes", name, w.Code, w.Body.Len())
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin is %q", name, got)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/javascript") {
			t.Errorf("%s: Content-Type is %q", name, got)
		}
		again := httptest.NewRequest("GET", "/"+name, nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		w = httptest.NewRecorder()
		if tc.serve(w, again); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%s, unchanged: %d, %d bytes", name, w.Code, w.Body.Len())
		}
	}
}
