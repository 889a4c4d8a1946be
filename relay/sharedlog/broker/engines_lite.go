//go:build lite

package broker

// engines is empty in a build without the clients of brokers, which is half as large.
var engines map[string]openFunc
