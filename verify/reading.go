package verify

import (
	"context"

	"github.com/hallmark-pki/hallmark/format"
)

// Reading is one reading of a file: its digests, its signature, and what a package says
// about itself, all from one opening. Several verifiers may judge it, at once if they
// like, and it may go on while they are being made.
type Reading struct {
	path      string
	packages  bool
	large     bool   // hashing takes longer than looking into the signature
	signature []byte // nil if there is none
	unsigned  error  // why there is none

	done     chan struct{} // closed when the rest is there
	got      contents
	panicked any
}

// contents is what was read of a file.
type contents struct {
	subject
	nameless error // why it is not known which package it is
	err      error // why something else is not known
}

// Begin opens the file at path and starts to read it. A large one is read on a goroutine of
// its own, which ends by itself, judged or not. packages says to read what a package says
// about itself: for verifiers of a Config with ReadsPackages.
func Begin(path string, packages bool) *Reading {
	r := &Reading{path: path, packages: packages, done: make(chan struct{})}
	f := r.open()
	if r.large {
		go r.read(f)
	} else {
		r.read(f)
	}
	return r
}

// FileRead is File for a file whose reading has begun.
func (v *Verifier) FileRead(ctx context.Context, r *Reading) Verdict {
	if v.packages && !r.packages {
		return v.File(ctx, r.path)
	}
	return v.file(ctx, r.path, func() contents {
		if r.large {
			v.foresee(r.signature)
		}
		<-r.done
		if r.panicked != nil {
			panic(r.panicked)
		}
		return r.got
	})
}

// open opens the file and reads the signature; nil if that failed.
func (r *Reading) open() (f *format.File) {
	defer r.caught()
	f, err := format.Open(r.path)
	if err != nil {
		r.got.err = explainFormat(err)
		return nil
	}
	r.signature, r.unsigned = f.Signature()
	r.large = r.unsigned == nil && f.SignedBytes() >= foresightBytes
	return f
}

// read reads the rest of what open has opened, and closes it. The digests are there even
// if the signature is not.
func (r *Reading) read(f *format.File) {
	defer close(r.done)
	if f == nil {
		return
	}
	defer f.Close()
	defer r.caught()
	c := contents{}
	var err error
	if r.packages {
		if c.is, err = f.Package(); err != nil {
			c.nameless = explainFormat(err)
		}
	}
	if c.digests, err = f.Digests(); err != nil {
		r.got.err = explainFormat(err)
		return
	}
	c.algorithm = f.Algorithm()
	c.want, err = f.ToBeSigned()
	switch {
	case err != nil:
		c.err = explainFormat(err)
	case r.unsigned != nil:
		c.err = explainFormat(r.unsigned)
	default:
		c.signature = r.signature
	}
	r.got = c
}

// caught keeps a panic for who judges the file.
func (r *Reading) caught() {
	if p := recover(); p != nil {
		r.panicked = p
	}
}

// needed is what this verifier makes of a reading: whether it matters that a package's name
// is not known depends on the policy.
func (v *Verifier) needed(c contents) (subject, error) {
	s := c.subject
	switch {
	case !v.packages:
		s.is = format.Package{}
	case c.nameless != nil && (codeOf(c.nameless) != PackageUnreadable || v.policy.namesPackages()):
		s.want, s.signature = format.ToBeSigned{}, nil
		return s, c.nameless
	}
	return s, c.err
}

// foresee works out of a signature, while its file is still being hashed, what judging it
// will ask the memory for: how certificates parse, which paths lead to a root. It decides
// nothing. Nobody knows yet whether the signature holds, and what is remembered was
// verified as it always is.
func (v *Verifier) foresee(signature []byte) {
	sd, err := parseSignedData(signature, maxSignatureBytes)
	if err != nil {
		return
	}
	certs, err := v.memory.parseCertificates(sd.certificates)
	if err != nil {
		return
	}
	leaf, others, err := pickSigner(sd, certs)
	if err != nil || checkLeaf(leaf) != nil {
		return
	}
	at := leaf.NotBefore
	if token, err := value(sd.signer.unsigned, format.DetachedCMS([32]byte{}).Timestamp); err == nil && token != nil {
		v.foreseeStamp(token)
	}
	_, _ = v.codePath(leaf, others, at)
	if st, err := v.readStaple(sd.signer); err == nil {
		for _, r := range st.receipts {
			_, _ = v.memory.receipt(r)
		}
	}
}

// foreseeStamp is foresee for a timestamp token.
func (v *Verifier) foreseeStamp(token []byte) {
	sd, err := parseSignedData(token, maxTokenBytes)
	if err != nil {
		return
	}
	certs, err := v.memory.parseCertificates(sd.certificates)
	if err != nil {
		return
	}
	signer, others, err := pickSigner(sd, certs)
	if err != nil || checkAuthority(signer) != nil {
		return
	}
	if ts, err := parseTSTInfo(sd.content); err == nil {
		_, _ = v.stampChain(signer, others, ts.at)
	}
}
