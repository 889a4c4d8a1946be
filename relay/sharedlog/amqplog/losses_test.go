package amqplog_test

import (
	"errors"
	"net/url"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/amqplog"
	"wpre-relay/relay/sharedlog/enginetest"
)

func (r rabbitTest) testLosses(t *testing.T) {
	do := func(change func(channel *amqp.Channel, queue string) error) func(*testing.T, string) {
		return func(t *testing.T, queue string) {
			withChannel(t, r.server.Address, func(channel *amqp.Channel) error { return change(channel, queue) })
		}
	}
	open := func(stream string) (sharedlog.Engine, error) {
		return amqplog.Open(&url.URL{Scheme: "amqp", Host: r.server.Address}, stream, 10_000)
	}
	enginetest.TestLosses(t, open, true, map[string]enginetest.Loss{
		"stream":          {Lose: do(deleteQueue)},
		"stream replaced": {Lose: do(replaceQueue)},
		"newest entries":  {Lose: do(shorten)},
		"type": {
			Lose: do(func(channel *amqp.Channel, queue string) error {
				if err := deleteQueue(channel, queue); err != nil {
					return err
				}
				_, err := channel.QueueDeclare(queue, true, false, false, false, nil)
				return err
			}),
			Problem: "queue type is not a stream",
			Repair:  do(deleteQueue),
		},
	})
}

func deleteQueue(channel *amqp.Channel, queue string) error {
	_, err := channel.QueueDelete(queue, false, false, false)
	return err
}

func replaceQueue(channel *amqp.Channel, queue string) error {
	if err := deleteQueue(channel, queue); err != nil {
		return err
	}
	_, err := channel.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": "stream"})
	return err
}

// shorten replaces the stream by one that ends after the first event, as after a failover to an older replica.
func shorten(channel *amqp.Channel, queue string) error {
	if err := channel.Qos(100, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(queue, "", false, false, false, false, amqp.Table{"x-stream-offset": "first"})
	if err != nil {
		return err
	}
	var kept []amqp.Publishing
	for delivery := range deliveries {
		delete(delivery.Headers, "x-stream-offset")
		kept = append(kept, amqp.Publishing{
			MessageId: delivery.MessageId, DeliveryMode: amqp.Persistent, Headers: delivery.Headers, Body: delivery.Body,
		})
		if len(delivery.Body) > 0 {
			break
		}
	}
	if err := replaceQueue(channel, queue); err != nil {
		return err
	}
	return publishAll(channel, queue, kept)
}

// publishAll publishes the entries and waits until the stream has them. Otherwise a relay may see the stream without
// them, and they may come after its first entry.
func publishAll(channel *amqp.Channel, queue string, entries []amqp.Publishing) error {
	if err := channel.Confirm(false); err != nil {
		return err
	}
	for _, entry := range entries {
		confirmed, err := channel.PublishWithDeferredConfirm("", queue, true, false, entry)
		if err != nil {
			return err
		}
		if !confirmed.Wait() {
			return errors.New("the broker rejected an entry")
		}
	}
	return nil
}
