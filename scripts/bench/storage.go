package main

import (
	"fmt"
	"os"
)

// fileSystems are the file systems on which the latency is measured.
var fileSystems = []string{"tmpfs", "ext4"}

// storage has a directory for each file system that was found.
type storage map[string]string

// findStorage returns the first of these directories on each file system. It also looks at the directories for
// temporary files and at the current one.
func findStorage(dirs ...string) storage {
	s := storage{}
	for _, dir := range append(dirs, os.TempDir(), "/var/tmp", "/dev/shm", ".") {
		for _, name := range fileSystems {
			if s[name] == "" && dir != "" && isOn(dir, name) {
				s[name] = dir
			}
		}
	}
	return s
}

// without returns the loads of s that have no directory, and removes them from s.
func (t storage) without(s *scenario) []load {
	var kept, missing []load
	for _, l := range s.loads {
		if l.Storage != "" && t[l.Storage] == "" {
			missing = append(missing, l)
		} else {
			kept = append(kept, l)
		}
	}
	s.loads = kept
	return missing
}

// checkExt4 returns an error if dir is given and not on ext4.
func checkExt4(dir string) error {
	if dir != "" && !isOn(dir, "ext4") {
		return fmt.Errorf("--ext4 %s: not an existing directory on ext4", dir)
	}
	return nil
}
