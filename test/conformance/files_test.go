package conformance

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/verify"
)

func fileSuites() []suite {
	return []suite{
		{"jar", "jar", jarAbout, 82, jars},
		{"authenticode", "authenticode", authenticodeAbout, 10, authenticode},
		{"fuzz-certificates", "fuzz", "Certificates from the fuzzing of OpenSSL and BoringSSL, as the signer's and as an issuing CA's, with `verify.Path`. None leads to a root.", 900, seeds(asCertificate, "openssl-x509.tar.gz", "boringssl-parse_certificate.tar.gz")},
		{"fuzz-crls", "fuzz", "CRLs from OpenSSL's fuzzing, with `verify.CRLs`. None says that a certificate of another CA stands.", 1300, seeds(asCRL, "openssl-crl.tar.gz")},
		{"fuzz-cms", "fuzz", "CMS and other DER from OpenSSL's fuzzing, as whole judgements and as timestamps.", 1200, seeds(asCMS, "openssl-cms.tar.gz", "openssl-asn1parse.tar.gz")},
	}
}

const notHere = `Not here: ` + "`rpm` and `openpgp`" + ` (the verifier reads neither; RPM packages are signed beside the file), ` + "`deb`, `buildinfo`,\n`codesigning-lint`, `fulcio-certs`" + ` (no verdicts on what a verifier does; the tests of packages format, rebuild/buildinfo and ca/lint use them).
`

const jarAbout = `Signed JAR files (Android's apksig, as jarsigner of JDK 17 judges them; relic; SignServer), as whole judgements. All are signed by
somebody else, so that none can be valid; the page shows for what each is refused. A file that jarsigner takes for verified must be
refused for what we demand beyond it.
The suite ends at the container, whose signature files all have another name than ours; renamed, they would be archives that
jarsigner never judged. What lies behind is held against jarsigner with archives that are signed here (tests of package format, compatibility.md).`

func jars(t *testing.T, dir string) []row {
	var table struct {
		Cases []struct{ File, Jarsigner17 string }
	}
	readJSON(t, &table, dir, "apksig", "expectations.json")
	j := newJudge(t)
	var rows []row
	for _, c := range table.Cases {
		path := asJAR(t, filepath.Join(dir, "apksig", c.File))
		rows = append(rows, row{id: c.File, want: wants(c.Jarsigner17 == "verified")}.outcome(j.File(context.Background(), path)))
	}
	return rows
}

// asJAR gives an archive the name by which the verifier knows what it is.
func asJAR(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(path)+".jar")
	if err := os.WriteFile(to, read(t, path), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

const authenticodeAbout = `Windows files, signed and not (jsign, uthenticode, osslsigncode, SignServer, relic), as whole judgements. The signed ones are
somebody else's; cabinet, catalogue and MSIX files are signed beside the file where the format has no place of its own here.`

func authenticode(t *testing.T, dir string) []row {
	var table struct {
		Cases []struct{ File, Expect string }
	}
	readJSON(t, &table, dir, "expectations.json")
	j := newJudge(t)
	var rows []row
	for _, c := range table.Cases {
		r := row{id: c.File, want: wants(c.Expect != "unsigned")}
		rows = append(rows, r.outcome(j.File(context.Background(), filepath.Join(dir, filepath.FromSlash(c.File)))))
	}
	return rows
}

func seeds(ask func(judge, []byte) error, archives ...string) func(*testing.T, string) []row {
	return func(t *testing.T, dir string) []row {
		j := newJudge(t)
		var rows []row
		for _, a := range archives {
			corpora.Each(t, func(name string, data []byte) {
				rows = append(rows, row{id: a + "/" + name, want: refuse}.judged(ask(j, data)))
			}, filepath.Base(dir), a)
		}
		return rows
	}
}

func asCertificate(j judge, data []byte) error {
	c, err := x509.ParseCertificate(data)
	if err != nil {
		return unparsed{err}
	}
	roots := []*x509.Certificate{j.pki.Root.Cert}
	as := verify.Path{Certificate: c, Roots: roots, Usage: x509.ExtKeyUsageAny, At: c.NotBefore}
	if _, err := as.Find(); err == nil {
		return nil
	}
	as = verify.Path{Certificate: j.pki.Leaf.Cert, Intermediates: []*x509.Certificate{c}, Roots: roots, Usage: x509.ExtKeyUsageAny, At: j.pki.Now}
	_, err = as.Find()
	return err
}

func asCRL(j judge, data []byte) error {
	return verify.CRLs{Lists: [][]byte{data}, Now: j.pki.Now}.Check(j.pki.Leaf.Cert, j.pki.High.Cert)
}

func asCMS(j judge, data []byte) error {
	if _, err := verify.OpenTimestamp(data, nil, []*x509.Certificate{j.pki.Root.Cert}, j.pki.Now); err == nil {
		return nil
	}
	v := j.Signature(context.Background(), "seed", j.digest, data)
	if v.Outcome == verify.Valid {
		return nil
	}
	return v.Reasons[0]
}
