package admin

// Setting is a setting of the relay and the source of its value. It has the same fields as the setting of package cli,
// so that Go converts one to the other.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`  // as YAML, without secrets
	Source string `json:"source"` // a flag, a variable, a file or "default"
}
