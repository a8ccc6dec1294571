package worker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

// rootFolder is the folder that becomes / for a recipe; "" is the host's own. An
// unpacked tar stays, under its digest.
func (w *Worker) rootFolder(ctx context.Context, j *workspace, r recipe.Recipe) (string, error) {
	if r.Root.Host {
		return "", nil
	}
	folder := filepath.Join(w.roots(), r.Root.SHA256)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	name := filepath.Join(j.folder, "root.tar")
	if _, err := w.fetchFile(ctx, r.Root.URL, r.Root.SHA256, name, maxRootBytes, r); err != nil {
		return "", err
	}
	unpacked := filepath.Join(j.folder, "root")
	if err := unpack(ctx, name, unpacked); err != nil {
		return "", err
	}
	// In one step: a root that is there is whole. Another job may have been quicker.
	if err := os.Rename(unpacked, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(folder); there != nil {
			return "", fmt.Errorf("keep the root: %w", err)
		}
	}
	return folder, nil
}

// unpack writes the folders, files and links of a tar. Devices are left out, and so are
// setuid bits and owners: the sandbox has its own of the one and no use for the others.
// os.Root keeps every name below the folder, through whatever links.
func unpack(ctx context.Context, name, folder string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	archive := tar.NewReader(file)
	left := int64(maxRootBytes)
	for entries := 0; ; entries++ {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && entries == maxRootEntries {
			err = fmt.Errorf("more than %d entries", maxRootEntries)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			// Before it is written: a sparse file takes more here than in the tar.
			if left -= h.Size; left < 0 {
				err = fmt.Errorf("more than %d bytes", int64(maxRootBytes))
			} else {
				err = unpackEntry(root, h, archive)
			}
		}
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return failed(attest.RebuildFetchFailed, "unpack the root: %v", err)
		}
	}
}

func unpackEntry(root *os.Root, h *tar.Header, body io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if name == "" || strings.HasPrefix(path.Clean(h.Name), "../") {
		if h.Typeflag == tar.TypeDir {
			return nil
		}
		return fmt.Errorf("%.100q leaves the root", h.Name)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err := root.Mkdir(name, 0o755)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name)
	case tar.TypeReg:
		// Readable by whoever the sandbox runs as; executable if it was.
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(h.Mode)&0o111|0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, body)
		return errors.Join(err, file.Close())
	}
	return nil
}
