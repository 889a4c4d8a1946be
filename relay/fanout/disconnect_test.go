package fanout

import (
	"strconv"
	"testing"

	"github.com/coder/websocket"
)

func TestCloseCodesOfClientsCreateNoLabels(t *testing.T) {
	labels := make(map[string]bool)
	for code := range websocket.StatusCode(1 << 16) {
		label := Disconnect{Transport: WebSocketTransport, Reason: CloseReason{Code: code}}.CodeLabel()
		if label != "other" && label != strconv.Itoa(int(code)) {
			t.Errorf("code %d: label %q", code, label)
		}
		labels[label] = true
	}
	if len(labels) > 17 || !labels["1006"] || !labels["1013"] || labels["4001"] {
		t.Errorf("%d labels: %v; want the codes 1000 to 1015 and other", len(labels), labels)
	}
	if label := (Disconnect{Transport: SSETransport}).CodeLabel(); label != "none" {
		t.Errorf("SSE: label %q", label)
	}
}
