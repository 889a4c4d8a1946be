module wpre-relay/scripts/bench/competitors

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/lxzan/gws v1.8.9
	golang.org/x/sys v0.50.0
)

require (
	github.com/dolthub/maphash v0.1.0 // indirect
	github.com/klauspost/compress v1.17.9 // indirect
)
