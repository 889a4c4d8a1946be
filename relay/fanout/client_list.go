package fanout

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"
)

const (
	// listChunk is the number of clients that a shard describes at once. That takes about 30 µs, and the shard delivers
	// events before it describes the next ones.
	listChunk = 256

	// maxListExamined is the number of clients that List examines, over all shards. With more clients, it examines
	// the ones that connected last.
	maxListExamined = 100_000
)

// ClientInfo describes a connected client.
type ClientInfo struct {
	Transport Transport
	Since     time.Time    // when it connected, with a precision of a second
	Lag       uint64       // number of records that were not sent to the client yet; 0 if it is live and settled
	Network   netip.Prefix // ClientConfig.Network
	Site      string       // ClientConfig.Site
}

// List returns up to limit clients: the ones that lag most, and then the ones that connected last. While other clients
// leave, it may return a client twice. It returns the clients found so far if ctx ends.
func (c *Clients) List(ctx context.Context, limit int) (infos []ClientInfo) {
	head := c.log.Head().Seq
	for _, s := range c.shards {
		below := -1
		for examined := 0; examined < maxListExamined/len(c.shards); examined += listChunk {
			chunk := s.describe(ctx, below, head)
			if len(chunk.infos) == 0 {
				break
			}
			infos, below = addRelevant(infos, chunk.infos, limit), chunk.start
		}
	}
	return infos
}

// addRelevant adds more clients to a sorted list, and returns the first ones, up to limit. Shards describe the newest
// clients first, so it leaves most of the older ones out without sorting.
func addRelevant(infos, more []ClientInfo, limit int) []ClientInfo {
	known := len(infos)
	for _, info := range more {
		if known < limit || known > 0 && compareRelevance(info, infos[known-1]) < 0 {
			infos = append(infos, info)
		}
	}
	if len(infos) > known {
		slices.SortFunc(infos, compareRelevance)
	}
	return infos[:min(limit, len(infos))]
}

// compareRelevance is negative if a is shown before b.
func compareRelevance(a, b ClientInfo) int {
	return cmp.Or(cmp.Compare(b.Lag, a.Lag), b.Since.Compare(a.Since))
}

// description has the members of a shard with the indices from start on.
type description struct {
	infos []ClientInfo
	start int
}

// describe describes up to listChunk members with indices below the given one, or the last members if that is negative.
// It describes none if there are none, if ctx ends or if the shard has stopped. A removal moves the last member to a
// lower index, so no member is passed over.
func (s *shard) describe(ctx context.Context, below int, head uint64) (d description) {
	described := make(chan description, 1) // the shard never waits
	ok := s.post(func() {
		end := len(s.members)
		if below >= 0 {
			end = min(below, end)
		}
		start := max(0, end-listChunk)
		infos := make([]ClientInfo, 0, end-start)
		for _, c := range s.members[start:end] {
			infos = append(infos, c.info(head))
		}
		described <- description{infos, start}
	})
	if !ok {
		return d
	}
	select {
	case d = <-described:
	case <-ctx.Done():
	}
	return d
}

// info describes the client to the shard's goroutine. head is the number of the log's newest record.
func (c *client) info(head uint64) ClientInfo {
	info := ClientInfo{
		Transport: c.format.transport(),
		Since:     time.Unix(c.since, 0),
		Network:   c.network,
		Site:      c.site.Value(),
	}
	switch {
	case c.lagging:
		info.Lag = head - min(head, c.progress.Load())
	case c.arriving():
		info.Lag = head - min(head, c.pos)
	}
	return info
}
