package oci_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

func target() oci.Descriptor {
	return oci.NewDescriptor(oci.MediaTypeManifest, [32]byte{0xab, 2, 3}, 428)
}

// TestEnvelope reads what another writer made, for each algorithm.
func TestEnvelope(t *testing.T) {
	p := pki.New(t)
	ec := func(c elliptic.Curve) crypto.Signer {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		must(t, err)
		return k
	}
	r, err := rsa.GenerateKey(rand.Reader, 3072)
	must(t, err)
	for alg, key := range map[string]crypto.Signer{
		"ES256": p.Leaf.Key, "ES384": ec(elliptic.P384()), "ES512": ec(elliptic.P521()), "PS384": r,
	} {
		leaf := p.NewLeafFor(t, key, p.High, p.Claims(3))
		raw := p.SignOCIAs(t, leaf, target())
		e, err := oci.ParseEnvelope(raw)
		if err != nil || e.Algorithm != alg || e.Target != target() || !e.SigningTime.Equal(p.Signed) || len(e.Chain) != 3 || e.Token == nil || e.Staple == nil {
			t.Errorf("%s: %+v, %v", alg, e, err)
		}
		if err := e.Verify(key.Public()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		again, err := e.Marshal()
		must(t, err)
		if e2, err := oci.ParseEnvelope(again); err != nil || !reflect.DeepEqual(e, e2) || e2.Verify(key.Public()) != nil {
			t.Errorf("%s: written again: %v", alg, err)
		}
		wantReason(t, alg+", another key", e.Verify(p.High.Key.Public()), map[bool]oci.Reason{true: oci.BadSignature, false: oci.WrongAlgorithm}[alg == "ES256"])
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	_, _, err = oci.Algorithm(weak.Public())
	wantReason(t, "RSA-2048", err, oci.WrongAlgorithm)
	_, _, err = oci.Algorithm(ec(elliptic.P224()).Public())
	wantReason(t, "P-224", err, oci.WrongAlgorithm)
	_, _, err = oci.Algorithm("no key")
	wantReason(t, "no key", err, oci.WrongAlgorithm)
}

// TestEnvelopeRefuses breaks one thing, and signs the result where a signature covers it.
func TestEnvelopeRefuses(t *testing.T) {
	p := pki.New(t)
	set := func(name string, v any) func(*pki.JWS) { return func(j *pki.JWS) { j.Protected[name] = v } }
	without := func(name string) func(*pki.JWS) { return func(j *pki.JWS) { delete(j.Protected, name) } }
	payload := func(v string) func(*pki.JWS) { return func(j *pki.JWS) { j.Payload = json.RawMessage(v) } }
	const scheme, at = "io.cncf.notary.signingScheme", "io.cncf.notary.signingTime"
	digest := target().Digest
	for name, c := range map[string]struct {
		change func(*pki.JWS)
		want   oci.Reason
	}{
		"critical member that we do not know": {func(j *pki.JWS) {
			j.Protected["crit"], j.Protected["x"] = []string{scheme, "x"}, 1
		}, oci.BadEnvelope},
		"unknown member":          {set("io.cncf.notary.verificationPlugin", "evil"), oci.BadEnvelope},
		"expiry":                  {set("io.cncf.notary.expiry", "2030-01-01T00:00:00Z"), oci.BadEnvelope},
		"no crit":                 {without("crit"), oci.BadEnvelope},
		"scheme":                  {set(scheme, "notary.x509.signingAuthority"), oci.BadEnvelope},
		"content type":            {set("cty", "application/json"), oci.BadEnvelope},
		"no time":                 {without(at), oci.BadEnvelope},
		"time":                    {set(at, "yesterday"), oci.BadEnvelope},
		"no thumbprint":           {without("x5t#S256"), oci.BadEnvelope},
		"confirm by tomorrow":     {set("com.github.hallmark-pki.confirmBy", "tomorrow"), oci.BadEnvelope},
		"confirm by null":         {set("com.github.hallmark-pki.confirmBy", nil), oci.BadEnvelope},
		"confirm by never":        {set("com.github.hallmark-pki.confirmBy", "0001-01-01T00:00:00Z"), oci.BadEnvelope},
		"confirm by elsewhere":    {set("com.github.hallmark-pki.confirmBy", "2026-01-01T00:00:00+01:00"), oci.BadEnvelope},
		"short thumbprint":        {set("x5t#S256", "AAAA"), oci.BadEnvelope},
		"no alg":                  {without("alg"), oci.BadEnvelope},
		"payload is empty":        {payload(`{}`), oci.BadEnvelope},
		"payload says more":       {payload(`{"targetArtifact":{"mediaType":"` + oci.MediaTypeManifest + `","digest":"` + digest + `","size":428},"x":1}`), oci.BadEnvelope},
		"target says more":        {payload(`{"targetArtifact":{"mediaType":"` + oci.MediaTypeManifest + `","digest":"` + digest + `","size":428,"annotations":{}}}`), oci.BadEnvelope},
		"target twice":            {payload(`{"targetArtifact":{"mediaType":"a","digest":"` + digest + `","size":1},"targetArtifact":{}}`), oci.BadEnvelope},
		"target in two spellings": {payload(`{"targetArtifact":{"mediaType":"a","digest":"` + digest + `","size":1},"TargetArtifact":{}}`), oci.BadEnvelope},
		"target's digest":         {payload(`{"targetArtifact":{"mediaType":"` + oci.MediaTypeManifest + `","digest":"sha512:` + digest[7:] + digest[7:] + `","size":428}}`), oci.DigestAlgorithm},
		"target's media type":     {payload(`{"targetArtifact":{"mediaType":"text/plain","digest":"` + digest + `","size":428}}`), oci.BadDescriptor},
		"target's size":           {payload(`{"targetArtifact":{"mediaType":"` + oci.MediaTypeManifest + `","digest":"` + digest + `","size":-1}}`), oci.BadDescriptor},
		"target of 1 GB":          {payload(`{"targetArtifact":{"mediaType":"` + oci.MediaTypeManifest + `","digest":"` + digest + `","size":1000000000}}`), oci.BadDescriptor},
		"no chain":                {func(j *pki.JWS) { j.Chain = nil }, oci.BadEnvelope},
		"nine certificates": {func(j *pki.JWS) {
			j.Chain = append(j.Chain, j.Chain[0], j.Chain[0], j.Chain[0], j.Chain[0], j.Chain[0], j.Chain[0])
		}, oci.BadEnvelope},
		"unknown header":     {func(j *pki.JWS) { j.Header["jku"] = "https://example.com" }, oci.BadEnvelope},
		"token is null":      {func(j *pki.JWS) { j.Header["io.cncf.notary.timestampSignature"] = nil }, oci.BadEnvelope},
		"token is large":     {func(j *pki.JWS) { j.Header["io.cncf.notary.timestampSignature"] = make([]byte, 65<<10) }, oci.BadEnvelope},
		"staple is a number": {func(j *pki.JWS) { j.Header["com.github.hallmark-pki.staple"] = 1 }, oci.BadEnvelope},
		"agent is long":      {func(j *pki.JWS) { j.Header["io.cncf.notary.signingAgent"] = string(make([]byte, 300)) }, oci.BadEnvelope},
		"several signatures": {func(j *pki.JWS) { j.Members["signatures"] = []any{} }, oci.BadEnvelope},
		"padded base64":      {func(j *pki.JWS) { j.PaddedValue = true }, oci.BadEnvelope},
		"no signature":       {func(j *pki.JWS) { j.Members["signature"] = "" }, oci.BadEnvelope},
		"large":              {func(j *pki.JWS) { j.Header["com.github.hallmark-pki.staple"] = make([]byte, 2<<20) }, oci.TooLarge},
	} {
		_, err := oci.ParseEnvelope(p.SignOCI(t, target(), c.change))
		wantReason(t, name, err, c.want)
	}
}

// TestVerifyRefuses: envelopes that read well and do not verify.
func TestVerifyRefuses(t *testing.T) {
	p := pki.New(t)
	for name, c := range map[string]struct {
		change func(*pki.JWS)
		want   oci.Reason
	}{
		"none":        {func(j *pki.JWS) { j.Protected["alg"] = "none" }, oci.WrongAlgorithm},
		"HS256":       {func(j *pki.JWS) { j.Protected["alg"] = "HS256" }, oci.WrongAlgorithm},
		"ES384":       {func(j *pki.JWS) { j.Protected["alg"] = "ES384" }, oci.WrongAlgorithm},
		"a bit":       {func(j *pki.JWS) { j.MangleValue = func(b []byte) []byte { b[40] ^= 1; return b } }, oci.BadSignature},
		"zeros":       {func(j *pki.JWS) { j.MangleValue = func(b []byte) []byte { return make([]byte, len(b)) } }, oci.BadSignature},
		"a byte more": {func(j *pki.JWS) { j.MangleValue = func(b []byte) []byte { return append(b, 0) } }, oci.BadSignature},
		"DER": {func(j *pki.JWS) {
			j.MangleValue = func(b []byte) []byte {
				return pki.DER(t, struct{ R, S *big.Int }{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])})
			}
		}, oci.BadSignature},
	} {
		e, err := oci.ParseEnvelope(p.SignOCI(t, target(), c.change))
		must(t, err)
		wantReason(t, name, e.Verify(p.Leaf.Key.Public()), c.want)
	}
}

