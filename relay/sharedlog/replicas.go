package sharedlog

import (
	"fmt"
	"net/url"
	"strconv"
)

// TakeReplicas removes the parameter replicas from a broker's address and returns its value: the number of replicas of
// a stream that an engine creates, at most limit. It is 0 without the parameter: the engine's default.
func TakeReplicas(address *url.URL, limit int) (rest *url.URL, replicas int, err error) {
	copied := *address
	query := copied.Query()
	if query.Has("replicas") {
		replicas, err = strconv.Atoi(query.Get("replicas"))
		if err != nil || replicas < 1 || replicas > limit {
			return nil, 0, fmt.Errorf("?replicas=%.20s must be a number from 1 to %d", query.Get("replicas"), limit)
		}
	}
	query.Del("replicas")
	copied.RawQuery = query.Encode()
	return &copied, replicas, nil
}
