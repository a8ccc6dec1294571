package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/vectors/vector"
	"github.com/hallmark-pki/hallmark/verify"
)

// stride is how far apart the bytes of an embedded signature are that are changed here:
// TestEveryByte of package verify changes each.
const stride = 41

// unsignedBytes says what of a good file nobody signs and nobody relies on.
func unsignedBytes(id string, raw []byte) map[int]bool {
	free := map[int]bool{}
	if id == "good/pe" { // the checksum in the header, which signing itself changes
		for i := range 4 {
			free[le32(raw, 0x3c)+24+64+i] = true
		}
	}
	// The key hint in the summary's envelope, which DSSE leaves outside of its signature.
	if at := bytes.Index(raw, []byte(`"keyid":"`)); at >= 0 {
		for i := range 64 {
			free[at+len(`"keyid":"`)+i] = true
		}
	}
	return free
}

// isJudged leaves out what is not the artifact's: the vector's own files, and in a layout
// the signature and the lists of what is there.
func isJudged(name string, raw []byte) bool {
	if strings.HasSuffix(name, ".json") && !strings.Contains(name, "/") {
		return false
	}
	for _, other := range []string{`"subject"`, `"manifests"`, `"payload"`, "imageLayoutVersion"} {
		if bytes.Contains(raw, []byte(other)) && strings.HasPrefix(name, "image/") {
			return false
		}
	}
	return string(raw) != "{}"
}

// TestEveryByteOfGoodFiles: a good file with one byte changed is not valid. (Of a JAR, dates
// and modes in the directory are nobody's: TestDamagedArchives of package format.)
func TestEveryByteOfGoodFiles(t *testing.T) {
	list, err := vector.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, v := range list {
		switch v.ID {
		case "good/detached", "good/pe", "good/cab", "good/oci":
		default:
			continue
		}
		verifier := open(t, v)
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(v.Dir)); err != nil {
			t.Fatal(err)
		}
		for name := range tree(t, dir) {
			path := filepath.Join(dir, name)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !isJudged(name, good) {
				continue
			}
			free := unsignedBytes(v.ID, good)
			for i := 0; i < len(good); i += step(v.ID, name, i, len(good)) {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << (i % 8)
				if err := os.WriteFile(path, bad, 0o600); err != nil {
					t.Fatal(err)
				}
				judged++
				if got := verifier.File(context.Background(), filepath.Join(dir, v.File)); got.Outcome == verify.Valid && !free[i] {
					t.Errorf("%s: %s: byte %d of %d (%#x) changed: valid", v.ID, name, i, len(good), good[i])
				}
			}
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if judged < 1000 {
		t.Errorf("%d changes only", judged)
	}
}

// step goes through what stands around a signature byte by byte.
func step(id, name string, i, size int) int {
	around := map[string]int{"good/pe": 1100, "good/cab": 200}[id]
	if id == "good/oci" && size < 2000 || i < around {
		return 1
	}
	return stride
}

// open makes the verifier that a vector asks for.
func open(t *testing.T, v vector.Vector) *verify.Verifier {
	t.Helper()
	c := verify.Config{Now: func() time.Time { return v.At }}
	read := func(name string) []byte {
		raw, err := os.ReadFile(v.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	var err error
	if c.Trust, err = verify.ParseTrust(read(v.Trust)); err != nil {
		t.Fatal(err)
	}
	if c.Status, err = verify.OpenStatus(read(v.Status), c.Trust, v.At); err != nil {
		t.Fatal(err)
	}
	if c.Policy, err = verify.ParsePolicy(read(v.Policy)); err != nil {
		t.Fatal(err)
	}
	verifier, err := verify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}
