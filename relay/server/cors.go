package server

import "net/http"

// serveCORS answers a GET request with serve if its page has an allowed origin, and adds the headers that let the
// page read the response (Fetch standard, CORS protocol). It answers preflight requests, which browsers send before
// requests with headers that the page has set.
func (s *Server) serveCORS(req request, serve func(request)) {
	if err := s.opts.Origins.Check(req.r); err != nil {
		s.reject(req, &rejection{reasonOrigin, err.Error()})
		return
	}
	header := req.w.Header()
	allowOrigin(header, req.r.Header.Get("Origin"))
	switch req.r.Method {
	case http.MethodGet:
		serve(req)
	case http.MethodOptions:
		header.Set("Access-Control-Allow-Methods", "GET")
		header.Set("Access-Control-Allow-Headers", "Authorization, Last-Event-ID, Cache-Control")
		header.Set("Access-Control-Max-Age", "600")
		req.w.WriteHeader(http.StatusNoContent)
	default:
		header.Set("Allow", "GET, OPTIONS")
		http.Error(req.w, "wpre-relay: the method must be GET", http.StatusMethodNotAllowed)
	}
}

// allowOrigin adds the headers that let pages of this origin read a response; "": none.
func allowOrigin(header http.Header, origin string) {
	header.Set("Vary", "Origin")
	if origin != "" {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Allow-Credentials", "true")
	}
}
