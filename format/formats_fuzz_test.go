package format

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/test/sample"
)

// seedFiles adds samples, other projects' files where they are at hand, and both once more with
// a signature.
func seedFiles(f *testing.F, c container, samples [][]byte, patterns ...string) {
	f.Helper()
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(corpora.Folder(f), p))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			if raw := read(f, file); len(raw) < 1<<16 {
				samples = append(samples, raw)
			}
		}
	}
	n := 0
	for _, s := range samples {
		f.Add(s)
		b, err := c.read(bytes.NewReader(s), int64(len(s)))
		if err != nil {
			continue
		}
		if signed, err := embedded(f, b, []byte("\x30\x03sig")); err == nil {
			f.Add(signed)
			n++
		}
	}
	if n == 0 {
		f.Fatal("no seed can be signed")
	}
}

// embedded is a file with a signature inside.
func embedded(t testing.TB, b body, signature []byte) ([]byte, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signed")
	dst, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if err := b.write(dst, signature); err != nil {
		return nil, err
	}
	return read(t, path), nil
}

// embedLaw: a file that can be read and digested can be given a signature, which is then
// found, under the same digest; and once more, with another signature, likewise. Whatever
// cannot be read gives an *Error.
func embedLaw(t *testing.T, c container, data []byte) {
	t.Helper()
	b, err := c.read(bytes.NewReader(data), int64(len(data)))
	if err == nil {
		_, err = b.signature()
	}
	if err == nil {
		_, err = b.digest()
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("untyped error: %v", err)
		}
		return
	}
	digest, _ := b.digest()
	for _, signature := range []string{"\x30\x03sig", "\x30\x0banother one"} {
		signed, err := embedded(t, b, []byte(signature))
		if err != nil {
			return // no room, such as in a file that is as large as may be
		}
		after, err := c.read(bytes.NewReader(signed), int64(len(signed)))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		got, err := after.signature()
		if err != nil || string(got) != signature {
			t.Fatalf("signature %q, %v", got, err)
		}
		if d, err := after.digest(); err != nil || d != digest {
			t.Fatalf("digest %x, %v, was %x", d, err, digest)
		}
		b = after
	}
}

func FuzzPE(f *testing.F) {
	seedFiles(f, peFormat{}, [][]byte{sample.Program([]byte("payload"))}, "authenticode/*/*.exe", "authenticode/*/*/*.exe")
	f.Fuzz(func(t *testing.T, data []byte) {
		if (peFormat{}).is(bytes.NewReader(data), int64(len(data))) {
			embedLaw(t, peFormat{}, data)
		}
	})
}

func FuzzCAB(f *testing.F) {
	seedFiles(f, cabFormat{}, [][]byte{sample.Cabinet([]byte("payload"))}, "authenticode/*/*.cab", "authenticode/*/*.ex_")
	f.Fuzz(func(t *testing.T, data []byte) { embedLaw(t, cabFormat{}, data) })
}

func FuzzMSI(f *testing.F) {
	seedFiles(f, msiFormat{}, nil, "authenticode/*/*.msi")
	f.Fuzz(func(t *testing.T, data []byte) {
		if (msiFormat{}).is(bytes.NewReader(data), int64(len(data))) {
			embedLaw(t, msiFormat{}, data)
		}
	})
}

func FuzzJAR(f *testing.F) {
	seedFiles(f, jarFormat{}, [][]byte{sample.Archive([]byte("payload"))}, "jar/*/*.jar", "jar/apksig/*rsa-2048.apk", "jar/apksig/*entry-name.apk")
	f.Fuzz(func(t *testing.T, data []byte) {
		if (jarFormat{}).is(bytes.NewReader(data), int64(len(data))) {
			embedLaw(t, jarFormat{}, data)
		}
	})
}

// FuzzManifest's law: a manifest written out reads as itself, and so does its signature file.
func FuzzManifest(f *testing.F) {
	for _, s := range []string{
		"Manifest-Version: 1.0\r\n\r\n", "Manifest-Version: 1.0\nMain-Class: a.B\n\n\nName: a\n b\nX: y\n\rName: c\r",
		"Signature-Version: 1.0\r\nSHA-256-Digest-Manifest: x\r\n\r\nName: a\r\nSHA-256-Digest: x\r\n\r\n", "Manifest-Version: 1.0\r\n\r\nName: a\r\n\r\nName: a\r\n\r\n",
	} {
		f.Add([]byte(s), "name")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		m, err := parseManifest(data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		if checkEntryName(name) == nil {
			if err := m.state(name, "digest"); err != nil {
				return
			}
		}
		again, err := parseManifest(m.bytes())
		if err != nil || !bytes.Equal(again.bytes(), m.bytes()) {
			t.Fatalf("%q: %v", m.bytes(), err)
		}
		if len(again.sections) != len(m.sections) || !bytes.Equal(again.signatureFile(), m.signatureFile()) {
			t.Fatal("other sections")
		}
		sf, err := parseManifest(m.signatureFile())
		if err != nil || !bytes.Equal(sf.bytes(), m.signatureFile()) {
			t.Fatalf("%q: %v", m.signatureFile(), err)
		}
	})
}
