package compat

import (
	"archive/zip"
	"bytes"
	"crypto/x509"
	"hash/crc32"
	"strings"

	"github.com/hallmark-pki/hallmark/truststore"
	"software.sslmate.com/src/go-pkcs12"
)

const storePassword = truststore.DefaultPassword

// signedJAR is a JAR file signed in the past.
type signedJAR struct{ stamped, bare string }

// jarsigner starts a Java that does not optimise: these runs are short.
func (w *world) jarsigner(args ...string) []string {
	return append([]string{"jarsigner", "-J-XX:TieredStopAtLevel=1", "-J-Duser.language=en", "-J-Xmx128m"}, args...)
}

func (w *world) newJAR(content string) string {
	w.t.Helper()
	var out bytes.Buffer
	jar := zip.NewWriter(&out)
	for name, text := range map[string]string{"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\r\n\r\n", "hello.txt": content} {
		// Sizes in front: Java takes no data descriptor behind what is not compressed.
		size := uint64(len(text))
		entry, err := jar.CreateRaw(&zip.FileHeader{
			Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(text)), CompressedSize64: size, UncompressedSize64: size,
		})
		w.check(err)
		_, err = entry.Write([]byte(text))
		w.check(err)
	}
	w.check(jar.Close())
	return w.file(".jar", out.Bytes())
}

func (w *world) signJAR(l leaf, more ...string) string {
	w.t.Helper()
	identity, err := pkcs12.Modern2023.Encode(l.key, l.issued.Certificate, l.issued.Chain, storePassword)
	w.check(err)
	jar := w.newJAR("hello from acme\n")
	args := w.jarsigner(append([]string{"-keystore", w.file(".p12", identity), "-storetype", "PKCS12", "-storepass", storePassword}, more...)...)
	// The alias is what Java gives an entry without a name.
	w.must(append(args, jar, "1")...)
	return jar
}

func (w *world) signJARInThePast() signedJAR {
	return signedJAR{stamped: w.signJAR(w.expired, "-tsa", w.url+"/tsa"), bare: w.signJAR(w.expired)}
}

func (w *world) jars(past signedJAR) group {
	g := group{
		tool: "jarsigner", use: "JAR files",
		how: "jarsigner -keystore vendor.p12 -tsa http://CA/tsa FILE.jar 1\n" +
			"jarsigner -verify -strict -keystore elevated.jks -storepass changeit FILE.jar",
		about: "The truststore is what `hallmark trust export --tier elevated --format jks` writes: the tier's twin and its CA (`-strict` looks for a certificate of the signature's own chain), and the CA of timestamps, by which Java judges those.",
	}
	stamped, bare := w.signJAR(w.good, "-tsa", w.url+"/tsa"), w.signJAR(w.good)
	standard, revoked := w.signJAR(w.standard, "-tsa", w.url+"/tsa"), w.signJAR(w.revoked, "-tsa", w.url+"/tsa")
	timestamping, err := w.ca.Certificate("timestamping")
	w.check(err)
	elevated := w.truststore(truststore.MarshalJKS, "elevated")
	verify := func(jar, store string, more ...string) []string {
		args := append([]string{"-verify", "-strict"}, more...)
		if store != "" {
			args = append(args, "-keystore", store, "-storepass", storePassword)
		}
		return w.jarsigner(append(args, jar)...)
	}
	tampered := w.file(".jar", bytes.Replace(w.read(stamped), []byte("hello from acme"), []byte("hello from evil"), 1))
	const ok, untrusted = "jar verified.", "entries whose certificate chain is invalid"
	g.cases = []kase{
		{name: "truststore of its tier", args: verify(stamped, elevated), want: true, says: ok},
		{name: "the same as PKCS #12", args: verify(stamped, w.truststore(truststore.MarshalP12, "elevated")), want: true, says: ok},
		{name: "truststore of a lower tier", args: verify(stamped, w.truststore(truststore.MarshalJKS, "standard")), says: untrusted},
		{name: "truststore of a higher tier", args: verify(stamped, w.truststore(truststore.MarshalJKS, "high")), says: untrusted},
		{name: "SLSA 2 from tier standard, truststore of elevated", args: verify(standard, elevated), says: untrusted},
		{name: "no truststore", args: verify(stamped, ""), says: untrusted},
		{name: "truststore without the CA of timestamps", args: verify(stamped, w.javaStore(truststore.MarshalJKS, "elevated", w.twinOf("elevated"), w.good.issued.Chain[0])), says: "entries whose TSA certificate chain is invalid"},
		{name: "truststore without the tier's own CA", args: verify(stamped, w.javaStore(truststore.MarshalJKS, "elevated", w.twinOf("elevated"), timestamping)), says: "not signed by alias in this keystore", note: "-strict wants a certificate of the signature's chain in the store"},
		{name: "no timestamp", args: verify(bare, elevated), want: true, says: "signatures that do not include a timestamp"},
		{name: "expired since, timestamp", args: verify(past.stamped, elevated), want: true, says: ok},
		{name: "expired since, no timestamp", args: verify(past.bare, elevated), says: "signer certificate has expired"},
		{name: "content changed", args: verify(tampered, elevated), says: "SHA-256 digest error for hello.txt"},
		{name: "not signed", args: verify(w.newJAR("hello from acme\n"), elevated), shows: ok, says: "jar is unsigned."},
		{name: "with -revCheck", args: verify(stamped, elevated, "-revCheck"), want: true, says: ok},
		{name: "revoked, with -revCheck", args: verify(revoked, elevated, "-revCheck"), says: "revoked"},
		{name: "revoked, without", args: verify(revoked, elevated), want: true, says: ok, wrong: "Java asks for a certificate's status only with -revCheck"},
	}
	return g
}

func (w *world) twinOf(tier string) *x509.Certificate {
	for _, t := range w.trust.Tiers {
		if t.Name == tier {
			return t.Twin
		}
	}
	w.t.Fatalf("there is no tier %q", tier)
	return nil
}

// truststore is what `hallmark trust export` writes for a tier.
func (w *world) truststore(marshal func(string, ...truststore.Entry) ([]byte, error), tier string) string {
	w.t.Helper()
	timestamping, err := w.ca.Certificate("timestamping")
	w.check(err)
	issuing, err := w.ca.Certificate(tier)
	w.check(err)
	return w.javaStore(marshal, tier, w.twinOf(tier), issuing, timestamping)
}

func (w *world) javaStore(marshal func(string, ...truststore.Entry) ([]byte, error), names string, anchors ...*x509.Certificate) string {
	w.t.Helper()
	var entries []truststore.Entry
	for i, a := range anchors {
		entries = append(entries, truststore.Entry{Alias: truststore.Alias(names + strings.Repeat("x", i)), Certificate: a})
	}
	raw, err := marshal(storePassword, entries...)
	w.check(err)
	return w.file(".store", raw)
}
