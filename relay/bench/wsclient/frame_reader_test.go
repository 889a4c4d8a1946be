package wsclient_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"wpre-relay/relay/bench/wsclient"
)

// frame returns a server's frame with this first byte.
func frame(first byte, payload string) []byte {
	p := []byte{first}
	switch n := len(payload); {
	case n < 126:
		p = append(p, byte(n))
	case n < 1<<16:
		p = binary.BigEndian.AppendUint16(append(p, 126), uint16(n))
	default:
		p = binary.BigEndian.AppendUint64(append(p, 127), uint64(n))
	}
	return append(p, payload...)
}

// text returns a message with event n. Its title has this size.
func text(n, size int) []byte {
	return frame(0x81, fmt.Sprintf(`{"timestamp": 1, "post_id": %d, "post_title": "%s"}`, n, strings.Repeat("x", size)))
}

// read decodes the pieces and returns their items as text.
func read(pieces ...[]byte) (items []string, err error) {
	var r wsclient.FrameReader
	for _, p := range pieces {
		for len(p) > 0 {
			item, rest, err := r.Next(p)
			if err != nil {
				return items, err
			}
			if item.Kind != wsclient.None {
				items = append(items, fmt.Sprintf("%d:%d:%s", item.Kind, item.Number, item.Payload))
			}
			p = rest
		}
	}
	return items, nil
}

// allKinds returns a stream with every kind of frame that a server may send, and its items. One title has size long.
func allKinds(long int) (stream []byte, want []string) {
	stream = slices.Concat(
		text(7, 1), text(8, 90),
		frame(0x89, "are you there"), frame(0x89, ""), frame(0x8A, "unasked"),
		frame(0x81, ""), frame(0x82, `{"post_id":9}`),
		frame(0x01, `{"post_`), frame(0x00, ``), frame(0x89, "within"), frame(0x00, `id":1`), frame(0x80, `0}`),
		text(4_000_000, long),
		frame(0x88, "\x03\xe9bye"),
	)
	return stream, []string{"1:7:", "1:8:", "2:0:are you there", "2:0:", "1:0:", "1:9:", "2:0:within", "1:10:",
		"1:4000000:", "3:1001:"}
}

func TestEverySplitGivesTheSameItems(t *testing.T) {
	stream, want := allKinds(1)
	check := func(where string, pieces ...[]byte) {
		if got, err := read(pieces...); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: got %q, %v, want %q", where, got, err, want)
		}
	}
	check("whole", stream)
	check("bytes", slices.Collect(slices.Chunk(stream, 1))...)
	for i := range stream {
		for j := i; j < len(stream); j++ {
			check(fmt.Sprintf("cut at %d and %d", i, j), stream[:i], stream[i:j], stream[j:])
		}
	}
}

func TestLongMessageInManyReads(t *testing.T) {
	stream, want := allKinds(192 << 10)
	for _, size := range []int{1000, 4096, 64 << 10} {
		if got, err := read(slices.Collect(slices.Chunk(stream, size))...); err != nil || !slices.Equal(got, want) {
			t.Errorf("reads of %d: got %q, %v, want %q", size, got, err, want)
		}
	}
}

func TestChecksumIsOfTheWholeMessage(t *testing.T) {
	var r wsclient.FrameReader
	want := wsclient.Checksum([]byte(`{"post_id":10}`))
	for _, stream := range [][]byte{
		frame(0x81, `{"post_id":10}`),
		slices.Concat(frame(0x01, `{"post_`), frame(0x00, ``), frame(0x89, "within"), frame(0x80, `id":10}`)),
	} {
		for i := range stream {
			var item wsclient.Item
			for _, p := range [][]byte{stream[:i], stream[i:]} {
				for len(p) > 0 {
					item, p, _ = r.Next(p)
				}
			}
			if item.Kind != wsclient.Message || item.Sum != want {
				t.Errorf("cut at %d of %q: got %+v, want sum %d", i, stream, item, want)
			}
		}
	}
}

func TestMessageAllocatesNothing(t *testing.T) {
	var r wsclient.FrameReader
	message := text(1, 100)
	if n := testing.AllocsPerRun(100, func() { r.Next(message) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFindsEventNumber(t *testing.T) {
	for message, want := range map[string]uint32{
		`{"post_id":1}`:                          1,
		`{"post_id": 12, "x": 3}`:                12,
		"{\n    \"post_id\":\n    345\n}":        345,
		`{"type":"initialized"}`:                 0,
		`{"post_id":0}`:                          0,
		`{"post_id":-5}`:                         0,
		`{"post_id":"5"}`:                        0,
		`{"post_idx":5,"post_id":6}`:             6,
		`{"post_title":"\"post_id\":8"}`:         0,
		`{"x":"\"","post_id":7}`:                 7,
		strings.Repeat(" ", 300) + `"post_id":1`: 0, // beyond scanLimit
		`hello`:                                  0,
	} {
		want := []string{fmt.Sprintf("1:%d:", want)}
		if got, err := read(frame(0x81, message)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", message, got, err, want)
		}
	}
}

func TestRejectsProtocolViolations(t *testing.T) {
	for _, tc := range []struct {
		name   string
		stream []byte
		want   error
	}{
		{"reserved bit", frame(0xC1, "x"), wsclient.ErrReserved},
		{"masked", []byte{0x81, 0x81, 1, 2, 3, 4, 5}, wsclient.ErrMasked},
		{"unknown opcode", frame(0x83, "x"), wsclient.ErrOpcode},
		{"unknown control opcode", frame(0x8B, "x"), wsclient.ErrOpcode},
		{"continuation without a message", frame(0x80, "x"), wsclient.ErrFragmented},
		{"message inside another", slices.Concat(frame(0x01, "x"), frame(0x81, "x")), wsclient.ErrFragmented},
		{"fragmented ping", frame(0x09, "x"), wsclient.ErrControl},
		{"long ping", frame(0x89, strings.Repeat("x", 126)), wsclient.ErrControl},
		{"endless frame", []byte{0x81, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255}, wsclient.ErrTooLong},
	} {
		for _, pieces := range [][][]byte{{tc.stream}, slices.Collect(slices.Chunk(tc.stream, 1))} {
			if got, err := read(pieces...); !errors.Is(err, tc.want) {
				t.Errorf("%s: got %q, %v, want %v", tc.name, got, err, tc.want)
			}
		}
	}
}

func TestPongIsMaskedAndRepeatsThePing(t *testing.T) {
	got := wsclient.AppendPong(nil, []byte("hi"))
	if want := []byte{0x8A, 0x82, 0, 0, 0, 0, 'h', 'i'}; !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// FuzzFrameReader checks that any stream gives the same items when it is split.
func FuzzFrameReader(f *testing.F) {
	stream, _ := allKinds(10)
	f.Add(stream, uint16(1))
	f.Add([]byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, uint16(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint16) {
		want, wantErr := read(stream)
		got, err := read(slices.Collect(slices.Chunk(stream, int(size)+1))...)
		if !slices.Equal(got, want) || err != wantErr {
			t.Errorf("in pieces of %d: got %q, %v, want %q, %v", size+1, got, err, want, wantErr)
		}
	})
}
