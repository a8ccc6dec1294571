package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ReadDraft reads a draft and the files it names, which must lie in its folder or
// below; symbolic links out of it are refused. Files that cannot be read are problems
// that Check reports.
func ReadDraft(name string) (Draft, error) {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return Draft{}, fmt.Errorf("read draft: %w", err)
	}
	defer root.Close()
	files := root.FS()
	raw, err := readFile(files, filepath.Base(name), maxDraftBytes)
	if err != nil {
		return Draft{}, fmt.Errorf("read draft: %w", err)
	}
	d, err := ParseDraft(raw)
	if err != nil {
		return Draft{}, fmt.Errorf("%s: %w", name, err)
	}
	return d.Resolve(files), nil
}

// Resolve reads the files that the draft names: keys are taken over, evidence is
// digested. A digest that the draft states already must be the file's.
func (d Draft) Resolve(files fs.FS) Draft {
	d.resolved, d.unread = true, nil
	d.Scope.Builders = slices.Clone(d.Scope.Builders)
	for i := range d.Scope.Builders {
		b := &d.Scope.Builders[i]
		b.Keys, b.KeyFiles = d.readKeys(files, fmt.Sprintf("scope.builders[%d]", i), b.Keys, b.KeyFiles), nil
	}
	d.Scope.Rebuilders = slices.Clone(d.Scope.Rebuilders)
	for i := range d.Scope.Rebuilders {
		r := &d.Scope.Rebuilders[i]
		r.Keys, r.KeyFiles = d.readKeys(files, fmt.Sprintf("scope.rebuilders[%d]", i), r.Keys, r.KeyFiles), nil
	}
	d.Findings = slices.Clone(d.Findings)
	for i := range d.Findings {
		d.Findings[i].Evidence = slices.Clone(d.Findings[i].Evidence)
		for j := range d.Findings[i].Evidence {
			d.digest(files, fmt.Sprintf("findings[%d].evidence[%d]", i, j), &d.Findings[i].Evidence[j])
		}
	}
	return d
}

// readKeys returns the keys given in the draft and those in its files.
func (d *Draft) readKeys(files fs.FS, at string, keys, names []string) []string {
	keys = slices.Clone(keys)
	for i, name := range names {
		raw, err := readFile(files, name, maxKeyFileBytes)
		if err != nil {
			d.unreadable(CodeKey, fmt.Sprintf("%s.key_files[%d]", at, i), err)
			continue
		}
		keys = append(keys, string(raw))
	}
	return keys
}

// digest fills in the digest of an evidence file.
func (d *Draft) digest(files fs.FS, at string, e *DraftEvidence) {
	if e.File == "" {
		return
	}
	f, err := openFile(files, e.File)
	if err != nil {
		d.unreadable(CodeEvidence, at+".file", err)
		return
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(f, maxEvidenceFileBytes+1))
	switch sum := hex.EncodeToString(hash.Sum(nil)); {
	case err != nil:
		d.unreadable(CodeEvidence, at+".file", err)
	case n > maxEvidenceFileBytes:
		d.unreadable(CodeEvidence, at+".file", fmt.Errorf("%s is larger than %d bytes", e.File, maxEvidenceFileBytes))
	case e.SHA256 != "" && e.SHA256 != sum:
		d.unreadable(CodeEvidence, at+".sha256", fmt.Errorf("%s has SHA-256 %s, not the one stated", e.File, sum))
	default:
		e.SHA256 = sum
	}
}

func (d *Draft) unreadable(code Code, field string, err error) {
	detail := err.Error()
	if errors.Is(err, fs.ErrInvalid) || strings.Contains(detail, "path escapes") {
		detail = "must lie in the folder of the draft or below: " + detail
	}
	d.unread = append(d.unread, Problem{Code: code, Field: field, Detail: detail})
}

// openFile opens a regular file for reading.
func openFile(files fs.FS, name string) (fs.File, error) {
	f, err := files.Open(path.Clean(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func readFile(files fs.FS, name string, most int) ([]byte, error) {
	f, err := openFile(files, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return raw, nil
}
