// Package client serves the relay's JavaScript client for browsers: one file without dependencies and without a build
// step. The package does not run the client and does not know the relay.
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

// module is the script as an ES module: the added line exports the global that the script sets.
var module = append(slices.Clip(script), "\nexport const { connect } = globalThis.wpreRelay;\n"...)

// ServeScript serves the client as a classic script.
func ServeScript(w http.ResponseWriter, r *http.Request) { serve(w, r, script) }

// ServeModule serves the client as an ES module that exports connect.
func ServeModule(w http.ResponseWriter, r *http.Request) { serve(w, r, module) }

// serve serves text to pages of every origin, because it is public. Browsers revalidate it on each load, so that no
// page uses the client of an older relay.
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
