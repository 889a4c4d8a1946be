package enginetest

import (
	"os"
	"testing"
)

// Failovers returns what a failover may do: the server restarts with the data that it had after the first event, or
// with none.
func Failovers(server *Server) map[string]Loss {
	var older string
	restart := func(t *testing.T, change func() error) {
		server.Kill()
		if err := change(); err != nil {
			t.Error(err)
		}
		server.Start()
	}
	return map[string]Loss{
		"newest entries": {
			Prepare: func(t *testing.T, _ string) {
				older = t.TempDir()
				restart(t, func() error { return os.CopyFS(older, os.DirFS(server.Dir)) })
			},
			Lose: func(t *testing.T, _ string) {
				restart(t, func() error {
					if err := removeAll(server.Dir); err != nil {
						return err
					}
					return os.CopyFS(server.Dir, os.DirFS(older))
				})
			},
		},
		"all data": {
			Lose: func(t *testing.T, _ string) { restart(t, func() error { return removeAll(server.Dir) }) },
		},
	}
}

// removeAll deletes everything in a directory, but not the directory.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o700)
}
