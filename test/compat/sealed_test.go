package compat

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/test/cast"
	"github.com/hallmark-pki/hallmark/test/sample"
	"github.com/hallmark-pki/hallmark/truststore"
	"github.com/hallmark-pki/hallmark/verify"
)

// sealed is a file that the signing service has signed: evidence states both digests, the
// service gets these, and its signature is embedded here, as `hallmark sign` does.
func (w *world) sealed(kind format.Kind, path, serial string) string {
	w.t.Helper()
	w.sealedAs(w.signing, kind, path, func(r *sign.Request) { r.Certificate = serial })
	return path
}

// sealedAs is sealed for any service and request. It returns the signature and the digest that evidence
// about the file is filed under.
func (w *world) sealedAs(service *sign.Service, kind format.Kind, path string, change func(*sign.Request)) (signed sign.Result, artifactDigest [32]byte) {
	w.t.Helper()
	ctx := context.Background()
	f, err := format.Detect(format.Files(), path)
	w.check(err)
	if f.Kind() != kind {
		w.t.Fatalf("%s is a %s file", path, f.Kind())
	}
	artifact, err := f.Open(path)
	w.check(err)
	digests, err := artifact.Digests()
	w.check(err)
	w.check(artifact.Close())
	statement, err := attest.NewProvenanceV1(attest.Build{
		Subjects: []attest.Subject{{Name: "tool", Digest: map[string]string{
			"sha256": hex.EncodeToString(digests.SHA256[:]), f.Algorithm(): hex.EncodeToString(digests.Signed[:])}}},
		BuilderID: "https://ci.acme.example/linux", BuildType: "https://ci.acme.example/make/v1",
		Source: attest.ResourceDescriptor{URI: "https://git.acme.example/tool", Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
	})
	w.check(err)
	envelope, err := attest.SignStatement(ctx, statement, w.people.Builder)
	w.check(err)
	_, err = w.evidence.Put(ctx, cast.Vendor, envelope)
	w.check(err)
	request := sign.Request{Vendor: cast.Vendor, Digest: digests.SHA256, Signed: digests.Signed, Format: string(kind), Product: "tool", By: cast.Vendor}
	change(&request)
	signed, err = service.Sign(ctx, request)
	w.check(err)
	_, err = f.Attach(path, signed.CMS, format.Options{Digest: digests.Signed})
	w.check(err)
	return signed, digests.SHA256
}

// sealedFiles are what the signing service makes of each format, before the other tools.
func (w *world) sealedFiles() []group {
	ctx := context.Background()
	key, err := w.ca.NewSigningKey(ctx, cast.Vendor)
	w.check(err)
	issued, err := w.ca.Issue(ctx, ca.Request{Vendor: cast.Vendor, SigningKey: key.ID, By: "test", Way: "api"})
	w.check(err)
	policy := verify.DefaultPolicy()
	policy.Attestations = verify.Stapled
	w.verifier, err = verify.New(verify.Config{Now: w.now, Policy: policy, Trust: verify.Trust{
		Name: "Example CA", Arc: w.trust.Arc, Roots: w.trust.Roots, TimestampRoots: w.trust.TimestampRoots, Logs: []string{w.vkey}, VSAKeys: w.trust.VSAKeys, IssuedAt: w.now()}})
	w.check(err)
	groups := []group{w.sealedJAR(issued.Record.Serial)}
	if w.program == "" {
		return groups // other projects' test data is not at hand
	}
	return append([]group{w.sealedWindows(issued.Record.Serial)}, groups...)
}

func (w *world) sealedWindows(serial string) group {
	g := group{
		tool: "osslsigncode", use: "programs, packages and cabinets that `hallmark sign` signed",
		how: "hallmark sign --product tool FILE.exe FILE.msi FILE.cab\n" +
			"osslsigncode verify -CAfile elevated-twin.pem -TSA-CAfile root.pem -in FILE",
		about: "The digest is all that the service got. `hallmark-verify` judges each of these files as the tool does.",
	}
	msi := filepath.Join(filepath.Dir(w.program), "unsigned.msi")
	root, twin, wrong := w.root(), w.twin("elevated"), w.twin("standard")
	verifyWith := func(file, anchor string) []string {
		return []string{"osslsigncode", "verify", "-CAfile", anchor, "-TSA-CAfile", root, "-in", file}
	}
	const ok, mismatch = "Signature verification: ok", "MISMATCH!!!"
	for _, f := range []struct {
		kind         format.Kind
		name, suffix string
		unsigned     []byte
		change       func(b []byte) []byte
	}{
		{format.PE, "program", ".exe", w.read(w.program), flip(0x600)},
		{format.CAB, "cabinet", ".cab", sample.Cabinet([]byte("the cabinet")), replace("the cabinet", "the malware")},
		{format.MSI, "package", ".msi", w.read(msi), replace("Acme Ltd.", "Evil Ltd.")},
	} {
		path := w.sealed(f.kind, w.file(f.suffix, f.unsigned), serial)
		signed := w.read(path)
		unsigned := w.file(f.suffix, f.unsigned)
		changed := w.file(f.suffix, f.change(bytes.Clone(signed)))
		g.cases = append(g.cases,
			kase{name: f.name, args: verifyWith(path, root), want: true, says: ok, file: path},
			kase{name: f.name + ", twin of its tier", args: verifyWith(path, twin), want: true, says: ok},
			kase{name: f.name + ", twin of another tier", args: verifyWith(path, wrong), says: "unable to get local issuer certificate"},
			kase{name: f.name + ", content changed", args: verifyWith(changed, root), says: mismatch, file: changed},
			kase{name: f.name + ", not signed", args: verifyWith(unsigned, root), says: "Failed", file: unsigned},
		)
	}
	return g
}

func flip(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 1; return b } }

