package pki

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
)

// Deb is a small package with the members of deb(5). Its archives are not real:
// nothing here unpacks them.
func Deb(payload []byte) []byte { return deb([]byte("control"), payload) }

// Package is a small package that says what it is. Its payload is no archive.
func Package(t testing.TB, name, version, architecture string, payload []byte) []byte {
	t.Helper()
	text := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: A <a@example.com>\nDescription: d\n", name, version, architecture)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "./control", Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return deb(b.Bytes(), payload)
}

func deb(control, payload []byte) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar", control}, {"data.tar", payload}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// Write writes a file and attaches a signature made by sign over its SHA-256.
func Write(t testing.TB, dir, name string, content []byte, sign func(digest [32]byte) []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if sign != nil {
		if _, err := format.Attach(path, sign(sha256.Sum256(content)), format.Options{Replace: true}); err != nil {
			t.Fatal(err)
		}
	}
	return path
}
