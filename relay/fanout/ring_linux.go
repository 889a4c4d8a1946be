package fanout

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/io_uring.h.
const (
	ringOffQueues      = 0          // IORING_OFF_SQ_RING
	ringOffEntries     = 0x10000000 // IORING_OFF_SQES
	ringFeatSingleMmap = 1 << 0     // IORING_FEAT_SINGLE_MMAP
	ringFeatWorkers    = 1 << 9     // IORING_FEAT_NATIVE_WORKERS: Linux 5.12, which needs no locked memory
	ringEnterGetEvents = 1 << 0     // IORING_ENTER_GETEVENTS
	ringOpSend         = 26         // IORING_OP_SEND
)

// ring sends to many sockets by one system call (io_uring(7)). In a prototype, it took three quarters of the CPU time
// of a write(2) for each (see scripts/docs/benchmark.md). The sockets do not block, so the kernel makes all sends
// during the call, in order. One goroutine at a time may use a ring.
type ring struct {
	fd             int
	queues, memory []byte // mapped; memory holds entries

	submitHead, submitTail, submitMask       *uint32
	completeHead, completeTail, completeMask *uint32
	entries                                  []ringEntry
	completions                              []ringCompletion
	queued                                   uint32
	results                                  [maxSends]int32
}

// ringEntry is struct io_uring_sqe.
type ringEntry struct {
	opcode, flags uint8
	priority      uint16
	fd            int32
	offset        uint64
	address       uint64
	length        uint32
	sendFlags     uint32
	user          uint64
	_             [3]uint64
}

// ringCompletion is struct io_uring_cqe.
type ringCompletion struct {
	user   uint64
	result int32
	flags  uint32
}

// ringQueue is the offsets of a queue in the mapped memory: struct io_sqring_offsets and io_cqring_offsets. last is the
// array of a queue of submissions.
type ringQueue struct {
	head, tail, mask, entries, fourth, fifth, last, reserved uint32
	userAddress                                              uint64
}

// ringParams is struct io_uring_params. completions.fifth is the offset of the completions themselves.
type ringParams struct {
	submitEntries, completeEntries, flags, cpu, idle, features, workers uint32
	_                                                                   [3]uint32
	submissions, completions                                            ringQueue
}

// newRing returns nil if the kernel has no ring: before Linux 5.12, or if a container or kernel.io_uring_disabled
// forbids it.
func newRing() *ring {
	var params ringParams
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, maxSends, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return nil
	}
	r := &ring{fd: int(fd)}
	if !r.mapMemory(&params) {
		r.close()
		return nil
	}
	return r
}

// mapMemory maps the queues and prepares the entries. It reports false if the kernel is too old or has no memory.
func (r *ring) mapMemory(params *ringParams) (ok bool) {
	const need = ringFeatSingleMmap | ringFeatWorkers
	if params.features&need != need {
		return false
	}
	sub, com := &params.submissions, &params.completions
	size := max(sub.last+params.submitEntries*4, com.fifth+params.completeEntries*uint32(unsafe.Sizeof(ringCompletion{})))
	r.queues, ok = r.mmap(ringOffQueues, int(size))
	if !ok {
		return false
	}
	r.memory, ok = r.mmap(ringOffEntries, int(params.submitEntries)*int(unsafe.Sizeof(ringEntry{})))
	if !ok {
		return false
	}
	r.submitHead, r.submitTail, r.submitMask = r.word(sub.head), r.word(sub.tail), r.word(sub.mask)
	r.completeHead, r.completeTail, r.completeMask = r.word(com.head), r.word(com.tail), r.word(com.mask)
	r.completions = unsafe.Slice((*ringCompletion)(unsafe.Pointer(&r.queues[com.fifth])), params.completeEntries)
	r.entries = unsafe.Slice((*ringEntry)(unsafe.Pointer(&r.memory[0])), params.submitEntries)
	for i := range r.entries {
		*r.word(sub.last + 4*uint32(i)) = uint32(i) // entries are used in the order of their memory
		r.entries[i] = ringEntry{opcode: ringOpSend, sendFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL}
	}
	return true
}

func (r *ring) mmap(offset int64, size int) (memory []byte, ok bool) {
	memory, err := unix.Mmap(r.fd, offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return memory, err == nil
}

// word returns the word at an offset of the queues.
func (r *ring) word(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.queues[offset])) }

// queue prepares to send p to fd. The result of the send will be r.results[i]. At most maxSends can be queued.
func (r *ring) queue(i int, fd int32, p []byte) {
	entry := &r.entries[(*r.submitTail+r.queued)&*r.submitMask]
	entry.fd, entry.user = fd, uint64(i)
	entry.address, entry.length = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))), uint32(len(p))
	r.results[i] = 0
	r.queued++
}

// send makes the queued sends, of p, and returns when all have been made. If the kernel lacks memory, the remaining
// ones are not made, and have sent nothing. The scheduler is not involved, as in transferRaw.
func (r *ring) send(p []byte) {
	tail := *r.submitTail + r.queued
	atomic.StoreUint32(r.submitTail, tail)
	for left := r.queued; left > 0; {
		_, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd),
			uintptr(tail-atomic.LoadUint32(r.submitHead)), uintptr(left), ringEnterGetEvents, 0, 0)
		left -= r.complete()
		if errno != 0 && errno != syscall.EINTR {
			atomic.StoreUint32(r.submitTail, atomic.LoadUint32(r.submitHead))
			break
		}
	}
	r.queued = 0
	runtime.KeepAlive(p)
}

// complete takes the results of the sends that have been made, and returns their number.
func (r *ring) complete() (n uint32) {
	head, tail := *r.completeHead, atomic.LoadUint32(r.completeTail)
	for at := head; at != tail; at++ {
		completion := &r.completions[at&*r.completeMask]
		r.results[completion.user] = completion.result
	}
	atomic.StoreUint32(r.completeHead, tail)
	return tail - head
}

// close releases the ring.
func (r *ring) close() {
	for _, memory := range [][]byte{r.queues, r.memory} {
		if memory != nil {
			unix.Munmap(memory)
		}
	}
	unix.Close(r.fd)
}
