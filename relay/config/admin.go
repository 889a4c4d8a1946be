package config

// Off is the value of an optional listen address that turns the listener off.
const Off = "off"

// Admin holds the settings of the operators' listener.
type Admin struct {
	AdminListen string // Off: no listener
	Pprof       bool
}
