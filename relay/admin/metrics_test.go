package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"wpre-relay/relay/admin"
)

func TestMetricsHaveAllCounts(t *testing.T) {
	f := newFixture(t, admin.Options{})
	f.ingest(`{"timestamp":1}`)
	f.ingest(`{"timestamp":1}`)
	f.ingest(`{`)
	f.rel.CountOverwritten(3)
	f.monitor.AddDelivery(2 * time.Millisecond)
	_, text := f.get("/metrics")
	for _, want := range []string{
		`wpre_relay_events_total{decision="relayed"} 1`,
		`wpre_relay_events_total{decision="duplicate"} 1`,
		`wpre_relay_events_total{decision="invalid"} 1`,
		`wpre_relay_events_total{decision="overwritten"} 3`,
		`wpre_relay_events_total{decision="torn"} 0`,
		`wpre_relay_clients{transport="websocket"} 0`,
		`wpre_relay_connections_rejected_total{reason="origin"} 0`,
		`wpre_relay_connections_dropped_total 0`,
		`wpre_relay_proxy_protocol_rejected_total{header="missing"} 5`,
		`wpre_relay_proxy_protocol_rejected_total{header="unexpected"} 6`,
		`wpre_relay_messages_sent_total 0`,
		`wpre_relay_buffer_bytes 0`,
		`wpre_relay_buffer_limit_bytes 1.6777216e+07`,
		`wpre_relay_buffer_refused_total 0`,
		`wpre_relay_history_answers 0`,
		`wpre_relay_watcher_mode{mode="inotify"} 1`,
		`wpre_relay_watcher_outbox 0`,
		`wpre_relay_outbox_bypassed_total 0`,
		`wpre_relay_forwarded_messages_total{result="dropped"} 2`,
		`wpre_relay_delivery_seconds_bucket{le="0.001"} 0`,
		`wpre_relay_delivery_seconds_bucket{le="0.0025"} 1`,
		`wpre_relay_log_lines_dropped_total 4`,
		`wpre_relay_ready 1`,
		`wpre_relay_state_ok 1`,
		`wpre_relay_state_restored_total 0`,
		`wpre_relay_build_info{goversion="go1.`,
		`process_open_fds`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}
