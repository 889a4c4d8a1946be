//go:build !lite

package broker

import (
	"wpre-relay/relay/sharedlog/amqplog"
	"wpre-relay/relay/sharedlog/kafkalog"
	"wpre-relay/relay/sharedlog/natslog"
	"wpre-relay/relay/sharedlog/redislog"
)

// engines maps the scheme of a URL to the Open function of its engine.
var engines = map[string]openFunc{
	"amqp":            opener(amqplog.Open),
	"amqps":           opener(amqplog.Open),
	"redis":           opener(redislog.Open),
	"redis+cluster":   opener(redislog.Open),
	"redis+sentinel":  opener(redislog.Open),
	"rediss":          opener(redislog.Open),
	"rediss+cluster":  opener(redislog.Open),
	"rediss+sentinel": opener(redislog.Open),
	"nats":            opener(natslog.Open),
	"tls":             opener(natslog.Open),
	"kafka":           opener(kafkalog.Open),
	"kafka+tls":       opener(kafkalog.Open),
}
