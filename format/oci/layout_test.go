package oci_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

func TestReferences(t *testing.T) {
	hex := strings.Repeat("0a", 32)
	for text, want := range map[string]oci.Reference{
		"dir":                    {Dir: "dir"},
		"dir:v1":                 {Dir: "dir", Tag: "v1"},
		"/a/b:c/d":               {Dir: "/a/b:c/d"},
		"/a/b:c/d:latest":        {Dir: "/a/b:c/d", Tag: "latest"},
		"dir@sha256:" + hex:      {Dir: "dir", Digest: "sha256:" + hex},
		"dir:1.0_a-b":            {Dir: "dir", Tag: "1.0_a-b"},
		"./dir@sha256:" + hex:    {Dir: "./dir", Digest: "sha256:" + hex},
		"C:\\layout\\with:colon": {Dir: "C:\\layout\\with", Tag: "colon"},
	} {
		got, err := oci.ParseReference(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]oci.Reason{
		"": oci.BadReference, ":v1": oci.BadReference, "dir:": oci.BadReference, "dir:-x": oci.BadReference, "dir:a b": oci.BadReference,
		"dir:" + strings.Repeat("a", 129): oci.BadReference, "@sha256:" + hex: oci.BadReference,
		"dir@sha512:" + hex + hex: oci.DigestAlgorithm, "dir@sha256:" + hex[1:]: oci.BadDescriptor, "dir@sha256:" + strings.ToUpper(hex): oci.BadDescriptor,
	} {
		_, err := oci.ParseReference(text)
		wantReason(t, text, err, want)
	}
}

// TestResolve finds the one manifest that is meant, and says when there is none or more.
func TestResolve(t *testing.T) {
	l := pki.NewLayout(t, t.TempDir())
	one, two := l.Image(t, "one"), l.Image(t, "two")
	l.Tag(t, one, "v1")
	ref := func(tag, digest string) oci.Reference { return oci.Reference{Dir: l.Dir, Tag: tag, Digest: digest} }
	if got, err := open(t, l.Dir).Resolve(ref("", "")); err != nil || got != one {
		t.Errorf("the only one: %v, %v", got, err)
	}
	l.Tag(t, two, "v2")
	l.Tag(t, two, "latest")
	for name, c := range map[string]struct {
		ref  oci.Reference
		want oci.Descriptor
	}{"tag": {ref("v1", ""), one}, "second tag": {ref("latest", ""), two}, "digest": {ref("", two.Digest), two}} {
		if got, err := open(t, l.Dir).Resolve(c.ref); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	_, err := open(t, l.Dir).Resolve(ref("", ""))
	wantReason(t, "two artefacts, none named", err, oci.Ambiguous)
	_, err = open(t, l.Dir).Resolve(ref("v3", ""))
	wantReason(t, "no such tag", err, oci.NotFound)
	_, err = open(t, l.Dir).Resolve(ref("", oci.NewDescriptor("", [32]byte{1}, 1).Digest))
	wantReason(t, "no such digest", err, oci.NotFound)
}

// TestResolveRefuses breaks one thing in a good layout.
func TestResolveRefuses(t *testing.T) {
	const tagged = `"annotations":{"org.opencontainers.image.ref.name":"v1"}`
	for name, c := range map[string]struct {
		change func(l *pki.Layout, d oci.Descriptor)
		want   oci.Reason
	}{
		"one tag, two manifests": {func(l *pki.Layout, d oci.Descriptor) { l.Tag(t, l.Image(t, "evil"), "v1") }, oci.Ambiguous},
		"one digest, two sizes": {func(l *pki.Layout, d oci.Descriptor) {
			d.Size++
			l.Tag(t, d, "v1")
		}, oci.Ambiguous},
		"size in index.json": {func(l *pki.Layout, d oci.Descriptor) {
			d.Size--
			l.Entries = nil
			l.Tag(t, d, "v1")
		}, oci.BlobSize},
		"media type in index.json": {func(l *pki.Layout, d oci.Descriptor) {
			d.MediaType = oci.MediaTypeIndex
			l.Entries = nil
			l.Tag(t, d, "v1")
		}, oci.BadManifest},
		"unknown media type": {func(l *pki.Layout, d oci.Descriptor) {
			d.MediaType = "text/plain"
			l.Entries = nil
			l.Tag(t, d, "v1")
		}, oci.BadDescriptor},
		"another digest algorithm": {func(l *pki.Layout, d oci.Descriptor) {
			d.Digest = "sha512:" + d.Hex() + d.Hex()
			l.Entries = nil
			l.Tag(t, d, "v1")
		}, oci.DigestAlgorithm},
		"digest of the wrong length": {func(l *pki.Layout, d oci.Descriptor) {
			d.Digest = d.Digest[:len(d.Digest)-2]
			l.Entries = nil
			l.Tag(t, d, "v1")
		}, oci.BadDescriptor},
		"digest that leads out": {func(l *pki.Layout, d oci.Descriptor) {
			d.Digest = "sha256:../../" + d.Hex()[6:]
			l.Entries = nil
			l.Tag(t, d, "v1")
		}, oci.BadDescriptor},
		"a byte of the manifest": {func(l *pki.Layout, d oci.Descriptor) { l.Flip(t, d) }, oci.BlobDigest},
		"manifest is gone": {func(l *pki.Layout, d oci.Descriptor) {
			must(t, os.Remove(filepath.Join(l.Dir, "blobs/sha256", d.Hex())))
		}, oci.BlobMissing},
		"manifest is a link out of the layout": {func(l *pki.Layout, d oci.Descriptor) {
			name := filepath.Join(l.Dir, "blobs/sha256", d.Hex())
			out := filepath.Join(t.TempDir(), "manifest")
			must(t, os.Rename(name, out))
			must(t, os.Symlink(out, name))
		}, oci.NotRegular},
		"manifest is a FIFO": {func(l *pki.Layout, d oci.Descriptor) {
			name := filepath.Join(l.Dir, "blobs/sha256", d.Hex())
			must(t, os.Remove(name))
			must(t, syscall.Mkfifo(name, 0o600))
		}, oci.NotRegular},
		"image that lists manifests": {func(l *pki.Layout, d oci.Descriptor) {
			m := l.Manifest(t, "a layer")
			m["manifests"] = []any{}
			l.Entries = nil
			l.Tag(t, l.JSON(t, oci.MediaTypeManifest, m), "v1")
		}, oci.BadManifest},
		"index that lists layers": {func(l *pki.Layout, d oci.Descriptor) {
			l.Entries = nil
			l.Tag(t, l.JSON(t, oci.MediaTypeIndex, map[string]any{"schemaVersion": 2, "manifests": []any{d}, "layers": []any{}}), "v1")
		}, oci.BadManifest},
		"a name twice": {func(l *pki.Layout, d oci.Descriptor) {
			l.Entries = nil
			l.Tag(t, l.Blob(t, oci.MediaTypeIndex, []byte(`{"schemaVersion":2,"manifests":[],"Manifests":[]}`)), "v1")
		}, oci.BadManifest},
		"schema version": {func(l *pki.Layout, d oci.Descriptor) {
			l.Entries = nil
			l.Tag(t, l.Blob(t, oci.MediaTypeIndex, []byte(`{"schemaVersion":1,"manifests":[]}`)), "v1")
		}, oci.BadManifest},
		"docker manifest without a media type": {func(l *pki.Layout, d oci.Descriptor) {
			m := l.Manifest(t, "a layer")
			delete(m, "mediaType")
			l.Entries = nil
			l.Tag(t, l.JSON(t, oci.MediaTypeDockerManifest, m), "v1")
		}, oci.BadManifest},
		"a manifest of 5 MiB": {func(l *pki.Layout, d oci.Descriptor) {
			l.Entries = nil
			l.Tag(t, l.JSON(t, oci.MediaTypeManifest, map[string]any{"schemaVersion": 2, "annotations": map[string]string{"a": strings.Repeat("a", 5<<20)}}), "v1")
		}, oci.BadDescriptor},
		"index.json: a name twice in an entry": {func(l *pki.Layout, d oci.Descriptor) {
			l.File(t, "index.json", []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"`+d.MediaType+`","digest":"`+d.Digest+`","Digest":"`+d.Digest+`","size":1,`+tagged+`}]}`))
		}, oci.BadManifest},
		"index.json is not JSON": {func(l *pki.Layout, d oci.Descriptor) { l.File(t, "index.json", []byte(`{`)) }, oci.BadManifest},
		"index.json has a tail":  {func(l *pki.Layout, d oci.Descriptor) { l.File(t, "index.json", []byte(`{"schemaVersion":2}{}`)) }, oci.BadManifest},
		"index.json is gone":     {func(l *pki.Layout, d oci.Descriptor) { must(t, os.Remove(filepath.Join(l.Dir, "index.json"))) }, oci.NotALayout},
		"an entry without size": {func(l *pki.Layout, d oci.Descriptor) {
			l.File(t, "index.json", []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"`+d.MediaType+`","digest":"`+d.Digest+`",`+tagged+`}]}`))
		}, oci.BadDescriptor},
	} {
		l := pki.NewLayout(t, t.TempDir())
		d := l.Image(t, "a layer")
		l.Tag(t, d, "v1")
		c.change(l, d)
		_, err := open(t, l.Dir).Resolve(oci.Reference{Dir: l.Dir, Tag: "v1"})
		wantReason(t, name, err, c.want)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, content := range map[string]string{
		"version": `{"imageLayoutVersion":"2.0.0"}`, "not JSON": `{`, "empty": ``, "twice": `{"imageLayoutVersion":"1.0.0","imagelayoutversion":"1.0.0"}`,
		"large": `{"imageLayoutVersion":"1.0.0","x":"` + strings.Repeat("x", 8<<10) + `"}`,
	} {
		l := pki.NewLayout(t, t.TempDir())
		l.File(t, "oci-layout", []byte(content))
		_, err := oci.Open(l.Dir)
		wantReason(t, name, err, oci.NotALayout)
	}
	_, err := oci.Open(t.TempDir())
	wantReason(t, "a folder", err, oci.NotALayout)
	_, err = oci.Open(filepath.Join(t.TempDir(), "absent"))
	wantReason(t, "absent", err, oci.NotALayout)
	if oci.IsLayout(t.TempDir()) || !oci.IsLayout(pki.NewLayout(t, t.TempDir()).Dir) {
		t.Error("IsLayout")
	}
}

