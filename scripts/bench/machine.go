package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// describeMachine returns the number of cores and the versions of the software. It leaves out missing software.
func describeMachine(bin string) string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	add := func(name, version string) {
		if version != "" {
			parts = append(parts, name+" "+version)
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	add("Linux", strings.TrimSpace(string(kernel)))
	add("Go", strings.TrimPrefix(runtime.Version(), "go"))
	add("gws", goModule(filepath.Join(bin, "gws"), "github.com/lxzan/gws"))
	add("coder/websocket", goModule(filepath.Join(bin, "coder"), "github.com/coder/websocket"))
	node, _ := exec.Command("node", "--version").Output()
	add("Node", strings.TrimPrefix(strings.TrimSpace(string(node)), "v"))
	add("ws", nodeModule(bin, "ws"))
	add("chokidar", nodeModule(bin, "chokidar"))
	return strings.Join(parts, ", ")
}

// goModule returns the version of a module that program is built with, or "".
func goModule(program, path string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return ""
}

// nodeModule returns the version of an installed npm package, or "".
func nodeModule(bin, name string) string {
	text, err := os.ReadFile(filepath.Join(bin, "node", "node_modules", name, "package.json"))
	if err != nil {
		return ""
	}
	var module struct{ Version string }
	if json.Unmarshal(text, &module) != nil {
		return ""
	}
	return module.Version
}
