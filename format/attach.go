package format

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"github.com/hallmark-pki/hallmark/durable"
	"io"
	"io/fs"
	"os"
)

// signatureMode is the mode of a new FILE.p7s: a signature is public.
const signatureMode = 0o644

// Options for Attach. The zero value never overwrites a signature.
type Options struct {
	// Replace allows another signature to be overwritten.
	Replace bool
	// Digest, unless zero, is the SHA-256 the signature was made over; a file
	// whose signed bytes have another one is refused (Changed) and left alone.
	Digest [sha256.Size]byte
}

// Attach puts a signature where its file carries it and returns the path that
// holds it now: the package itself, or FILE.p7s. On return the change is durable;
// on error or a crash the old file is whole. A package keeps its permission bits
// and gets the caller as its owner, because it is a new file. The same signature
// again is no error and writes nothing; another one is AlreadySigned unless
// o.Replace. The signature itself is not looked at.
func Attach(path string, signature []byte, o Options) (string, error) {
	out, err := attach(path, signature, o)
	if err != nil {
		return "", fmt.Errorf("attach signature: %w", err)
	}
	return out, nil
}

func attach(path string, signature []byte, o Options) (string, error) {
	if len(signature) == 0 {
		return "", refuse(SignatureEmpty, -1, "no bytes")
	}
	if len(signature) > MaxSignatureBytes {
		return "", refuse(SignatureTooLarge, -1, "%d bytes, at most %d", len(signature), MaxSignatureBytes)
	}
	f, err := Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	out := path
	if f.Kind == Detached {
		out += Suffix
	} else if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return "", errors.Join(err, fmt.Errorf("%s: %w", path, refuse(SymbolicLink, -1, "name the package itself")))
	}
	done, err := f.carries(signature, o)
	if done || err != nil {
		return out, err
	}
	if f.Kind == Deb {
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
	if f.Kind == Detached { // a package is compared while it is copied
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
	d, err := f.Digest()
	if err != nil {
		return err
	}
	return f.compare(d, o)
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
