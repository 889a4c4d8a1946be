package listener

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/security/clientaddr"
)

const (
	// floodPeriod is the time in which dropped connections are counted, and for which at most SYNs are ignored.
	floodPeriod = time.Second

	// floodDrops is the number of connections of a network dropped in a floodPeriod before its SYNs are ignored. The
	// kernel takes about 10 µs to drop one, so a network may take 1 ms of each second.
	floodDrops = 100

	// maxIgnored is the limit of the networks whose SYNs are ignored. The kernel compares an address with all of them.
	maxIgnored = 64

	// maxFlooding is the limit of the networks whose dropped connections are counted.
	maxFlooding = 1024
)

// synFilter makes the kernel ignore the SYNs of networks that flood a listening socket. To accept and to drop a
// connection costs more than to open it, so a flood from many sockets would fill the backlog, and other clients would
// wait behind it. The kernel calls the filter (socket(7), SO_ATTACH_FILTER) before it has spent anything on a SYN.
// Where that is forbidden, and for Multipath TCP, connections are only dropped.
type synFilter struct {
	socket syscall.RawConn // of the listener
	isUsed atomic.Bool     // a filter was attached; connections inherit it

	mu      sync.Mutex
	drops   map[netip.Prefix]int // in this period; nil between periods; guarded by mu
	ignored []netip.Prefix       // guarded by mu
}

// count counts a dropped connection of the address.
func (f *synFilter) count(address netip.Addr) {
	network := clientaddr.NetworkOf(address)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.drops == nil {
		f.drops = make(map[netip.Prefix]int)
		time.AfterFunc(floodPeriod, f.endPeriod)
	}
	if len(f.drops) >= maxFlooding && f.drops[network] == 0 {
		return
	}
	f.drops[network]++
	if f.drops[network] == floodDrops && len(f.ignored) < maxIgnored {
		f.ignored = append(f.ignored, network)
		f.attach() // if it fails, connections are only dropped
	}
}

// endPeriod lets all networks connect again.
func (f *synFilter) endPeriod() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drops = nil
	if len(f.ignored) > 0 {
		f.ignored = nil
		f.socket.Control(detachFilter)
	}
}

// attach replaces the listener's filter. The caller holds mu.
func (f *synFilter) attach() (err error) {
	f.isUsed.Store(true)
	program := ignoreSYNs(f.ignored)
	f.socket.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	return err
}

// accepted removes the filter from a connection, which would keep the memory of a filter that the listener no longer
// has.
func (f *synFilter) accepted(fd int) {
	if f.isUsed.Load() {
		detachFilter(uintptr(fd))
	}
}

// detachFilter removes the filter of a socket, if it has one.
func detachFilter(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) }

// The program of a filter is in the classic language of packet filters, bpf(4) of BSD. Jumps are relative to the next
// instruction. A TCP socket's packets begin with the TCP header; the IP header is at ipHeader.
const (
	ipHeader = 1<<32 - 0x100000 // SKF_NET_OFF

	tcpFlags       = 13 // offset in the TCP header
	tcpSYN         = 0x02
	tcpACK         = 0x10
	sourceIPv4     = ipHeader + 12
	sourceIPv6     = ipHeader + 8
	bpfLoadByte    = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	bpfLoadWord    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	bpfAnd         = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	bpfJumpIfEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	bpfJump        = unix.BPF_JMP | unix.BPF_JA
	bpfReturn      = unix.BPF_RET | unix.BPF_K
	wholePacket    = 1<<32 - 1
	ipVersionMask  = 0xf0
	ipVersion4     = 0x40
)

// ignoreSYNs returns the program that ignores the SYNs of the networks, which are IPv4 addresses and IPv6 /64s. It
// accepts all other packets.
func ignoreSYNs(networks []netip.Prefix) []unix.SockFilter {
	var v4, v6 []unix.SockFilter
	for _, network := range networks {
		if address := network.Addr(); address.Is4() {
			v4 = append(v4, ignoreIf(sourceIPv4, address.AsSlice())...)
		} else if address.Is6() {
			v6 = append(v6, ignoreIf(sourceIPv6, address.AsSlice()[:8])...)
		}
	}
	accept := unix.SockFilter{Code: bpfReturn, K: wholePacket}
	return slices.Concat([]unix.SockFilter{
		{Code: bpfLoadByte, K: tcpFlags},
		{Code: bpfAnd, K: tcpSYN | tcpACK},
		{Code: bpfJumpIfEqual, K: tcpSYN, Jt: 1},
		accept,
		{Code: bpfLoadByte, K: ipHeader},
		{Code: bpfAnd, K: ipVersionMask},
		{Code: bpfJumpIfEqual, K: ipVersion4, Jt: 1},
		{Code: bpfJump, K: uint32(len(v4) + 1)},
	}, v4, []unix.SockFilter{accept}, v6, []unix.SockFilter{accept})
}

// ignoreIf returns instructions that ignore the packet if its bytes at offset are prefix, which has whole words.
func ignoreIf(offset uint32, prefix []byte) (program []unix.SockFilter) {
	for ; len(prefix) > 0; prefix, offset = prefix[4:], offset+4 {
		rest := uint8(len(prefix)/4*2 - 1) // instructions after this comparison
		program = append(program,
			unix.SockFilter{Code: bpfLoadWord, K: offset},
			unix.SockFilter{Code: bpfJumpIfEqual, K: binary.BigEndian.Uint32(prefix), Jf: rest})
	}
	return append(program, unix.SockFilter{Code: bpfReturn, K: 0})
}
