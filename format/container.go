package format

import (
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"io"
	"os"

	"github.com/hallmark-pki/hallmark/ext"
)

// container is what one format of files knows; the rest is the same for all.
type container interface {
	// is reports whether a file is of this format, by looking at a few bytes.
	is(r io.ReaderAt, size int64) bool
	// read checks a file's structure and finds its signature.
	read(r io.ReaderAt, size int64) (body, error)
	// toBeSigned is Format's.
	toBeSigned(digest [sha256.Size]byte) (ToBeSigned, error)
}

// body is a file whose structure has been checked.
type body interface {
	// digest reads what is signed.
	digest() ([sha256.Size]byte, error)
	// signature returns the signature inside, nil when there is none.
	signature() ([]byte, error)
	// write writes the file with a signature to an empty file.
	write(dst *os.File, signature []byte) error
}

// fileFormat makes a Format of a container. Deb and Detached have none: their signed
// bytes are a prefix of the file, which File knows how to handle.
type fileFormat struct {
	kind      Kind
	algorithm string
	container container
}

// files lists the formats of files, the one that takes everything last.
func files() []fileFormat {
	return []fileFormat{
		{Deb, SHA256, nil},
		{PE, Authenticode, peFormat{}},
		{CAB, Authenticode, cabFormat{}},
		{MSI, Authenticode, msiFormat{}},
		{JAR, JARSignatureFile, jarFormat{}},
		{Detached, SHA256, nil},
	}
}

func (f fileFormat) Kind() Kind        { return f.kind }
func (f fileFormat) Algorithm() string { return f.algorithm }

// is reports whether a file is of this format.
func (f fileFormat) is(r io.ReaderAt, size int64) (bool, error) {
	switch f.kind {
	case Detached:
		return true, nil
	case Deb:
		var head [len(arMagic) + headerBytes]byte
		n, err := r.ReadAt(head[:], 0)
		if err != nil && err != io.EOF {
			return false, err
		}
		return isDeb(head[:n]), nil
	}
	return f.container.is(r, size), nil
}

func (f fileFormat) Detect(path string) (bool, error) {
	file, info, err := openRegular(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	return f.is(file, info.Size())
}

func (f fileFormat) Open(path string) (Artifact, error) {
	file, err := openAs(path, func(r io.ReaderAt, size int64) (fileFormat, error) {
		is, err := f.is(r, size)
		if err == nil && !is {
			err = refuse(UnknownFormat, -1, "it is not a %s file", f.kind)
		}
		return f, err
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (f fileFormat) Attach(path string, signature []byte, o Options) (string, error) {
	file, err := f.Open(path)
	if err != nil {
		return "", fmt.Errorf("attach signature: %w", err)
	}
	defer file.Close()
	return file.(*File).Attach(signature, o)
}

// ToBeSigned of a file's own digest: a detached CMS over it.
func (f fileFormat) ToBeSigned(digest [sha256.Size]byte) (ToBeSigned, error) {
	if f.container != nil {
		return f.container.toBeSigned(digest)
	}
	return DetachedCMS(digest), nil
}

// DetachedCMS is a CMS over content that it does not bring along.
func DetachedCMS(digest [sha256.Size]byte) ToBeSigned {
	return ToBeSigned{Envelope: CMS, ContentType: oidData(), Digest: digest, Timestamp: ext.TimeStampToken()}
}

// oidData is id-data, RFC 5652 §4.
func oidData() asn1.ObjectIdentifier { return ext.Data() }
