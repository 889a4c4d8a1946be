package watchedfile

import (
	"bytes"
	"io/fs"
	"os"
)

// file is the result of reading a file.
type file struct {
	content []byte
	err     error // nil if the file was read
}

func (f file) equal(other file) bool {
	if f.err != nil || other.err != nil {
		return f.err != nil && other.err != nil && f.err.Error() == other.err.Error()
	}
	return bytes.Equal(f.content, other.content)
}

// isPipe reports whether the path leads to a pipe or a device, such as /dev/fd/63 in bash for <(command). It can be
// read only once: a second read would return nothing, or block until the next writer opens it.
func isPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0
}
