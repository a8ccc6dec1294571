package format

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/hallmark-pki/hallmark/durable"
)

// signatureMode is the mode of a new FILE.p7s: a signature is public.
const signatureMode = 0o644

// Options for Attach. The zero value never overwrites a signature.
type Options struct {
	// Replace allows another signature to be overwritten.
	Replace bool
	// Digest, unless zero, is the digest the signature was made over, Digests.Signed; a
	// file that has another one is refused (Changed) and left alone.
	Digest [sha256.Size]byte
}

// Attach puts a signature where its file carries it and returns the path that
// holds it now: the file itself, or FILE.p7s. On return the change is durable; on error
// or a crash the old file is whole. A file keeps its permission bits and gets the
// caller as its owner, because it is a new file. The same signature again is no error
// and writes nothing; another one is AlreadySigned unless o.Replace. The signature
// itself is not looked at.
func Attach(path string, signature []byte, o Options) (string, error) {
	f, err := Open(path)
	if err != nil {
		return "", fmt.Errorf("attach signature: %w", err)
	}
	defer f.Close()
	return f.Attach(signature, o)
}

// Attach is the function Attach for a file that is open.
func (f *File) Attach(signature []byte, o Options) (string, error) {
	out, err := f.attach(signature, o)
	if err != nil {
		return "", fmt.Errorf("attach signature: %w", err)
	}
	return out, nil
}

func (f *File) attach(signature []byte, o Options) (string, error) {
	if len(signature) == 0 {
		return "", refuse(SignatureEmpty, -1, "no bytes")
	}
	if len(signature) > MaxSignatureBytes {
		return "", refuse(SignatureTooLarge, -1, "%d bytes, at most %d", len(signature), MaxSignatureBytes)
	}
	out := f.Path
	if f.Kind == Detached {
		out += Suffix
	} else if info, err := os.Lstat(f.Path); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return "", errors.Join(err, fmt.Errorf("%s: %w", f.Path, refuse(SymbolicLink, -1, "name the file itself")))
	}
	done, err := f.carries(signature, o)
	if done || err != nil {
		return out, err
	}
	switch {
	case f.body != nil:
		return out, f.embed(signature, o)
	case f.Kind == Deb:
		return out, f.rewrite(signature, o)
	}
	return out, durable.Write(out, signatureMode, func(w io.Writer) error {
		_, err := w.Write(signature)
		return err
	})
}

// carries reports whether the file has this very signature already, and refuses
// where it has another, or is not the file that was signed.
func (f *File) carries(signature []byte, o Options) (bool, error) {
	if f.Kind != Deb { // a package is compared while it is copied
		if err := f.wasSigned(o); err != nil {
			return false, err
		}
	}
	old, err := f.Signature()
	var malformed *Error
	switch {
	case errors.Is(err, ErrUnsigned):
		return false, nil
	case err == nil && bytes.Equal(old, signature):
		return true, f.wasSigned(o)
	case err != nil && !errors.As(err, &malformed):
		return false, err
	case !o.Replace:
		return false, fmt.Errorf("%s: %w", f.Path, refuse(AlreadySigned, -1, "it carries another signature"))
	}
	return false, nil
}

// wasSigned compares the file's digest with the one that was signed, if that is known.
func (f *File) wasSigned(o Options) error {
	if o.Digest == ([sha256.Size]byte{}) {
		return nil
	}
	d, err := f.Digests()
	if err != nil {
		return err
	}
	return f.compare(d.Signed, o)
}

func (f *File) compare(d [sha256.Size]byte, o Options) error {
	if o.Digest == ([sha256.Size]byte{}) || d == o.Digest {
		return nil
	}
	return fmt.Errorf("%s: %w", f.Path, refuse(Changed, -1, "its digest is %x, the signature was made over %x", d, o.Digest))
}

// rewrite writes the package anew with the signature as its last member.
func (f *File) rewrite(signature []byte, o Options) error {
	return durable.Write(f.Path, f.mode.Perm(), func(w io.Writer) error {
		d, err := f.copySigned(w)
		if err != nil {
			return err
		}
		if err := f.compare(d, o); err != nil {
			return err
		}
		_, err = w.Write(appendMember(nil, signature))
		return err
	})
}

// embed writes the file anew with the signature inside. What was written is read once
// more before it takes the old one's place: a signature that its own file does not bear
// out must not get out, whoever's fault it is.
func (f *File) embed(signature []byte, o Options) error {
	before, err := f.Digests()
	if err != nil {
		return err
	}
	return durable.Edit(f.Path, f.mode.Perm(), func(dst *os.File) error {
		if err := f.body.write(dst, signature); err != nil {
			return err
		}
		if err := f.unchanged(); err != nil {
			return err
		}
		return f.checkEmbedded(dst, before.Signed, signature)
	})
}

func (f *File) checkEmbedded(dst *os.File, digest [sha256.Size]byte, signature []byte) error {
	info, err := dst.Stat()
	if err != nil {
		return err
	}
	after := &File{Path: f.Path, f: dst, size: info.Size(), modified: info.ModTime(), mode: info.Mode()}
	err = after.inspect(func(io.ReaderAt, int64) (fileFormat, error) { return f.format, nil })
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	got, err := after.body.signature()
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	d, err := after.body.digest()
	switch {
	case err != nil:
		return fmt.Errorf("read what was written: %w", err)
	case d != digest || !bytes.Equal(got, signature):
		return refuse(Changed, -1, "what was written has digest %x, signed was %x", d, digest)
	}
	return nil
}
