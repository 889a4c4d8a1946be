package listener

import (
	"crypto/tls"
	"net"
	"net/netip"
)

// transparent is a connection that passes all bytes to the one below.
type transparent interface{ Transparent() net.Conn }

// socketOf returns the connection below all layers that this package adds.
func socketOf(conn net.Conn) net.Conn {
	switch layer := conn.(type) {
	case *tls.Conn:
		return socketOf(layer.NetConn())
	case transparent:
		return socketOf(layer.Transparent())
	case interface{ Raw() net.Conn }: // of the PROXY protocol
		return socketOf(layer.Raw())
	default:
		return conn
	}
}

// peerOf returns the address of the other end of the socket, which may be a proxy. It is invalid if the connection is
// not TCP. Unlike conn.RemoteAddr, it does not wait for the header of the PROXY protocol.
func peerOf(conn net.Conn) netip.Addr {
	if addr, ok := socketOf(conn).RemoteAddr().(*net.TCPAddr); ok {
		return addr.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// drop closes the socket without waiting for the client: the kernel sends RST and keeps nothing of the connection. If
// the client's network has many dropped connections, the kernel may ignore its next ones.
func drop(conn net.Conn) {
	socket := socketOf(conn)
	if direct, ok := socket.(interface{ Drop() }); ok {
		direct.Drop()
		return
	}
	if tcp, ok := socket.(interface{ SetLinger(seconds int) error }); ok {
		tcp.SetLinger(0)
	}
	socket.Close()
}
