//go:build !race

package eventlog_test

const raceCost = 1
