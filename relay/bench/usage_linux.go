package bench

import (
	"os"
	"time"
)

// usage is the resource usage at one moment. A value that is not known is nil.
type usage struct {
	resident, anonymous, peak *int64         // memory of the server
	tcp                       *int64         // memory of the kernel's TCP sockets
	cpu, bench                *time.Duration // CPU time of the server and of this process
}

// measureUsage returns the current usage. The values of the server are known only if server, the ids of its processes,
// is not empty.
func measureUsage(server []int) usage {
	var u usage
	if len(server) > 0 {
		u.cpu = orNil(cpuTime(server))
		if m, err := residentMemory(server); err == nil {
			u.resident, u.anonymous, u.peak = &m.resident, &m.anonymous, &m.peak
		}
	}
	u.bench = orNil(process(os.Getpid()).cpuTime())
	u.tcp = orNil(tcpMemory())
	return u
}

// orNil returns a pointer to value, or nil if err is not nil.
func orNil[T any](value T, err error) *T {
	if err != nil {
		return nil
	}
	return &value
}

// growth returns b - a, or nil if one of them is not known.
func growth[T ~int64](a, b *T) *T {
	if a == nil || b == nil {
		return nil
	}
	return new(*b - *a)
}

// perUnit returns total divided by n, or nil if total is not known or n is 0.
func perUnit[T ~int64](total *T, n uint64) *float64 {
	if total == nil || n == 0 {
		return nil
	}
	return new(float64(*total) / float64(n))
}
