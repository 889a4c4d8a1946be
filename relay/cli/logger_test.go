package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestJSONLogHasDurationsInSeconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c, err := try("--log-format", "json")
	if err != nil {
		t.Fatal(err)
	}
	logger, sink := c.Logger(file)
	logger.Info("one", "waited", 1500*time.Millisecond, "count", 3)
	sink.Flush()
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), `"waited_seconds":1.5,"count":3}`) {
		t.Errorf("got %s, %v", got, err)
	}
}
