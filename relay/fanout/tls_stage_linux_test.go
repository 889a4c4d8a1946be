package fanout

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"wpre-relay/relay/budget"
)

// TestStagedRecordsKeepTheirOrder stages records of which the socket takes a part, while crypto/tls writes other ones.
// The client gets all of them in the order in which they were sealed.
func TestStagedRecordsKeepTheirOrder(t *testing.T) {
	buffers := budget.New(DefaultBuffers)
	conn, client := tlsPair(t, buffers)
	got := make(chan []byte)
	go func() { all, _ := io.ReadAll(client); got <- all }()
	var want bytes.Buffer
	memory := make([]byte, 2*freeUnsent)
	for round := range 1000 {
		p := bytes.Repeat([]byte{byte(round)}, 1+rand.IntN(freeUnsent))
		record := conn.stage(p, memory[:0])
		if record == nil {
			t.Fatal("nothing waits, and the record is not staged")
		}
		want.Write(p)
		n, err := conn.writeSocket(record[:rand.IntN(len(record)+1)])
		if err != nil {
			t.Fatal(err)
		}
		answers := rand.IntN(3)
		for range answers {
			conn.secure.Write([]byte("answer"))
			want.WriteString("answer")
		}
		whole, err := conn.unstage(n)
		if err != nil || whole != (n == len(record) && answers == 0) {
			t.Fatalf("%d of %d bytes sent, %d answers: %v, %v", n, len(record), answers, whole, err)
		}
		if !whole && conn.stage(p, memory[:0]) != nil {
			t.Fatal("a record is staged while others wait")
		}
		for !whole {
			conn.socket.waitWritable()
			if whole, err = conn.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	conn.close(false)
	if all := <-got; !bytes.Equal(all, want.Bytes()) {
		t.Errorf("the client got %d bytes, want %d in order", len(all), want.Len())
	}
	if used := buffers.Status().Used; used != 0 {
		t.Errorf("%d bytes of the budget are not released", used)
	}
}
