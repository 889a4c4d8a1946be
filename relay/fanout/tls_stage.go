package fanout

const (
	// tlsOverhead bounds the bytes that a record adds to its content: 22 in TLS 1.3, 57 with CBC in TLS 1.2.
	tlsOverhead = 64

	// maxStaged is the maximum number of bytes that stage seals. If the socket takes nothing of such a record, it waits
	// outside the budget.
	maxStaged = freeUnsent - tlsOverhead
)

// stage seals p, at most maxStaged bytes, and appends the record to dst. The caller must send it, and then call unstage
// before it changes dst. It returns nil if other bytes must be sent before or the connection has failed; p then may be
// written in another way. Until unstage, answers of crypto/tls to the client wait.
func (t *tlsConn) stage(p, dst []byte) []byte {
	t.mu.Lock()
	ready := len(t.sealed) == 0 && !t.closed
	if ready {
		t.staged, t.staging = dst, true
	}
	t.mu.Unlock()
	if !ready {
		return nil
	}
	_, err := t.secure.Write(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.staging = false
	if err != nil {
		t.staged = nil
	}
	return t.staged
}

// unstage ends what stage began, once the socket has taken n bytes of the record. It keeps the rest. It reports whether
// nothing waits for the socket. After an error, the connection is unusable.
func (t *tlsConn) unstage(n int) (whole bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest, answers := t.staged[n:], t.sealed
	t.staged, t.sealed = nil, nil
	for _, part := range [][]byte{rest, answers} {
		if len(part) > 0 && err == nil {
			err = t.keep(part)
		}
	}
	return err == nil && len(t.sealed) == 0, err
}
