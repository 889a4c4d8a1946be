// Package steps has no code: its benchmarks time the steps of an event, from the save to a client's socket. They
// connect the real components as the program does. Writer and client are another process.
//
//	go test -run '^$' -bench . -benchtime 1000x ./scripts/bench/steps
package steps
