package format

import (
	"crypto/sha256"
	"path/filepath"
	"testing"
)

// TestFormat takes a file through the four steps of each format that signs its bytes.
func TestFormat(t *testing.T) {
	for data, want := range map[string]Kind{plainDeb: Deb, "tar": Detached} {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, data)
		f, err := Detect(Files(), path)
		if err != nil || f.Kind() != want || f.Algorithm() != SHA256 {
			t.Fatalf("%v, %v", f, err)
		}
		if again, err := Find(Files(), want); err != nil || again.Kind() != want {
			t.Errorf("%v, %v", again, err)
		}
		digest := digestsOf(t, f, path)
		tbs, err := f.ToBeSigned(digest.Signed)
		if err != nil || tbs.Envelope != CMS || tbs.Digest != sha256.Sum256([]byte(data)) || tbs.Content != nil {
			t.Errorf("%+v, %v", tbs, err)
		}
		if _, err := f.Attach(path, []byte("sig"), Options{Digest: digest.Signed}); err != nil {
			t.Fatal(err)
		}
		if after := digestsOf(t, f, path); after != digest {
			t.Errorf("%s: %x, then %x", want, digest, after)
		}
	}
	_, err := Find(Files(), "exe")
	wantReason(t, err, UnknownFormat)
	_, err = Detect(nil, "testdata/deb/unsigned.deb")
	wantReason(t, err, UnknownFormat)
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "tar")
	deb, err := Find(Files(), Deb)
	if err != nil {
		t.Fatal(err)
	}
	_, err = deb.Open(path)
	wantReason(t, err, UnknownFormat)
	_, err = deb.Attach(path, []byte("sig"), Options{})
	wantReason(t, err, UnknownFormat)
}

func digestsOf(t *testing.T, f Format, path string) Digests {
	t.Helper()
	a, err := f.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	d, err := a.Digests()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
