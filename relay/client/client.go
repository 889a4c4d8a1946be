// Package browser serves the relay's client for browsers. The client is a file of its own, without dependencies and
// without a build; this package knows nothing of what it talks to.
package client

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"time"
)

//go:embed client.js
var script []byte

// module is the same as an ES module: the script sets the global, this line exports it.
var module = append(slices.Clip(script), "\nexport const { connect } = globalThis.wpreRelay;\n"...)

// ServeScript answers with the client as a classic script.
func ServeScript(w http.ResponseWriter, r *http.Request) { serve(w, r, script) }

// ServeModule answers with the client as an ES module, which exports connect.
func ServeModule(w http.ResponseWriter, r *http.Request) { serve(w, r, module) }

// serve answers any page: the text is public. It is asked for each time, and sent again only when it has changed: a
// page must not run last year's client against this year's relay.
func serve(w http.ResponseWriter, r *http.Request, text []byte) {
	header := w.Header()
	header.Set("Content-Type", "text/javascript; charset=utf-8")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(text)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
