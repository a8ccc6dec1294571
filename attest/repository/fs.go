package repository

import (
	"io/fs"
	"os"
	"strings"
)

// FS returns the published files, for http.FileServerFS and the like: names of the
// form <vendor>/sha256/<aa>/<64 hex>.jsonl open, everything else does not exist.
// Folders do not open either, so that nobody can list what a vendor builds.
func (r *Repository) FS() fs.FS { return published{os.DirFS(r.dir)} }

type published struct{ dir fs.FS }

func (p published) Open(name string) (fs.File, error) {
	if !isPublished(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return p.dir.Open(name)
}

func isPublished(name string) bool {
	part := strings.Split(name, "/")
	if len(part) != 4 || part[1] != "sha256" || checkVendor(part[0]) != nil {
		return false
	}
	digest, ok := strings.CutSuffix(part[3], suffix)
	return ok && isDigest(digest) && part[2] == digest[:2]
}
