package oci_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// TestFormat goes the whole way of a client: detect, digest, attach, read again.
func TestFormat(t *testing.T) {
	p := pki.New(t)
	l := pki.NewLayout(t, filepath.Join(t.TempDir(), "a:b"))
	d := l.Image(t, "a layer")
	l.Tag(t, d, "v1")
	formats := append([]format.Format{oci.Format{}}, format.Files()...)
	for _, path := range []string{l.Dir, l.Dir + ":v1", l.Dir + "@" + d.Digest} {
		f, err := format.Detect(formats, path)
		must(t, err)
		if f.Kind() != oci.Kind || f.Algorithm() != format.SHA256 {
			t.Errorf("%s is %s", path, f.Kind())
		}
		a, err := f.Open(path)
		must(t, err)
		digests, err := a.Digests()
		if err != nil || digests.SHA256 != d.SHA256() || digests.Signed != d.SHA256() {
			t.Errorf("%s: %v", path, err)
		}
		must(t, a.Close())
	}
	tbs, err := oci.Format{}.Describe(d.MediaType, d.Size).ToBeSigned(d.SHA256())
	if got, errPayload := oci.ParsePayload(tbs.Payload); err != nil || errPayload != nil || got != d || tbs.Envelope != format.JWS {
		t.Errorf("%+v, %v", tbs, err)
	}
	if _, err := (oci.Format{}).ToBeSigned(d.SHA256()); err == nil {
		t.Error("signed without a media type")
	}
	envelope := p.SignOCI(t, d)
	out, err := oci.Format{}.Attach(l.Dir+":v1", envelope, format.Options{Digest: d.SHA256()})
	must(t, err)
	if ref, err := oci.ParseReference(out); err != nil || ref.Dir != l.Dir {
		t.Errorf("%s: %v", out, err)
	}
	a, err := oci.OpenArtifact(l.Dir)
	must(t, err)
	defer a.Close()
	if sig, err := a.Signature(); err != nil || string(sig) != string(envelope) {
		t.Error(err)
	}
	if _, err := (oci.Format{}).Attach(l.Dir, p.SignOCI(t, d), format.Options{}); !errors.Is(err, &format.Error{Reason: format.AlreadySigned}) {
		t.Error(err)
	}
}

// TestFormatChanges: the bytes change between hashing and embedding, in three ways.
func TestFormatChanges(t *testing.T) {
	p := pki.New(t)
	for name, c := range map[string]struct {
		change func(l *pki.Layout, layer oci.Descriptor)
		want   oci.Reason
	}{
		"the tag moves": {func(l *pki.Layout, _ oci.Descriptor) {
			l.Entries = nil
			l.Tag(t, l.Image(t, "evil"), "v1")
		}, oci.Changed},
		"a layer": {func(l *pki.Layout, layer oci.Descriptor) { l.Flip(t, layer) }, oci.BlobDigest},
	} {
		l := pki.NewLayout(t, t.TempDir())
		d := l.Image(t, "a layer")
		l.Tag(t, d, "v1")
		c.change(l, l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte("a layer")))
		before := read(t, l.Dir, "index.json")
		_, err := oci.Format{}.Attach(l.Dir+":v1", p.SignOCI(t, d), format.Options{Digest: d.SHA256()})
		wantReason(t, name, err, c.want)
		if read(t, l.Dir, "index.json") != before {
			t.Errorf("%s: something was written", name)
		}
	}
}

// TestDetect: only a layout is one.
func TestDetect(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file:v1")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	for _, path := range []string{dir, file, filepath.Join(dir, "absent"), filepath.Join(dir, "absent:v1"), "", "@", "a\x00b"} {
		if is, err := (oci.Format{}).Detect(path); is || err != nil {
			t.Errorf("%q: %v, %v", path, is, err)
		}
	}
}
