package server

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sendRejections returns the response to each kind of temporary rejection and to each permanent one, by label.
func sendRejections(accept string) (temporary, permanent map[string]*httptest.ResponseRecorder) {
	srv := &Server{rejections: rejections{logger: slog.New(slog.DiscardHandler)}}
	temporary, permanent = map[string]*httptest.ResponseRecorder{}, map[string]*httptest.ResponseRecorder{}
	for kind, response := range responses {
		r := httptest.NewRequest("GET", "/events", nil)
		r.Header.Set("Accept", accept)
		recorder := httptest.NewRecorder()
		srv.reject(request{w: recorder, r: r}, &rejection{reason(kind), "a \"text\"\nof two lines"})
		if response.retryAfter > 0 {
			temporary[response.label] = recorder
		} else {
			permanent[response.label] = recorder
		}
	}
	return temporary, permanent
}

// TestTemporaryRejectionOfStreamLetsItRetry parses the responses as an EventSource does.
func TestTemporaryRejectionOfStreamLetsItRetry(t *testing.T) {
	temporary, permanent := sendRejections("text/event-stream")
	for label, response := range temporary {
		retry, event, ok := strings.Cut(response.Body.String(), "\nevent: rejected\ndata: ")
		var data rejectedEvent
		err := json.Unmarshal([]byte(strings.TrimSuffix(event, "\n\n")), &data)
		if !ok || err != nil || data.Reason != label || data.Status < 400 || data.Retry < time.Second.Milliseconds() ||
			!strings.HasPrefix(retry, "retry: ") || !strings.HasSuffix(event, "\n\n") {
			t.Errorf("%s: got %q", label, response.Body)
		}
		if response.Code != 200 || response.Header().Get("Content-Type") != "text/event-stream" {
			t.Errorf("%s: got %d, %v", label, response.Code, response.Header())
		}
	}
	for _, label := range []string{"max_clients", "max_clients_per_ip", "rate", "behind", "auth_unavailable", "internal"} {
		if temporary[label] == nil {
			t.Errorf("%s is not temporary", label)
		}
	}
	for label, response := range permanent {
		if response.Code < 400 {
			t.Errorf("%s: got %d", label, response.Code)
		}
	}
}

func TestOtherClientsGetTheStatusOfTheRejection(t *testing.T) {
	temporary, _ := sendRejections("*/*")
	for label, response := range temporary {
		if response.Code < 400 || response.Header().Get("Retry-After") == "" {
			t.Errorf("%s: got %d, %v", label, response.Code, response.Header())
		}
	}
}
