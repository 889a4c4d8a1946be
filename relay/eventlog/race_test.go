//go:build race

package eventlog_test

// raceCost is how much slower TestPowerFailure and TestEveryCallFailsOnce may be because of the race detector. They do
// less of their work with it: one goroutine does all of it.
const raceCost = 10
