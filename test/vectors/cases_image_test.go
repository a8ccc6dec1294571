package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// images are OCI layouts in which something else is than was signed.
func images() []sketch {
	jws := func(edits ...func(*pki.JWS)) func(*maker) { return func(m *maker) { m.layout(edits...) } }
	changed, broken := wants(verify.DigestMismatch), wants(verify.ContainerMalformed)
	unreadable, malformed := wants(verify.FileUnreadable), wants(verify.SignatureMalformed)
	const layer = "application/vnd.oci.image.layer.v1.tar"
	entryWith := func(digest string) func(*maker) {
		return func(m *maker) {
			l := m.layout()
			l.Entries = []any{map[string]any{"mediaType": oci.MediaTypeManifest, "digest": digest, "size": 10,
				"annotations": map[string]string{"org.opencontainers.image.ref.name": "v1"}}}
			l.Save(m)
		}
	}
	return []sketch{
		{"oci/unsigned", []int{1}, wants(verify.Unsigned), "an image without a signature", func(m *maker) {
			l := pki.NewLayout(m, filepath.Join(m.dir, "image"))
			l.Tag(m, l.Image(m, "a layer"), "v1")
			m.file = "image:v1"
		}},
		{"oci/layer", []int{9}, changed, "a byte of a layer changed", func(m *maker) {
			l := m.layout()
			l.Flip(m, l.Blob(m, layer, []byte("a layer")))
		}},
		{"oci/layer-gone", []int{9}, broken, "a layer is missing", func(m *maker) {
			l := m.layout()
			if err := os.Remove(filepath.Join(l.Dir, "blobs", "sha256", l.Blob(m, layer, []byte("a layer")).Hex())); err != nil {
				m.Fatal(err)
			}
		}},
		{"oci/tag-moved", []int{2, 9}, wants(verify.Unsigned), "the tag moved to another image", func(m *maker) {
			l := m.layout()
			evil := l.Image(m, "evil")
			l.Entries = l.Entries[1:]
			l.Tag(m, evil, "v1")
		}},
		{"oci/tag-twice", []int{9}, unreadable, "the tag is at two images", func(m *maker) {
			l := m.layout()
			l.Tag(m, l.Image(m, "evil"), "v1")
		}},
		{"oci/other-spelling", []int{9, 11}, broken, "a second list of images, spelled with a long s", func(m *maker) {
			l := m.layout()
			raw, err := os.ReadFile(filepath.Join(l.Dir, "index.json"))
			if err != nil {
				m.Fatal(err)
			}
			l.File(m, "index.json", append(raw[:len(raw)-1], `,"manifest\u017f":[]}`...))
		}},
		{"oci/docker-list", []int{9, 11}, broken, "a list for docker load with another image", func(m *maker) {
			l := m.layout()
			l.File(m, "manifest.json", []byte(`[{"Config":"blobs/sha256/`+l.Blob(m, layer, []byte("evil")).Hex()+`","RepoTags":["a:v1"],"Layers":[]}]`))
		}},
		{"oci/other-target", []int{2}, changed, "the signature is about another image", func(m *maker) {
			l := pki.NewLayout(m, filepath.Join(m.dir, "image"))
			d := l.Image(m, "a layer")
			l.Tag(m, d, "v1")
			l.Tag(m, referrer(m, l, d, m.p.SignOCI(m, l.Image(m, "other"))), "")
			m.file = "image:v1"
		}},
		{"oci/unknown-member", []int{10, 11}, malformed, "an unknown member of the header", jws(func(j *pki.JWS) { j.Header["jku"] = "https://example.com" })},
		{"oci/content-type", []int{10}, malformed, "another content type is protected", jws(func(j *pki.JWS) { j.Protected["cty"] = "application/json" })},
		{"oci/no-thumbprint", []int{3}, malformed, "the certificate's hash is not protected", jws(func(j *pki.JWS) { delete(j.Protected, "x5t#S256") })},
		{"oci/alg-none", []int{23}, wants(verify.AlgorithmRefused), "algorithm none", jws(func(j *pki.JWS) { j.Protected["alg"] = "none" })},
		{"oci/alg-hmac", []int{23}, wants(verify.AlgorithmRefused), "algorithm HS256", jws(func(j *pki.JWS) { j.Protected["alg"] = "HS256" })},
		{"oci/value", []int{2}, wants(verify.SignatureInvalid), "the signature value changed", jws(func(j *pki.JWS) { j.MangleValue = func(b []byte) []byte { b[0] ^= 1; return b } })},
		{"oci/second-leaf", []int{3}, wants(verify.SigningCertificate), "another certificate for the key", func(m *maker) {
			other := m.p.NewLeafFor(m, m.p.Leaf.Key, m.p.High, m.p.Claims(4))
			m.layout(func(j *pki.JWS) { j.Chain[0] = other.Cert.Raw })
		}},
		{"oci/no-issuer", []int{1}, wants(verify.ChainUntrusted), "the issuing CA is missing", jws(func(j *pki.JWS) { j.Chain = [][]byte{j.Chain[0], j.Chain[2]} })},
		{"oci/no-timestamp", []int{1}, wants(verify.TimestampMissing), "no timestamp", jws(func(j *pki.JWS) { j.Token = nil })},
		{"oci/padded-value", []int{5}, malformed, "the signature value in padded base64", func(m *maker) {
			m.layoutBy(m.p.NewLeafFor(m, m.p384(), m.p.High, m.p.Claims(3)), func(j *pki.JWS) { j.PaddedValue, j.MangleValue = true, func(b []byte) []byte { return append(b, 0) } })
		}},
		{"oci/value-longer", []int{5}, wants(verify.SignatureInvalid), "a signature value with a zero behind it", jws(func(j *pki.JWS) {
			j.MangleValue = func(b []byte) []byte { return append(b, 0) }
		})},
		{"oci/value-zero", []int{23}, wants(verify.SignatureInvalid), "a signature value of zeros", jws(func(j *pki.JWS) { j.MangleValue = func(b []byte) []byte { return make([]byte, len(b)) } })},
		{"oci/alg-of-another-curve", []int{23}, wants(verify.AlgorithmRefused), "the algorithm of another curve", jws(func(j *pki.JWS) { j.Protected["alg"] = "ES384" })},
		{"oci/payload-more", []int{10, 11}, malformed, "an unknown member of the payload", jws(func(j *pki.JWS) {
			j.Payload = map[string]any{"targetArtifact": j.Payload.(map[string]any)["targetArtifact"], "more": 1}
		})},
		{"oci/member-more", []int{11}, malformed, "an unknown member of the JWS", jws(func(j *pki.JWS) { j.Members["signatures"] = []any{} })},
		{"oci/crit", []int{10}, malformed, "an unknown critical member", jws(func(j *pki.JWS) {
			j.Protected["crit"] = []string{"io.cncf.notary.signingScheme", "unknown"}
			j.Protected["unknown"] = 1
		})},
		{"path/oci-digest", []int{12}, broken, "a digest that is a path", entryWith("sha256:../../../../../../etc/passwd")},
		{"path/oci-algorithm", []int{12}, broken, "an algorithm that is a path", entryWith("../../etc:" + strings.Repeat("0", 64))},
		{"path/oci-tag", []int{12}, unreadable, "a tag that is a path", func(m *maker) { m.layout(); m.file = "image:../../v1" }},
		{"path/oci-link", []int{12}, broken, "blobs is a link out of the layout", func(m *maker) {
			l := m.layout()
			if err := os.Rename(filepath.Join(l.Dir, "blobs"), filepath.Join(m.dir, "elsewhere")); err != nil {
				m.Fatal(err)
			}
			if err := os.Symlink("../elsewhere", filepath.Join(l.Dir, "blobs")); err != nil {
				m.Fatal(err)
			}
		}},
	}
}

// referrer is a signature's manifest for a manifest.
func referrer(m *maker, l *pki.Layout, d oci.Descriptor, envelope []byte) oci.Descriptor {
	m.Helper()
	return l.JSON(m, oci.MediaTypeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "config": l.Blob(m, oci.MediaTypeSignature, []byte("{}")),
		"layers": []any{l.Blob(m, oci.MediaTypeEnvelope, envelope)}, "subject": d,
	})
}
