package watcher

import (
	"os"
	"path/filepath"
)

// findWPContent returns the wp-content directory, under any name, of the WordPress in root. It returns the first that
// holds realtime-events, else the first that exists, else "". It knows these layouts, in this order:
//
//   - WP_CONTENT_DIR in wp-config.php, or, for Debian's package, in one of the files that it loads
//   - Bedrock and similar: app, content or wp-content beside WordPress, in web
//   - wp-content below WordPress
//
// WordPress is in root or in a subdirectory of root. wp-config.php is beside it or in its parent. All
// sites of a network (multisite) share one wp-content. doubt says why another directory may be the right one, or is "".
func findWPContent(root string) (dir, doubt string) {
	first, firstDoubt := "", ""
	for _, root := range wordpressRoots(root) {
		candidates, config := wpContentCandidates(root)
		for _, dir := range candidates {
			if isDir(filepath.Join(dir, eventDir)) {
				return dir, config.doubt(dir)
			}
			if first == "" && isDir(dir) {
				first, firstDoubt = dir, config.doubt(dir)
			}
		}
		if first == "" && firstDoubt == "" {
			firstDoubt = config.doubt(filepath.Join(root, wpContentDir))
		}
	}
	return first, firstDoubt
}

// wordpressRoots returns root, and the directories in it that hold a WordPress if root itself holds none. Below a
// WordPress, such directories are other sites.
func wordpressRoots(root string) []string {
	roots := []string{root}
	if exists(filepath.Join(root, "wp-load.php")) {
		return roots
	}
	entries, _ := os.ReadDir(root) // a root that cannot be read has no known directories
	for _, entry := range entries {
		dir := filepath.Join(root, entry.Name())
		if exists(filepath.Join(dir, "wp-load.php")) || exists(filepath.Join(dir, "wp-config.php")) {
			roots = append(roots, dir)
		}
	}
	return roots
}

// wpContentCandidates returns the possible wp-content directories of a WordPress in dir, the most likely first,
// and what its configuration says about them.
func wpContentCandidates(dir string) (candidates []string, config wpConfig) {
	home := dir // the directory of wp-config.php: WordPress looks for it in dir and in the parent (wp-load.php)
	if !exists(filepath.Join(dir, "wp-config.php")) {
		home = filepath.Dir(dir)
	}
	if path := filepath.Join(home, "wp-config.php"); exists(path) {
		config = readWPConfig(path, dir)
		candidates = config.contents
	}
	for _, name := range []string{"app", "content", wpContentDir} {
		if sibling := filepath.Join(home, name); exists(filepath.Join(sibling, "plugins")) {
			candidates = append(candidates, sibling)
		}
	}
	return append(candidates, filepath.Join(dir, wpContentDir)), config
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
