package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
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

// Resolve reads the files that the draft names: the visit file is taken over, and so
// are keys; evidence is digested, and what is referred to by name put in place. A
// digest that the draft states already must be the file's.
func (d Draft) Resolve(files fs.FS) Draft {
	if d.resolved {
		return d
	}
	d.resolved, d.unread, d.written = true, nil, d.Findings
	d.include(files)
	d.resolveScope(files)
	d.Probes = slices.Clone(d.Probes)
	for i := range d.Probes {
		d.readParameters(files, fmt.Sprintf("probes[%d]", i), &d.Probes[i])
	}
	d.Evidence = maps.Clone(d.Evidence)
	for _, name := range slices.Sorted(maps.Keys(d.Evidence)) {
		e := d.Evidence[name]
		d.digest(files, "evidence."+clip(name), &e)
		d.Evidence[name] = e
	}
	d.resolveFindings(files)
	return d
}

func (d *Draft) resolveScope(files fs.FS) {
	d.Scope.Builders = slices.Clone(d.Scope.Builders)
	for i := range d.Scope.Builders {
		b := &d.Scope.Builders[i]
		at := fmt.Sprintf("scope.builders[%d]", i)
		b.Keys, b.KeyFiles = d.readKeys(files, at, b.Keys, b.KeyFiles), nil
		b.Identities = slices.Clone(b.Identities)
		for j := range b.Identities {
			d.readRoots(files, fmt.Sprintf("%s.identities[%d]", at, j), &b.Identities[j])
		}
	}
	d.Scope.Rebuilders = slices.Clone(d.Scope.Rebuilders)
	for i := range d.Scope.Rebuilders {
		r := &d.Scope.Rebuilders[i]
		r.Keys, r.KeyFiles = d.readKeys(files, fmt.Sprintf("scope.rebuilders[%d]", i), r.Keys, r.KeyFiles), nil
	}
	d.Scope.Attestors = slices.Clone(d.Scope.Attestors)
	for i := range d.Scope.Attestors {
		a := &d.Scope.Attestors[i]
		a.Keys, a.KeyFiles = d.readKeys(files, fmt.Sprintf("scope.attestors[%d]", i), a.Keys, a.KeyFiles), nil
	}
	d.resolveCommitters(files)
	d.resolveRecipes(files)
}

// resolveFindings digests the evidence of the findings, and puts in place what they
// refer to: that has its digest already.
func (d *Draft) resolveFindings(files fs.FS) {
	d.Findings = slices.Clone(d.Findings)
	for i := range d.Findings {
		d.Findings[i].Evidence = slices.Clone(d.Findings[i].Evidence)
		for j := range d.Findings[i].Evidence {
			e, at := &d.Findings[i].Evidence[j], fmt.Sprintf("findings[%d].evidence[%d]", i, j)
			if e.Ref == "" {
				d.digest(files, at, e)
				continue
			}
			entry, ok := d.Evidence[e.Ref]
			switch {
			case *e != (DraftEvidence{Ref: e.Ref}):
				d.unread = append(d.unread, Problem{Code: CodeEvidence, Field: at + ".ref", Detail: "stands with other keys: what it refers to says it all"})
			case !ok && !d.cannotInclude():
				d.unread = append(d.unread, Problem{Code: CodeEvidence, Field: at + ".ref", Detail: fmt.Sprintf("there is no evidence %q", clip(e.Ref))})
			case ok:
				entry.Ref = e.Ref
				*e = entry
			}
		}
	}
}

// cannotInclude reports whether there is a visit file that could not be read.
func (d *Draft) cannotInclude() bool {
	return slices.ContainsFunc(d.unread, func(p Problem) bool { return p.Field == "include" })
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

// readRoots takes the roots of an identity from their files, where they lie in some.
func (d *Draft) readRoots(files fs.FS, at string, identity *DraftIdentity) {
	d.readRoot(files, at+".root_file", &identity.Root, &identity.RootFile)
	d.readRoot(files, at+".timestamp_root_file", &identity.TimestampRoot, &identity.TimestampRootFile)
}

func (d *Draft) readRoot(files fs.FS, at string, root, name *string) {
	if *name == "" {
		return
	}
	if *root != "" {
		key := at[strings.LastIndexByte(at, '.')+1:]
		d.unread = append(d.unread, Problem{Code: CodeIdentity, Field: at, Detail: "give " + strings.TrimSuffix(key, "_file") + " or " + key + ", not both"})
		return
	}
	raw, err := readFile(files, *name, maxRootBytes)
	if err != nil {
		d.unreadable(CodeIdentity, at, err)
		return
	}
	*root, *name = string(raw), ""
}

// readParameters takes parameters of a probe from their files.
func (d *Draft) readParameters(files fs.FS, at string, p *DraftProbe) {
	if len(p.WithFiles) == 0 {
		return
	}
	with := maps.Clone(p.With)
	if with == nil {
		with = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(p.WithFiles)) {
		field := at + ".with_files." + clip(name)
		if _, twice := with[name]; twice {
			d.unread = append(d.unread, Problem{Code: CodeProbe, Field: field, Detail: "stands under with as well"})
			continue
		}
		raw, err := readFile(files, p.WithFiles[name], maxProbeParameter)
		if err != nil {
			d.unreadable(CodeProbe, field, err)
			continue
		}
		with[name] = string(raw)
	}
	p.With, p.WithFiles = with, nil
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

// namesOthers reports whether a draft says only part of what there is to say: the rest
// lies in files, or elsewhere in it.
func (d Draft) namesOthers() bool {
	if d.Include != "" {
		return true
	}
	for _, b := range d.Scope.Builders {
		if len(b.KeyFiles) > 0 || slices.ContainsFunc(b.Identities, func(i DraftIdentity) bool { return i.RootFile+i.TimestampRootFile != "" }) {
			return true
		}
	}
	if slices.ContainsFunc(d.Scope.Rebuilders, func(r DraftRebuilder) bool { return len(r.KeyFiles) > 0 }) ||
		slices.ContainsFunc(d.Scope.Attestors, func(a DraftAttestor) bool { return len(a.KeyFiles) > 0 }) ||
		slices.ContainsFunc(d.Scope.Committers, func(c DraftCommitter) bool { return len(c.KeyFiles) > 0 }) ||
		slices.ContainsFunc(d.Scope.Recipes, func(r DraftRecipe) bool { return r.RecipeFile != "" }) ||
		slices.ContainsFunc(d.Probes, func(p DraftProbe) bool { return len(p.WithFiles) > 0 }) {
		return true
	}
	elsewhere := func(e DraftEvidence) bool { return e.File != "" || e.Ref != "" }
	for _, e := range d.Evidence {
		if elsewhere(e) {
			return true
		}
	}
	return slices.ContainsFunc(d.Findings, func(f DraftFinding) bool { return slices.ContainsFunc(f.Evidence, elsewhere) })
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