func replace(from, to string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
}

func (w *world) sealedJAR(serial string) group {
	g := group{
		tool: "jarsigner", use: "JAR files that `hallmark sign` signed",
		how: "hallmark sign --product tool FILE.jar\n" +
			"jarsigner -verify -strict -keystore elevated.jks -storepass changeit FILE.jar",
		about: "The digest is all that the service got. `hallmark-verify` judges each of these files as the tool does.",
	}
	content := []byte("hello from acme")
	unsigned := w.file(".jar", sample.Archive(content))
	path := w.sealed(format.JAR, w.file(".jar", sample.Archive(content)), serial)
	store := w.truststore(truststore.MarshalJKS, "elevated")
	args := func(file string) []string {
		return w.jarsigner("-verify", "-strict", "-keystore", store, "-storepass", storePassword, file)
	}
	other := w.sealed(format.JAR, w.file(".jar", sample.Archive([]byte("another"))), serial)
	changed := func(name string, content []byte) string { return w.file(".jar", w.rezip(w.read(path), name, content)) }
	entry, added := changed("hello.txt", []byte("hello from evil")), changed("evil.txt", []byte("evil"))
	manifest := changed("META-INF/MANIFEST.MF", bytes.Replace(w.entry(path, "META-INF/MANIFEST.MF"), []byte("1.0\r\n"), []byte("1.0\r\nClass-Path: evil.jar\r\n"), 1))
	foreign := changed("META-INF/HALLMARK.SF", w.entry(other, "META-INF/HALLMARK.SF"))
	g.cases = []kase{
		{name: "truststore of its tier", args: args(path), want: true, says: "jar verified.", file: path},
		{name: "content changed", args: args(entry), says: "digest error for hello.txt", file: entry},
		{name: "entry added that is not signed", args: args(added), says: "unsigned entries", file: added},
		{name: "manifest changed", args: args(manifest), says: "Invalid signature file digest for Manifest main attributes", file: manifest},
		{name: "signature file of another archive", args: args(foreign), says: "cannot verify signature block file", file: foreign},
		{name: "not signed", args: args(unsigned), shows: "jar verified.", says: "jar is unsigned.", file: unsigned},
	}
	return g
}

// entry is the content of an entry of a ZIP file.
func (w *world) entry(path, name string) []byte {
	w.t.Helper()
	r, err := zip.OpenReader(path)
	w.check(err)
	defer r.Close()
	f, err := r.Open(name)
	w.check(err)
	var out bytes.Buffer
	_, err = out.ReadFrom(f)
	w.check(err)
	return out.Bytes()
}

// rezip replaces or adds an entry.
func (w *world) rezip(raw []byte, name string, content []byte) []byte {
	w.t.Helper()
	in, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	w.check(err)
	var out bytes.Buffer
	zipped := zip.NewWriter(&out)
	put := func() {
		f, err := zipped.Create(name)
		w.check(err)
		_, err = f.Write(content)
		w.check(err)
	}
	done := false
	for _, f := range in.File {
		if f.Name == name {
			put()
			done = true
			continue
		}
		w.check(zipped.Copy(f))
	}
	if !done {
		put()
	}
	w.check(zipped.Close())
	return out.Bytes()
}
