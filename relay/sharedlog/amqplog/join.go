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

// joinPatience bounds an attempt to join, of which making a stream with replicas takes the most.
const joinPatience = 15 * time.Second

// Join implements sharedlog.Engine. It appends a mark, which is the entry numbered Last.
func (e *Engine) Join(ctx context.Context) (extent sharedlog.StreamInfo, err error) {
	ctx, cancel := limited(ctx, joinPatience)
	defer cancel()
	l, err := dial(ctx, e.address, e.host)
	if err != nil {
		return extent, err
	}
	defer l.close()
	err = l.within(ctx, func() (err error) {
		if err = e.declare(l); err == nil {
			extent, err = e.mark(l)
		}
		return err
	})
	if err != nil {
		return sharedlog.StreamInfo{}, err
	}
	e.mu.Lock()
	e.epoch = extent.Epoch
	e.mu.Unlock()
	return extent, nil
}

// declare makes the stream if there is none. One that there is may have any arguments, and then the right to make one is not
// needed. Of several relays that make it at once RabbitMQ 3.10 gives some an error.
func (e *Engine) declare(l *link) error {
	channel, err := l.conn.Channel()
	if err != nil {
		return err
	}
	_, err = channel.QueueDeclarePassive(e.name, true, false, false, false, nil)
	if err == nil {
		return channel.Close()
	}
	if channel, err = l.conn.Channel(); err != nil { // the error has closed the other
		return err
	}
	_, err = channel.QueueDeclare(e.name, true, false, false, false, amqp.Table{
		"x-queue-type":                    "stream",
		"x-max-length-bytes":              e.bytes,
		"x-stream-max-segment-size-bytes": int64(segmentBytes),
	})
	if err != nil {
		return err
	}
	return channel.Close()
}

// mark appends a mark and returns what the stream holds then.
func (e *Engine) mark(l *link) (extent sharedlog.StreamInfo, err error) {
	// Reading begins before there is a mark: the last chunk may be one of others by the time that it can be asked for.
	// A queue that is no stream is refused here, before anything is put into it.
	end, err := l.reader(e.name, "next")
	if err != nil {
		return extent, err
	}
	p, err := l.publisher()
	if err != nil {
		return extent, err
	}
	id := "mark-" + strings.ToLower(rand.Text())
	proposal := amqp.Table{epochKey: eventlog.NewEpoch()}
	if err := p.publish(e.name, amqp.Publishing{MessageId: id, DeliveryMode: amqp.Persistent, Headers: proposal}); err != nil {
		return extent, err
	}
	if extent.Last, err = end.find(id); err != nil {
		return extent, err
	}
	start, err := l.reader(e.name, "first")
	if err != nil {
		return extent, err
	}
	extent.First, extent.Epoch, err = start.origin(extent.Last)
	return extent, err
}

// find returns the number of the entry with this ID.
func (r *reader) find(id string) (uint64, error) {
	for {
		entry, _, err := r.next()
		if err != nil || entry.ID == id {
			return entry.Seq, err
		}
	}
}

// origin returns the number of the oldest entry and the epoch, for which it reads on, but not beyond a mark with number last.
func (r *reader) origin(last uint64) (first uint64, epoch string, err error) {
	for {
		entry, says, err := r.next()
		if err != nil {
			return first, epoch, err
		}
		if first == 0 {
			first = entry.Seq
		}
		if mark := len(entry.Text) == 0; says != "" && mark == (first == 1) {
			return first, says, nil
		}
		if epoch == "" { // of the oldest mark, for a stream that has nothing else left
			epoch = says
		}
		if entry.Seq >= last {
			return first, epoch, nil
		}
	}
}
