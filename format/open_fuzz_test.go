package format

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/test/sample"
)

// FuzzOpen: whatever stands in a file and beside it, opening and reading it gives typed
// errors; the digest of a file whose signature is beside it is that of all its bytes, and
// the signature is what stands there.
func FuzzOpen(f *testing.F) {
	for _, s := range [][]byte{nil, []byte("tool"), []byte("!<arch>\n"), sample.Program([]byte("x")), sample.Cabinet([]byte("x")), sample.Archive([]byte("x"))} {
		f.Add(s, []byte(nil))
		f.Add(s, []byte("\x30\x03sig"))
	}
	f.Fuzz(func(t *testing.T, data, beside []byte) {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, string(data))
		if len(beside) > 0 {
			write(t, path+Suffix, string(beside))
		}
		file, err := Open(path)
		if err != nil {
			typed(t, err)
			return
		}
		defer file.Close()
		digests, err := file.Digests()
		if err != nil {
			typed(t, err)
			return
		}
		if digests.SHA256 != sha256.Sum256(data) && file.Kind == Detached {
			t.Fatalf("%s: a digest of something else", file.Kind)
		}
		if len(beside) > 0 && file.Kind != Deb && file.Kind != Detached {
			t.Fatalf("%s, with a signature beside it", file.Kind)
		}
		signature, err := file.Signature()
		typed(t, err)
		if err == nil && file.Kind == Detached && string(signature) != string(beside) {
			t.Fatalf("signature %q, beside it stands %q", signature, beside)
		}
	})
}

func typed(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && !errors.As(err, &e) && !errors.Is(err, ErrUnsigned) && !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("untyped error: %v", err)
	}
}
