package fanout

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// handshakeBuffers are the fields of tls.Conn that keep the memory of the client's hello, 3 KiB of the 7 of a client.
var handshakeBuffers = []string{"rawInput", "hand"}

// releaseHandshake frees the memory of the handshake, which crypto/tls keeps for the life of a connection and has no
// method to free. It must be called while no other goroutine uses conn. It changes a buffer only if it is empty and a
// bytes.Buffer, whose zero value is ready for use, so another implementation of crypto/tls keeps its memory.
func releaseHandshake(conn *tls.Conn) {
	fields := reflect.ValueOf(conn).Elem()
	for _, name := range handshakeBuffers {
		field := fields.FieldByName(name)
		if !field.IsValid() || field.Type() != reflect.TypeFor[bytes.Buffer]() {
			continue
		}
		if buffer := (*bytes.Buffer)(unsafe.Pointer(field.UnsafeAddr())); buffer.Len() == 0 {
			*buffer = bytes.Buffer{}
		}
	}
}
