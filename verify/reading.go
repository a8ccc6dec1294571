package verify

import (
	"context"

	"github.com/hallmark-pki/hallmark/format"
)

// Reading is one reading of a file: its digests, its signature, and what a package says
// about itself, all from one opening. Several verifiers may judge it, at once if they like.
type Reading struct {
	path     string
	packages bool

	subject  subject
	nameless error // why it is not known which package it is
	err      error // why something else is not known
	panicked any
}

// Read reads the file at path; whatever goes wrong is for the verdict to say. packages says
// to read what a package says about itself: for verifiers of a Config with ReadsPackages.
func Read(path string, packages bool) *Reading {
	r := &Reading{path: path, packages: packages}
	defer r.caught()
	f, err := format.Open(path)
	if err != nil {
		r.err = explainFormat(err)
		return r
	}
	defer f.Close()
	r.read(f)
	return r
}

// FileRead is File for a file that has been read.
func (v *Verifier) FileRead(ctx context.Context, r *Reading) Verdict {
	if v.packages && !r.packages {
		return v.File(ctx, r.path)
	}
	return v.file(ctx, r.path, func() *Reading { return r })
}

// read reads an open file. The digests are there even if the signature is not.
func (r *Reading) read(f *format.File) {
	var s subject
	var err error
	if r.packages {
		if s.is, err = f.Package(); err != nil {
			r.nameless = explainFormat(err)
		}
	}
	if s.digests, err = f.Digests(); err != nil {
		r.err = explainFormat(err)
		return
	}
	s.algorithm = f.Algorithm()
	if s.want, err = f.ToBeSigned(); err == nil {
		s.signature, err = f.Signature()
	}
	if err != nil {
		r.err = explainFormat(err)
	}
	r.subject = s
}

// caught keeps a panic for who judges the file.
func (r *Reading) caught() {
	if p := recover(); p != nil {
		r.panicked = p
	}
}

// needed is what this verifier makes of a reading: whether it matters that a package's name
// is not known depends on the policy.
func (v *Verifier) needed(r *Reading) (subject, error) {
	if r.panicked != nil {
		panic(r.panicked)
	}
	s := r.subject
	switch {
	case s.algorithm == "": // nothing was read
	case !v.packages:
		s.is = format.Package{}
	case r.nameless != nil && (codeOf(r.nameless) != PackageUnreadable || v.policy.namesPackages()):
		s.want, s.signature = format.ToBeSigned{}, nil
		return s, r.nameless
	}
	return s, r.err
}
