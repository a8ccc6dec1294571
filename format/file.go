package format

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Kind is how a file carries its signature.
type Kind string

const (
	Deb      Kind = "deb"      // as the last ar member, _hallmark.p7s
	Detached Kind = "detached" // as FILE.p7s beside FILE
	PE       Kind = "pe"       // Windows program: in the certificate table at its end
	CAB      Kind = "cab"      // cabinet: behind it
	MSI      Kind = "msi"      // Windows installer package: in a stream
	JAR      Kind = "jar"      // Java archive: META-INF/HALLMARK.SF and .EC or .RSA
)

// Suffix is appended to a file's name to get the name of its detached signature.
const Suffix = ".p7s"

// File is an open file whose structure has been checked. It is not safe for
// concurrent use.
type File struct {
	Path string
	Kind Kind

	f        *os.File
	format   fileFormat
	size     int64
	modified time.Time
	mode     fs.FileMode
	layout   layout
	digests  *Digests
	body     body // nil for Deb and Detached, which layout describes
}

// Open opens a regular file, finds out what it is and where its signature sits. A file
// with no signature opens well; Signature then returns ErrUnsigned. Malformed files
// give an *Error. The caller must Close the File.
//
// A file that could carry its signature inside is Detached all the same if there is one
// beside it: that one covers every byte, and many such files have a signature inside
// that others made and nobody here knows. Debian packages have no such choice.
func Open(path string) (*File, error) {
	return openAs(path, func(r io.ReaderAt, size int64) (fileFormat, error) {
		for _, f := range files() {
			is, err := f.is(r, size)
			if err != nil {
				return f, err
			}
			if is && (f.container == nil || !hasSignatureBeside(path)) {
				return f, nil
			}
		}
		return fileFormat{}, refuse(UnknownFormat, -1, "none of the formats fits its content")
	})
}

func hasSignatureBeside(path string) bool {
	_, err := os.Lstat(path + Suffix)
	return err == nil
}

// openAs opens a file as what choose says it is.
func openAs(path string, choose func(io.ReaderAt, int64) (fileFormat, error)) (*File, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	file := &File{Path: path, f: f, size: info.Size(), modified: info.ModTime(), mode: info.Mode()}
	if err := file.inspect(choose); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func (f *File) inspect(choose func(io.ReaderAt, int64) (fileFormat, error)) error {
	format, err := choose(f.f, f.size)
	if err != nil {
		return err
	}
	f.Kind, f.format, f.layout = format.kind, format, layout{signed: f.size}
	switch {
	case format.container != nil:
		f.body, err = format.container.read(f.f, f.size)
	case format.kind == Deb:
		f.layout, err = readDeb(f.f, f.size)
	}
	return err
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// SignedBytes is the number of bytes under the signature, from the file's start.
func (f *File) SignedBytes() int64 { return f.layout.signed }

// Digest returns the SHA-256 that evidence is filed under: Digests().SHA256.
func (f *File) Digest() ([sha256.Size]byte, error) {
	d, err := f.Digests()
	return d.SHA256, err
}

// Digests returns the digests of the file and of what is signed. It reads the file once
// or twice, with a fixed amount of memory, and refuses (Changed) when it changed since Open.
func (f *File) Digests() (Digests, error) {
	if f.digests == nil {
		d, err := f.takeDigests()
		if err != nil {
			return Digests{}, fmt.Errorf("digest %s: %w", f.Path, err)
		}
		f.digests = &d
	}
	return *f.digests, nil
}

// Algorithm is the format's: under which name evidence states Digests().Signed.
func (f *File) Algorithm() string { return f.format.algorithm }

// ToBeSigned builds what a signature of this very file signs. It reads the file.
func (f *File) ToBeSigned() (ToBeSigned, error) {
	d, err := f.Digests()
	if err != nil {
		return ToBeSigned{}, err
	}
	return f.format.ToBeSigned(d.Signed)
}

func (f *File) takeDigests() (Digests, error) {
	all, err := f.copySigned(io.Discard)
	if err != nil || f.body == nil {
		return Digests{all, all}, err
	}
	signed, err := f.body.digest()
	if err != nil {
		return Digests{}, err
	}
	return Digests{all, signed}, f.unchanged()
}

// copySigned writes the signed bytes to w and returns their SHA-256.
func (f *File) copySigned(w io.Writer) ([sha256.Size]byte, error) {
	h := sha256.New()
	if w != io.Discard {
		w = io.MultiWriter(h, w)
	} else {
		w = h
	}
	// The struct hides SectionReader's other methods: the buffer's size is ours to choose.
	r := struct{ io.Reader }{io.NewSectionReader(f.f, 0, f.layout.signed)}
	buf := make([]byte, min(copyBufferBytes, f.layout.signed+1))
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, r, buf)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	if n != f.layout.signed {
		return [sha256.Size]byte{}, refuse(Changed, n, "file became shorter while being read")
	}
	if err := f.unchanged(); err != nil {
		return [sha256.Size]byte{}, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// unchanged compares the open file with what it was at Open.
func (f *File) unchanged() error {
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.size || !info.ModTime().Equal(f.modified) {
		return refuse(Changed, -1, "file changed while being read")
	}
	return nil
}

// Signature returns the signature as it stands in or beside the file, 1 to
// MaxSignatureBytes bytes that nobody has looked at yet, or ErrUnsigned.
func (f *File) Signature() ([]byte, error) {
	if f.Kind == Detached {
		return readSignature(f.Path + Suffix)
	}
	if f.body != nil {
		sig, err := f.body.signature()
		if err == nil && sig == nil {
			err = ErrUnsigned
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		return sig, nil
	}
	if f.layout.length == 0 {
		return nil, fmt.Errorf("%s: %w", f.Path, ErrUnsigned)
	}
	sig := make([]byte, f.layout.length)
	if err := readFullAt(f.f, sig, f.layout.signature); err != nil {
		return nil, fmt.Errorf("signature of %s: %w", f.Path, err)
	}
	return sig, nil
}

// readSignature reads a detached signature.
func readSignature(path string) ([]byte, error) {
	f, info, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrUnsigned)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > MaxSignatureBytes {
		return nil, fmt.Errorf("%s: %w", path, refuse(SignatureTooLarge, -1, "%d bytes, at most %d", info.Size(), MaxSignatureBytes))
	}
	// One byte more than there should be tells whether there is more.
	sig := make([]byte, info.Size()+1)
	n, err := io.ReadFull(f, sig)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("read %s: %w", path, err)
	case n == 0:
		return nil, fmt.Errorf("%s: %w", path, refuse(SignatureEmpty, -1, "no bytes"))
	case int64(n) != info.Size():
		return nil, fmt.Errorf("%s: %w", path, refuse(Changed, -1, "file changed while being read"))
	}
	return sig[:n:n], nil
}

// openRegular opens path for reading if it is a regular file. The first look
// keeps devices from being opened at all, since opening some has effects; the
// second is on the open file and is the one that counts. O_NONBLOCK keeps a FIFO
// that slips in between from hanging the caller, and means nothing to a regular file.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: %w", path, refuse(NotRegular, -1, "%s", info.Mode().Type()))
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, refuse(NotRegular, -1, "%s", info.Mode().Type()))
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
