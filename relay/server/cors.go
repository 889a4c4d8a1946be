package server

import "net/http"

// get has serve answer a GET of a page that may: one of the same host, or of an origin that is allowed, which is told
// so (Fetch standard, CORS protocol). The browser's question before a request with headers of the page's own is
// answered here.
func (s *Server) get(v visit, serve func(visit)) {
	if err := s.opts.Origins.Check(v.r); err != nil {
		s.reject(v, http.StatusForbidden, "origin", err.Error())
		return
	}
	header := v.w.Header()
	header.Set("Vary", "Origin")
	if origin := v.r.Header.Get("Origin"); origin != "" {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	switch v.r.Method {
	case http.MethodGet:
		serve(v)
	case http.MethodOptions:
		header.Set("Access-Control-Allow-Methods", "GET")
		header.Set("Access-Control-Allow-Headers", "Authorization, Last-Event-ID, Cache-Control")
		header.Set("Access-Control-Max-Age", "600")
		v.w.WriteHeader(http.StatusNoContent)
	default:
		header.Set("Allow", "GET, OPTIONS")
		http.Error(v.w, "wpre-relay: only GET", http.StatusMethodNotAllowed)
	}
}
