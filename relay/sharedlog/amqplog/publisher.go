package amqplog

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
)

// errRejected is returned if RabbitMQ does not confirm an entry.
var errRejected = errors.New("RabbitMQ rejected the entry")

// publisher appends entries. It must not be used concurrently.
type publisher struct {
	conn     *connection
	channel  *amqp.Channel
	returned chan amqp.Return
	closed   chan *amqp.Error
}

// newPublisher returns a publisher on the connection.
func (c *connection) newPublisher() (*publisher, error) {
	channel, err := c.amqp.Channel()
	if err != nil {
		return nil, err
	}
	return &publisher{
		conn:     c,
		channel:  channel,
		returned: channel.NotifyReturn(make(chan amqp.Return, 1)),
		closed:   channel.NotifyClose(make(chan *amqp.Error, 1)),
	}, channel.Confirm(false)
}

// publish appends an entry to a queue and returns when RabbitMQ has confirmed it.
func (p *publisher) publish(queue string, entry amqp.Publishing) error {
	const mandatory = true // otherwise RabbitMQ confirms an entry that it cannot route to a queue
	confirmation, err := p.channel.PublishWithDeferredConfirm("", queue, mandatory, false, entry)
	if err != nil {
		return err
	}
	confirmed := confirmation.Wait()
	select {
	case returned, ok := <-p.returned: // RabbitMQ sends it before the confirmation
		if ok {
			return fmt.Errorf("%w: %s", errRejected, returned.ReplyText)
		}
	default:
	}
	if confirmed {
		return nil
	}
	select {
	case err, ok := <-p.closed:
		switch {
		case ok && err.Code == amqp.PreconditionFailed: // for an entry, this means only that it is too large
			return fmt.Errorf("%w: max_message_size of RabbitMQ: %w", sharedlog.ErrTooLarge, err)
		case ok:
			return err
		}
	default:
	}
	return errRejected
}
