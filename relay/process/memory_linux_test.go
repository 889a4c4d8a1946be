package process

import (
	"testing"
	"testing/fstest"
)

// groupCases are files below proc and sys, and the limit that they state.
var groupCases = map[string]struct {
	groups string
	files  map[string]string
	want   int64 // 0: none
}{
	"no control groups": {},
	"version 2, container": {
		groups: "0::/\n",
		files:  map[string]string{"sys/fs/cgroup/memory.max": "268435456\n"},
		want:   268435456,
	},
	"version 2, service below a limited slice": {
		groups: "0::/system.slice/relay.service\n",
		files: map[string]string{
			"sys/fs/cgroup/system.slice/relay.service/memory.max": "max\n",
			"sys/fs/cgroup/system.slice/memory.max":               "2000\n",
		},
		want: 2000,
	},
	"version 1, container without a namespace": {
		groups: "9:name=systemd:/\n4:memory:/docker/1f3a\n3:cpu,cpuacct:/docker/1f3a\n",
		files:  map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n"},
		want:   1000,
	},
	"both versions": {
		groups: "4:memory:/a\n0::/a\n",
		files: map[string]string{
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1000\n",
			"sys/fs/cgroup/a/memory.max":                   "max\n",
		},
		want: 1000,
	},
	"group outside the namespace": {groups: "0::/../..\n"},
	"no limit":                    {groups: "0::/\n", files: map[string]string{"sys/fs/cgroup/memory.max": "max\n"}},
	"not a list of groups":        {groups: "x\n\n::\n"},
}

func TestMemoryLimitIsTheLowestOfTheControlGroups(t *testing.T) {
	for name, test := range groupCases {
		t.Run(name, func(t *testing.T) {
			system := fstest.MapFS{}
			if test.groups != "" {
				system["proc/self/cgroup"] = &fstest.MapFile{Data: []byte(test.groups)}
			}
			for file, text := range test.files {
				system[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if got, ok := groupMemory(system); got != test.want || ok != (test.want != 0) {
				t.Errorf("got %d, %t, want %d", got, ok, test.want)
			}
		})
	}
}
