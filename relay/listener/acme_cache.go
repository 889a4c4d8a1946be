package listener

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/acme/autocert"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/fileop"
)

// acmeCache keeps keys and certificates in the files of a directory. After a power failure it has a whole value, and
// the one that Put stored last if Put has returned nil. Its operations end with their context, even if the file system
// hangs.
//
// autocert.DirCache syncs nothing. After a power failure it may have an empty account key, and then autocert gets no
// certificate until an operator deletes the file.
type acmeCache struct {
	fs  durable.FS
	dir string
	mu  sync.Mutex // held by Put, which uses one temporary file per name
}

// path returns the file with a value. Names of values are autocert's, such as "acme_account+key" and "example.com".
func (c *acmeCache) path(name string) string { return filepath.Join(c.dir, filepath.Clean("/"+name)) }

// Get implements autocert.Cache. A file that is empty, or has only zeros, is a miss: DirCache could leave one.
func (c *acmeCache) Get(ctx context.Context, name string) ([]byte, error) {
	return await(ctx, "read", c.path(name), func() ([]byte, error) {
		data, err := durable.ReadFile(c.fs, c.path(name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.Trim(data, "\x00")) == 0 {
			return nil, autocert.ErrCacheMiss
		}
		return data, err
	})
}

// Put implements autocert.Cache.
func (c *acmeCache) Put(ctx context.Context, name string, data []byte) error {
	_, err := await(ctx, "write", c.path(name), func() (none struct{}, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if ctx.Err() != nil {
			return none, ctx.Err()
		}
		if err := durable.MkdirAll(c.fs, c.dir, 0o700); err != nil {
			return none, err
		}
		return none, errors.Join(durable.Replace(c.fs, c.path(name), data), durable.SyncParents(c.fs, c.dir))
	})
	return err
}

// Delete implements autocert.Cache. It syncs nothing: autocert deletes only answers to challenges, which are of no use
// if they reappear.
func (c *acmeCache) Delete(ctx context.Context, name string) error {
	_, err := await(ctx, "delete", c.path(name), func() (none struct{}, err error) {
		if err := c.fs.Remove(c.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return none, err
		}
		return none, nil
	})
	return err
}

// await returns the result of a file operation, or the error of ctx if that ends first. The goroutine of the operation
// then stays until the operation returns.
func await[T any](ctx context.Context, name, path string, operation func() (T, error)) (result T, err error) {
	type outcome struct {
		result T
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		defer fileop.Begin(name, path).End()
		result, err := operation()
		done <- outcome{result, err}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return result, ctx.Err()
	}
}
