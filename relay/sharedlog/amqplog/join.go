package amqplog

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/sharedlog"
)

// joinTimeout bounds Join. The creation of a replicated stream takes most of this time.
const joinTimeout = 15 * time.Second

// Join implements sharedlog.Engine. It appends a marker, whose sequence number is Last.
func (e *Engine) Join(ctx context.Context) (info sharedlog.StreamInfo, err error) {
	ctx, cancel := withTimeout(ctx, joinTimeout)
	defer cancel()
	c, err := dial(ctx, e.address, e.host)
	if err != nil {
		return info, err
	}
	defer c.close()
	err = c.do(ctx, func() (err error) {
		if err = e.declare(c); err == nil {
			info, err = e.appendMarker(c)
		}
		return err
	})
	if err != nil {
		return sharedlog.StreamInfo{}, err
	}
	e.mu.Lock()
	e.epoch = info.Epoch
	e.mu.Unlock()
	return info, nil
}

// declare creates the stream if it does not exist. An existing stream may have any arguments, and then the
// permission to create it is not needed. If several relays create a stream at once, RabbitMQ 3.10 fails some of the
// requests.
func (e *Engine) declare(c *connection) error {
	channel, err := c.amqp.Channel()
	if err != nil {
		return err
	}
	_, err = channel.QueueDeclarePassive(e.name, true, false, false, false, nil)
	if err == nil {
		return channel.Close()
	}
	if channel, err = c.amqp.Channel(); err != nil { // the error has closed the first channel
		return err
	}
	arguments := amqp.Table{
		"x-queue-type":                    "stream",
		"x-max-length-bytes":              e.maxBytes,
		"x-stream-max-segment-size-bytes": int64(segmentBytes),
	}
	if e.replicas > 0 {
		arguments["x-initial-cluster-size"] = e.replicas
	}
	_, err = channel.QueueDeclare(e.name, true, false, false, false, arguments)
	if err != nil {
		return err
	}
	return channel.Close()
}

// appendMarker appends a marker and returns the contents of the stream up to the marker.
func (e *Engine) appendMarker(c *connection) (info sharedlog.StreamInfo, err error) {
	// The reader must start before the marker is appended, because other relays may append more entries after it.
	// It fails for a queue that is not a stream, before anything is appended.
	end, err := c.newReader(e.name, "next")
	if err != nil {
		return info, err
	}
	p, err := c.newPublisher()
	if err != nil {
		return info, err
	}
	id := "mark-" + strings.ToLower(rand.Text())
	proposal := amqp.Table{epochHeader: eventlog.NewEpoch()}
	marker := amqp.Publishing{MessageId: id, DeliveryMode: amqp.Persistent, Headers: proposal}
	if err := p.publish(e.name, marker); err != nil {
		return info, err
	}
	if info.Last, err = end.find(id); err != nil {
		return info, err
	}
	start, err := c.newReader(e.name, "first")
	if err != nil {
		return info, err
	}
	info.First, info.Epoch, err = start.findEpoch(info.Last)
	return info, err
}

// find reads up to the entry with this ID and returns its sequence number.
func (r *reader) find(id string) (uint64, error) {
	for {
		entry, _, err := r.next()
		if err != nil || entry.ID == id {
			return entry.Seq, err
		}
	}
}

// findEpoch returns the sequence number of the oldest entry and the epoch of the stream. It reads on until it has
// found the epoch, but not beyond the marker with sequence number last.
func (r *reader) findEpoch(last uint64) (first uint64, epoch string, err error) {
	for {
		entry, carried, err := r.next()
		if err != nil {
			return first, epoch, err
		}
		if first == 0 {
			first = entry.Seq
		}
		if isMarker := len(entry.Text) == 0; carried != "" && isMarker == (first == 1) {
			return first, carried, nil
		}
		if epoch == "" { // the oldest marker's epoch counts if the stream contains nothing but markers
			epoch = carried
		}
		if entry.Seq >= last {
			return first, epoch, nil
		}
	}
}
