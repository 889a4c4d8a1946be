package amqplog

import (
	"context"
	"errors"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// heartbeat is the heartbeat interval that both sides agree on. A server that is silent for one and a half
	// intervals is unreachable.
	heartbeat = 4 * time.Second

	// closeTimeout is how long RabbitMQ may take to confirm the end of a connection. Without that handshake, it
	// logs a warning.
	closeTimeout = 500 * time.Millisecond
)

// errTimeout is the cause of a context that withTimeout returned, when its time is over.
var errTimeout = errors.New("RabbitMQ does not respond in time")

// connection is a connection to RabbitMQ. Use dial.
type connection struct {
	raw  net.Conn // the connection below amqp; closing it ends every call that waits for RabbitMQ
	amqp *amqp.Connection
}

// withTimeout returns a context that ends with ctx, or after timeout with cause errTimeout.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, timeout, errTimeout)
}

// dial connects to RabbitMQ.
func dial(ctx context.Context, address, host string) (*connection, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	c := &connection{raw: raw}
	config := amqp.Config{
		Heartbeat:  heartbeat,
		Properties: amqp.NewConnectionProperties(),
		Dial:       func(string, string) (net.Conn, error) { return raw, nil },
	}
	config.Properties.SetClientConnectionName("wpre-relay")
	err = c.do(ctx, func() (err error) { c.amqp, err = amqp.DialConfig(address, config); return err })
	if err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// do calls f, and closes the raw connection if ctx ends before f returns, because amqp091-go takes no contexts.
// After an error, the connection must be closed.
func (c *connection) do(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, func() { c.raw.Close() })
	err := f()
	if !stop() || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// close closes the connection and all its channels, within closeTimeout.
func (c *connection) close() {
	timer := time.AfterFunc(closeTimeout, func() { c.raw.Close() })
	defer timer.Stop()
	c.amqp.Close()
}