func TestDescriptorCheck(t *testing.T) {
	good := target()
	must(t, good.Check())
	if good.SHA256() != [32]byte{0xab, 2, 3} {
		t.Error(good.SHA256())
	}
	for name, c := range map[string]struct {
		change func(*oci.Descriptor)
		want   oci.Reason
	}{
		"media type": {func(d *oci.Descriptor) { d.MediaType = "application/json" }, oci.BadDescriptor},
		"no digest":  {func(d *oci.Descriptor) { d.Digest = "" }, oci.DigestAlgorithm},
		"short":      {func(d *oci.Descriptor) { d.Digest = d.Digest[:70] }, oci.BadDescriptor},
		"upper case": {func(d *oci.Descriptor) { d.Digest = "sha256:" + string(bytes.ToUpper([]byte(d.Hex()))) }, oci.BadDescriptor},
		"empty":      {func(d *oci.Descriptor) { d.Size = 0 }, oci.BadDescriptor},
		"large":      {func(d *oci.Descriptor) { d.Size = oci.MaxManifestBytes + 1 }, oci.BadDescriptor},
	} {
		d := good
		c.change(&d)
		wantReason(t, name, d.Check(), c.want)
		if _, err := oci.Payload(d); err == nil {
			t.Errorf("%s: a payload is made", name)
		}
	}
}

