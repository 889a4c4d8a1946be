package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// server is a server to compare.
type server struct {
	name     string
	programs []string // below --bin, or on the path
	scheme   string   // of the URL; "" for ws
	commands func(programs []string, at site) ([][]string, error)
}

var servers = []server{
	{name: "relay", programs: []string{"wpre-relay"}, commands: func(programs []string, at site) ([][]string, error) {
		return [][]string{relayCommand(programs[0], at, at.port)}, nil
	}},
	{name: "baseline", programs: []string{"baseline"}, commands: runProgram},
	{name: "gws", programs: []string{"gws"}, commands: runProgram},
	{name: "coder", programs: []string{"coder"}, commands: runProgram},
	{name: "node", programs: []string{"node/fswatch.mjs", "node"}, commands: runScript},
	{name: "chokidar", programs: []string{"node/chokidar.mjs", "node"}, commands: runScript},
	{
		name: "relay-tls", programs: []string{"wpre-relay"}, scheme: "wss",
		commands: func(programs []string, at site) ([][]string, error) {
			err := writeCertificate(at)
			return [][]string{append(relayCommand(programs[0], at, at.port),
				"--tls-cert", at.certificate(), "--tls-key", at.key())}, err
		},
	},
	{name: "relay-nginx", programs: []string{"wpre-relay", "nginx"}, scheme: "wss", commands: runBehindNginx},
}

func relayCommand(program string, at site, port string) []string {
	return []string{program, "--watch", at.file, "--listen", "127.0.0.1:" + port, "--admin-listen", "off",
		"--state-dir", filepath.Join(at.dir, "state"), "--log-level", "warn"}
}

func runProgram(programs []string, at site) ([][]string, error) {
	return [][]string{{programs[0], at.port, at.file}}, nil
}

func runScript(programs []string, at site) ([][]string, error) {
	return [][]string{{programs[1], programs[0], at.port, at.file}}, nil
}

// relay reports whether the server is the relay in one of its ways, whose guarantees are checked.
func (s server) relay() bool { return strings.HasPrefix(s.name, "relay") }

// paths returns the paths of the server's programs, or nil if one of them does not exist.
func (s server) paths(bin string) []string {
	var paths []string
	for _, program := range s.programs {
		path := filepath.Join(bin, program)
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			path, err = exec.LookPath(program)
		}
		if err != nil {
			return nil
		}
		paths = append(paths, path)
	}
	return paths
}
