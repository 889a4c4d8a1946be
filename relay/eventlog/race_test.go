//go:build race

package eventlog_test

// raceCost is how much slower TestPowerFailure may be because of the race detector.
const raceCost = 10
