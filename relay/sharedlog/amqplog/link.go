package amqplog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
)

const (
	// heartbeat is negotiated. A server that is silent for one and a half of it is lost.
	heartbeat = 4 * time.Second

	// grace is for how long RabbitMQ may take leave, lest it logs a warning.
	grace = 500 * time.Millisecond

	// prefetch bounds the entries that are on their way, and those that are read at once.
	prefetch = 256

	offsetKey = "x-stream-offset"
	epochKey  = "epoch"
)

var (
	errSilent  = errors.New("RabbitMQ does not answer in time")
	errDeleted = errors.New("the stream was deleted, or has left this server")
	errRefused = errors.New("RabbitMQ does not take the entry")
)

// link is a connection to RabbitMQ. Use dial.
type link struct {
	raw  net.Conn // under conn; closing it ends whatever conn waits for
	conn *amqp.Connection
}

// limited returns a context that ends as ctx does, or when RabbitMQ has had its time.
func limited(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, most, errSilent)
}

// dial connects.
func dial(ctx context.Context, address, host string) (*link, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	l := &link{raw: raw}
	config := amqp.Config{
		Heartbeat:  heartbeat,
		Properties: amqp.NewConnectionProperties(),
		Dial:       func(string, string) (net.Conn, error) { return raw, nil },
	}
	config.Properties.SetClientConnectionName("wpre-relay")
	err = l.within(ctx, func() (err error) { l.conn, err = amqp.DialConfig(address, config); return err })
	if err != nil {
		raw.Close()
		return nil, err
	}
	return l, nil
}

// within calls f, and cuts the link when ctx ends before f returns: amqp091 waits without a context. After an error the link
// is good for nothing but close.
func (l *link) within(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, func() { l.raw.Close() })
	err := f()
	if !stop() || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// close ends the link, and all that was made of it.
func (l *link) close() {
	cut := time.AfterFunc(grace, func() { l.raw.Close() })
	defer cut.Stop()
	l.conn.Close()
}

// publisher appends entries. It is for one goroutine at a time.
type publisher struct {
	link     *link
	channel  *amqp.Channel
	returned chan amqp.Return
	closed   chan *amqp.Error
}

// publisher returns what appends entries over the link.
func (l *link) publisher() (*publisher, error) {
	channel, err := l.conn.Channel()
	if err != nil {
		return nil, err
	}
	return &publisher{
		link:     l,
		channel:  channel,
		returned: channel.NotifyReturn(make(chan amqp.Return, 1)),
		closed:   channel.NotifyClose(make(chan *amqp.Error, 1)),
	}, channel.Confirm(false)
}

// publish appends an entry to a queue and returns once RabbitMQ keeps it.
func (p *publisher) publish(queue string, entry amqp.Publishing) error {
	const mandatory = true // else RabbitMQ confirms also what no queue takes
	confirmed, err := p.channel.PublishWithDeferredConfirm("", queue, mandatory, false, entry)
	if err != nil {
		return err
	}
	kept := confirmed.Wait()
	select {
	case back, ok := <-p.returned: // it comes before the confirmation
		if ok {
			return fmt.Errorf("%w: %s", errRefused, back.ReplyText)
		}
	default:
	}
	if kept {
		return nil
	}
	select {
	case err, ok := <-p.closed:
		switch {
		case ok && err.Code == amqp.PreconditionFailed: // of an entry alone RabbitMQ says this only if that is too large
			return fmt.Errorf("%w: max_message_size of RabbitMQ: %w", sharedlog.ErrTooLarge, err)
		case ok:
			return err
		}
	default:
	}
	return errRefused
}

// reader reads a stream.
type reader struct {
	deliveries <-chan amqp.Delivery // closed when there will be no more
	closed     chan *amqp.Error
	cancelled  chan string
}

// reader returns what reads a queue over the link, from an offset on, which may be "first" or "next".
func (l *link) reader(queue string, offset any) (*reader, error) {
	channel, err := l.conn.Channel()
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
	r.deliveries, err = channel.Consume(queue, "", false, false, false, false, amqp.Table{offsetKey: offset})
	return r, err
}

// batch waits for entries and returns those that are there.
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
		return nil, r.lost()
	}
	return entries, nil
}

// next waits for an entry and returns it, with what it says of the epoch.
func (r *reader) next() (entry sharedlog.Entry, epoch string, err error) {
	delivery, open := <-r.deliveries
	if !open {
		return entry, "", r.lost()
	}
	if entry, err = parse(delivery); err != nil {
		return entry, "", err
	}
	epoch, _ = delivery.Headers[epochKey].(string)
	return entry, epoch, delivery.Ack(true)
}

// lost returns why there are no more deliveries.
func (r *reader) lost() error {
	if _, cancelled := <-r.cancelled; cancelled {
		return errDeleted
	}
	if err := <-r.closed; err != nil {
		return err
	}
	return amqp.ErrClosed
}

// parse returns the entry of a delivery.
func parse(delivery amqp.Delivery) (sharedlog.Entry, error) {
	offset, ok := delivery.Headers[offsetKey].(int64)
	if !ok || offset < 0 {
		return sharedlog.Entry{}, fmt.Errorf("entry %q has offset %v", delivery.MessageId, delivery.Headers[offsetKey])
	}
	return sharedlog.Entry{Seq: uint64(offset) + 1, ID: delivery.MessageId, Text: delivery.Body}, nil
}