// FuzzEnvelope: what is read can be written, and then reads as the same; whatever the
// spelling was, it is about the same manifest and the same bytes are signed.
func FuzzEnvelope(f *testing.F) {
	seeds(f, "envelope")
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := oci.ParseEnvelope(raw)
		if err != nil {
			return
		}
		again, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		e2, err := oci.ParseEnvelope(again)
		if err != nil || !reflect.DeepEqual(e, e2) {
			t.Fatalf("%v: %+v is not %+v", err, e, e2)
		}
		if e.Target.Check() != nil {
			t.Fatal("a target that cannot be signed")
		}
	})
}

// FuzzLayout: whatever index.json and a manifest say, what is resolved passes Check of
// its descriptor, and nothing panics on the way down.
func FuzzLayout(f *testing.F) {
	seeds(f, "manifest")
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := pki.NewLayout(t, t.TempDir())
		for _, mediaType := range []string{oci.MediaTypeManifest, oci.MediaTypeIndex} {
			l.Tag(t, l.Blob(t, mediaType, raw), "v1")
			layout := open(t, l.Dir)
			d, err := layout.Resolve(oci.Reference{Dir: l.Dir, Tag: "v1"})
			if err == nil {
				if d.Check() != nil {
					t.Fatal("resolved what cannot be signed")
				}
				_ = layout.Check(t.Context(), d)
				_, _ = layout.Signatures(d)
			}
			l.Entries = nil
		}
		l.File(t, "index.json", raw)
		if d, err := open(t, l.Dir).Resolve(oci.Reference{Dir: l.Dir}); err == nil && d.Check() != nil {
			t.Fatal("resolved what cannot be signed")
		}
	})
}

// seeds adds the files of a folder; none is a failure.
func seeds(f *testing.F, folder string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in testdata/%s: %v", folder, err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}
