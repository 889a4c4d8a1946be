package amqplog

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
)

const (
	// prefetch bounds the number of unacknowledged deliveries, and of entries that are read at once.
	prefetch = 256

	offsetHeader = "x-stream-offset"
	epochHeader  = "epoch"
)

// errDeleted is returned when RabbitMQ cancels a reader.
var errDeleted = errors.New("the stream was deleted, or is no longer on this server")

// reader reads a stream.
type reader struct {
	deliveries <-chan amqp.Delivery // closed at the end
	closed     chan *amqp.Error
	cancelled  chan string
}

// newReader returns a reader of a queue from an offset on, which may also be "first" or "next".
func (c *connection) newReader(queue string, offset any) (*reader, error) {
	channel, err := c.amqp.Channel()
	if err != nil {
		return nil, err
	}
	if err := channel.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	r := &reader{
		closed:    channel.NotifyClose(make(chan *amqp.Error, 1)),
		cancelled: channel.NotifyCancel(make(chan string, 1)),
	}
	r.deliveries, err = channel.Consume(queue, "", false, false, false, false, amqp.Table{offsetHeader: offset})
	if closed, ok := errors.AsType[*amqp.Error](err); ok && closed.Code == amqp.PreconditionFailed {
		err = fmt.Errorf("queue %s is not a stream; delete it, or set another name with ?stream=NAME: %w", queue, err)
	}
	return r, err
}

// batch blocks until an entry arrives and returns all entries that have arrived.
func (r *reader) batch(ctx context.Context) (entries []sharedlog.Entry, err error) {
	var delivery amqp.Delivery
	open := true
	select {
	case delivery, open = <-r.deliveries:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for open {
		entry, err := parse(delivery)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
		if len(entries) == prefetch {
			return entries, delivery.Ack(true)
		}
		select {
		case delivery, open = <-r.deliveries:
		default:
			return entries, delivery.Ack(true)
		}
	}
	if len(entries) == 0 {
		return nil, r.closeReason()
	}
	return entries, nil
}

// next blocks until an entry arrives and returns it, with the epoch that it carries or "".
func (r *reader) next() (entry sharedlog.Entry, epoch string, err error) {
	delivery, open := <-r.deliveries
	if !open {
		return entry, "", r.closeReason()
	}
	if entry, err = parse(delivery); err != nil {
		return entry, "", err
	}
	epoch, _ = delivery.Headers[epochHeader].(string)
	return entry, epoch, delivery.Ack(true)
}

// closeReason returns why deliveries was closed.
func (r *reader) closeReason() error {
	if _, cancelled := <-r.cancelled; cancelled {
		return errDeleted
	}
	if err := <-r.closed; err != nil {
		return err
	}
	return amqp.ErrClosed
}

// parse returns the entry in a delivery.
func parse(delivery amqp.Delivery) (sharedlog.Entry, error) {
	header := delivery.Headers[offsetHeader]
	offset, ok := header.(int64)
	if !ok || offset < 0 {
		return sharedlog.Entry{}, fmt.Errorf("entry %q: invalid offset %v", delivery.MessageId, header)
	}
	return sharedlog.Entry{Seq: uint64(offset) + 1, ID: delivery.MessageId, Text: delivery.Body}, nil
}
