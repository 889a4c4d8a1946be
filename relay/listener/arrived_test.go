package listener_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/listener"
)

// TestHangingHandshakesPassTheTurn has handshakes that arrive with their connections and never end. Others are served
// meanwhile: at once if the handlers say that they may block.
func TestHangingHandshakesPassTheTurn(t *testing.T) {
	for _, mayBlock := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			handler := &upgrades{mayBlock: mayBlock, release: make(chan struct{})}
			mux := http.NewServeMux()
			mux.Handle("/hangs", handler)
			mux.Handle("/", hello)
			fake, stop := serving(t, mux, listener.Options{})
			begin := time.Now()
			for range 3 * places {
				conn, err := fake.dialWith(strings.Replace(upgradeRequest, "/", "/hangs", 1))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				go io.Copy(io.Discard, conn)
			}
			if got := get(t, dial(t, fake)); got != "hello" {
				t.Errorf("got %q", got)
			}
			if got := handler.waiting.Load(); got != int64(3*places) {
				t.Errorf("%d handshakes have begun, want %d", got, 3*places)
			}
			if waited := time.Since(begin); mayBlock && waited > 0 {
				t.Errorf("the response took %v", waited)
			}
			close(handler.release)
			stop()
		})
	}
}