// TestCheck goes through an index with two images, down to their layers.
func TestCheck(t *testing.T) {
	build := func() (*pki.Layout, oci.Descriptor, oci.Descriptor) {
		l := pki.NewLayout(t, t.TempDir())
		layer := l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte("a layer"))
		inner := l.Image(t, "a layer")
		d := l.JSON(t, oci.MediaTypeIndex, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeIndex, "manifests": []any{inner, l.Image(t, "other")}})
		l.Tag(t, d, "v1")
		return l, d, layer
	}
	l, d, _ := build()
	if err := open(t, l.Dir).Check(t.Context(), d); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		change func(l *pki.Layout, layer oci.Descriptor)
		want   oci.Reason
	}{
		"a byte of a layer": {func(l *pki.Layout, layer oci.Descriptor) { l.Flip(t, layer) }, oci.BlobDigest},
		"a layer is gone": {func(l *pki.Layout, layer oci.Descriptor) {
			must(t, os.Remove(filepath.Join(l.Dir, "blobs/sha256", layer.Hex())))
		}, oci.BlobMissing},
		"a layer grew": {func(l *pki.Layout, layer oci.Descriptor) {
			l.File(t, "blobs/sha256/"+layer.Hex(), []byte("a layer and more"))
		}, oci.BlobSize},
	} {
		l, d, layer := build()
		c.change(l, layer)
		wantReason(t, name, open(t, l.Dir).Check(t.Context(), d), c.want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := open(t, l.Dir).Check(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestCheckBounds: what nests, repeats or contradicts itself.
func TestCheckBounds(t *testing.T) {
	l := pki.NewLayout(t, t.TempDir())
	index := func(list ...any) oci.Descriptor {
		return l.JSON(t, oci.MediaTypeIndex, map[string]any{"schemaVersion": 2, "manifests": list})
	}
	image := l.Image(t, "a layer")
	if err := open(t, l.Dir).Check(t.Context(), index(index(image), image)); err != nil {
		t.Error(err)
	}
	wantReason(t, "too deep", open(t, l.Dir).Check(t.Context(), index(index(index(image)))), oci.TooLarge)
	resized := image
	resized.Size++
	wantReason(t, "one digest, two sizes", open(t, l.Dir).Check(t.Context(), index(image, resized)), oci.BadDescriptor)
	asLayer := image
	asLayer.MediaType = "application/vnd.oci.image.layer.v1.tar"
	wantReason(t, "a manifest and a layer", open(t, l.Dir).Check(t.Context(), index(image, asLayer)), oci.BadDescriptor)
	var many []any
	for range 5000 {
		many = append(many, image)
	}
	wantReason(t, "5,000 entries", open(t, l.Dir).Check(t.Context(), index(many...)), oci.TooLarge)
	m := l.Manifest(t, "a layer")
	delete(m, "config")
	wantReason(t, "no config", open(t, l.Dir).Check(t.Context(), l.JSON(t, oci.MediaTypeManifest, m)), oci.BadManifest)
}

// TestAttach: once, again, another, and another in its place.
func TestAttach(t *testing.T) {
	p := pki.New(t)
	l := pki.NewLayout(t, t.TempDir())
	d := l.Image(t, "a layer")
	l.Tag(t, d, "v1")
	first, second := p.SignOCI(t, d), p.SignOCI(t, d)
	q := pki.New(t)
	foreign := q.SignOCI(t, d)
	layout := open(t, l.Dir)
	attach := func(envelope []byte, replace bool) error {
		_, err := layout.Attach(t.Context(), d, envelope, replace)
		return err
	}
	must(t, attach(first, false))
	before := read(t, l.Dir, "index.json")
	must(t, attach(first, false))
	if read(t, l.Dir, "index.json") != before {
		t.Error("the same signature again wrote something")
	}
	wantReason(t, "second", attach(second, false), oci.AlreadySigned)
	must(t, attach(foreign, false))
	must(t, attach(second, true))
	found, err := layout.Signatures(d)
	if err != nil || len(found) != 2 || string(found[0].Envelope) != string(foreign) || string(found[1].Envelope) != string(second) {
		t.Errorf("%d signatures, %v", len(found), err)
	}
	if got, err := layout.Resolve(oci.Reference{Dir: l.Dir}); err != nil || got != d {
		t.Errorf("still one artefact: %v, %v", got, err)
	}
	// The index under the fallback tag lists the same two.
	fallback, err := layout.Resolve(oci.Reference{Dir: l.Dir, Tag: "sha256-" + d.Hex()})
	must(t, err)
	var index struct {
		Manifests []struct{ Digest, ArtifactType string }
	}
	must(t, json.Unmarshal([]byte(read(t, l.Dir, "blobs/sha256/"+fallback.Hex())), &index))
	if len(index.Manifests) != 2 || index.Manifests[1].Digest != found[1].Manifest.Digest || index.Manifests[0].ArtifactType != oci.MediaTypeSignature {
		t.Errorf("fallback index: %+v", index)
	}
	must(t, layout.Check(t.Context(), fallback))
}

func TestAttachRefuses(t *testing.T) {
	p := pki.New(t)
	l := pki.NewLayout(t, t.TempDir())
	d, other := l.Image(t, "a layer"), l.Image(t, "other")
	l.Tag(t, d, "v1")
	layout := open(t, l.Dir)
	before := read(t, l.Dir, "index.json")
	_, err := layout.Attach(t.Context(), other, p.SignOCI(t, d), false)
	wantReason(t, "another artefact's", err, oci.OtherArtifact)
	_, err = layout.Attach(t.Context(), other, p.SignOCI(t, other), false)
	wantReason(t, "an artefact that is not listed", err, oci.NotFound)
	_, err = layout.Attach(t.Context(), d, []byte("{}"), false)
	wantReason(t, "no envelope", err, oci.BadEnvelope)
	l.Flip(t, d)
	_, err = layout.Attach(t.Context(), d, p.SignOCI(t, d), false)
	wantReason(t, "a manifest that changed", err, oci.BlobDigest)
	if read(t, l.Dir, "index.json") != before {
		t.Error("a refusal wrote something")
	}
}

// TestSignaturesPassOver: what others put beside a signature does not hide it.
func TestSignaturesPassOver(t *testing.T) {
	p := pki.New(t)
	l := pki.NewLayout(t, t.TempDir())
	d := l.Image(t, "a layer")
	l.Tag(t, d, "v1")
	if _, err := open(t, l.Dir).Signatures(d); !errors.Is(err, format.ErrUnsigned) {
		t.Error(err)
	}
	envelope := p.SignOCI(t, d)
	referrer := func(change func(m map[string]any)) {
		m := map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "config": l.Blob(t, oci.MediaTypeSignature, []byte("{}")),
			"layers": []any{l.Blob(t, oci.MediaTypeEnvelope, envelope)}, "subject": d}
		change(m)
		l.Tag(t, l.JSON(t, oci.MediaTypeManifest, m), "")
	}
	resized := d
	resized.Size++
	for _, change := range []func(m map[string]any){
		func(m map[string]any) { m["subject"] = resized },
		func(m map[string]any) { delete(m, "subject") },
		func(m map[string]any) { m["layers"] = []any{} },
		func(m map[string]any) { m["layers"] = []any{l.Blob(t, "application/cose", []byte("x"))} },
		func(m map[string]any) {
			m["config"] = l.Blob(t, "application/vnd.oci.image.config.v1+json", []byte("{}"))
		},
		func(m map[string]any) { m["layers"] = []any{oci.NewDescriptor(oci.MediaTypeEnvelope, [32]byte{1}, 10)} },
		func(m map[string]any) { m["manifests"] = []any{} },
	} {
		referrer(change)
	}
	if _, err := open(t, l.Dir).Signatures(d); !errors.Is(err, format.ErrUnsigned) {
		t.Error(err)
	}
	l.Attach(t, d, envelope)
	if found, err := open(t, l.Dir).Signatures(d); err != nil || len(found) != 1 {
		t.Errorf("%d signatures, %v", len(found), err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, name ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(name...))
	must(t, err)
	return string(raw)
}
