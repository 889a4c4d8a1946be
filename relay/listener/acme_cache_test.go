package listener

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"golang.org/x/crypto/acme/autocert"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/durable/durabletest"
)

const testKey = "acme_account+key"

// cached returns the value in the cache on a disk, or "" if it is a miss.
func cached(t *testing.T, disk durable.FS) string {
	value, err := (&acmeCache{fs: disk, dir: "/var/acme"}).Get(t.Context(), testKey)
	if err != nil && !errors.Is(err, autocert.ErrCacheMiss) {
		t.Error(err)
	}
	return string(value)
}

// TestACMECacheSurvivesPowerFailure stores two values and cuts the power before each change. A value that Put has
// stored is there, and no other content is: autocert would refuse it for ever.
func TestACMECacheSurvivesPowerFailure(t *testing.T) {
	var allowed []string
	states := durabletest.EachCut(func(disk *durabletest.Disk) {
		stored := ""
		for _, value := range []string{"first value", "second"} {
			allowed = []string{stored, value}
			if err := (&acmeCache{fs: disk, dir: "/var/acme"}).Put(t.Context(), testKey, []byte(value)); err != nil {
				t.Error(err)
			}
			allowed, stored = []string{value}, value
			disk.OnChange()
		}
	}, func(left *durabletest.Disk) {
		if got := cached(t, left); !slices.Contains(allowed, got) {
			t.Errorf("got %q, want one of %q", got, allowed)
		}
	})
	t.Logf("%d states", states)
}

// TestACMECacheSurvivesEachFailure fails one call while values are stored, read and deleted. Put stores the value or
// returns an error, and then the former value is there or the new one.
func TestACMECacheSurvivesEachFailure(t *testing.T) {
	runs := durabletest.EachFailure(func(disk *durabletest.Disk, failure string) {
		cache, allowed := &acmeCache{fs: disk, dir: "/var/acme"}, []string{""}
		for _, value := range []string{"first value", "second"} {
			if err := cache.Put(t.Context(), testKey, []byte(value)); err == nil {
				allowed = []string{value}
			} else {
				allowed = append(allowed, value)
			}
			check := func(left *durabletest.Disk) {
				if got := cached(t, left); !slices.Contains(allowed, got) {
					t.Errorf("%s: got %q, want one of %q", failure, got, allowed)
				}
			}
			check(disk.Kill())
			disk.Cuts(rand.New(rand.NewPCG(1, 0)), check)
		}
		if value, err := cache.Get(t.Context(), testKey); err == nil && !slices.Contains(allowed, string(value)) {
			t.Errorf("%s: Get returns %q, want one of %q", failure, value, allowed)
		}
		if err := cache.Delete(t.Context(), testKey); err == nil && cached(t, disk.Kill()) != "" {
			t.Errorf("%s: the value is there after Delete", failure)
		}
	})
	t.Logf("%d runs", runs)
}

// TestDamagedACMEValueIsAMiss reads a file as a power failure could leave it under autocert.DirCache.
func TestDamagedACMEValueIsAMiss(t *testing.T) {
	for _, content := range []string{"", "\x00\x00"} {
		disk := durabletest.NewDisk(durabletest.Model{Piece: 512})
		file, err := disk.OpenFile("/"+testKey, os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		file.Write([]byte(content))
		if _, err := (&acmeCache{fs: disk, dir: "/"}).Get(t.Context(), testKey); !errors.Is(err, autocert.ErrCacheMiss) {
			t.Errorf("%q: %v", content, err)
		}
	}
}
