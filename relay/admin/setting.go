package admin

// Setting is a setting of the relay and the source of its value. Its fields match those of the command line's settings,
// so that one converts to the other.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`  // as YAML, without secrets
	Source string `json:"source"` // a flag, a variable, a file or "default"
}
