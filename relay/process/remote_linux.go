package process

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// remoteTypes are the types of file systems that can hang, in /proc/self/mountinfo. Types with a subtype are listed
// without it.
var remoteTypes = []string{
	"fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "afs", "lustre", "gfs2", "ocfs2", "coda",
}

// pathVariables are the variables that lead to files of the program, beside those with the program's prefix.
var pathVariables = []string{"HOME", "XDG_STATE_HOME", "STATE_DIRECTORY", "PWD"}

// maxLinks limits the symbolic links on one path, to the kernel's limit (path_resolution(7)).
const maxLinks = 40

// usesRemoteFiles reports whether a path in the arguments, the environment or the configuration file leads to a file
// system that can hang, or above one. It does no operation on such a file system. It can be wrong: any word with a
// slash counts as a path, and a file system that is mounted later is not known.
func usesRemoteFiles() bool {
	mounts := remoteMounts()
	return len(mounts) > 0 && slices.ContainsFunc(mentionedPaths(mounts), func(path string) bool {
		return leadsTo(path, mounts)
	})
}

// remoteMounts returns the mount points of file systems that can hang.
func remoteMounts() (mounts []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kinds) == 0 || kinds[0] == "fuse.lxcfs" {
			continue
		}
		if kind, _, _ := strings.Cut(kinds[0], "."); slices.Contains(remoteTypes, kind) {
			mounts = append(mounts, unescape(fields[4]))
		}
	}
	return mounts
}

// unescape returns a path of mountinfo, which has white space and backslashes in octal.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// mentionedPaths returns all absolute and relative paths that the arguments, the environment and the configuration file
// may mean.
func mentionedPaths(mounts []string) (paths []string) {
	texts := slices.Clone(os.Args[1:])
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "WPRE_RELAY_") || slices.Contains(pathVariables, name) {
			texts = append(texts, value)
		}
	}
	if config := configFile(os.Args[1:]); config != "" && !leadsTo(config, mounts) {
		content, _ := os.ReadFile(config) // the command line reports the error
		texts = append(texts, string(content))
	}
	separator := func(c rune) bool { return strings.ContainsRune("=,:\"'\n \t[]", c) }
	for _, text := range texts {
		paths = append(paths, text)
		for _, word := range strings.FieldsFunc(text, separator) {
			if strings.Contains(word, "/") {
				paths = append(paths, word)
			}
		}
	}
	return paths
}

// configFile returns the path of the configuration file, or "" if there is none.
func configFile(args []string) string {
	for i, arg := range args {
		if path, joined := strings.CutPrefix(arg, "--config="); joined {
			return path
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv("WPRE_RELAY_CONFIG")
}

// leadsTo reports whether path leads to one of the mount points, below one, or above one. It follows symbolic links.
func leadsTo(path string, mounts []string) bool {
	path, err := filepath.Abs(path)
	if err != nil || len(path) > 4096 || path == "/" {
		return false
	}
	at, rest := "/", strings.Split(path[1:], "/")
	for links := 0; len(rest) > 0; {
		at, rest = filepath.Join(at, rest[0]), rest[1:]
		if slices.Contains(mounts, at) {
			return true
		}
		target, err := os.Readlink(at)
		if err != nil || links == maxLinks {
			continue
		}
		links++
		rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
		if at = filepath.Dir(at); filepath.IsAbs(target) {
			at = "/"
		}
	}
	return slices.ContainsFunc(mounts, func(mount string) bool { return strings.HasPrefix(mount, at+"/") })
}
