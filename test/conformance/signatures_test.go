package conformance

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

func signatureSuites() []suite {
	return []suite{
		{"wycheproof-ecdsa", "wycheproof", wycheproofAbout("ECDSA with P-256 and SHA-256, with `verify.CheckSignature`"), 484, wycheproof("ecdsa_secp256r1_sha256_test.json", byCMS(1, 2, 840, 10045, 4, 3, 2))},
		{"wycheproof-rsa", "wycheproof", wycheproofAbout("RSA PKCS #1 v1.5 with SHA-256, with `verify.CheckSignature`"), 259, wycheproof("rsa_signature_2048_sha256_test.json", byCMS(1, 2, 840, 113549, 1, 1, 11))},
		{"wycheproof-rsa-pss", "wycheproof", wycheproofAbout("RSA-PSS with SHA-256, with `verify.CheckSignature`"), 108, wycheproof("rsa_pss_2048_sha256_mgf1_32_test.json", byCMS(1, 2, 840, 113549, 1, 1, 10))},
		{"wycheproof-ed25519", "wycheproof", wycheproofAbout("Ed25519, as a log's key in a trust bundle verifies it"), 151, wycheproof("ed25519_test.json", byNote)},
		{"cms", "cms/openssl", "OpenSSL's broken CMS signatures, as whole judgements. They are BER, so the form alone refuses most; each defect in DER is among our own negative tests.", 5, brokenCMS},
		{"rfc3161", "rfc3161", rfc3161About, 2, rfc3161},
		{"sigstore-timestamps", "sigstore-bundles", sigstoreStampsAbout, 8, sigstoreStamps},
	}
}

func wycheproofAbout(what string) string {
	return "C2SP's Wycheproof: malformed and edge-case signatures: " + what + "."
}

type wycheproofGroup struct {
	PublicKeyDer, PublicKeyAsn string
	PublicKeyPem               string
	Tests                      []struct {
		ID     int    `json:"tcId"`
		Msg    string `json:"msg"`
		Sig    string `json:"sig"`
		Result string `json:"result"`
	}
}

func wycheproof(file string, check func(pub crypto.PublicKey, msg, sig []byte) error) func(*testing.T, string) []row {
	return func(t *testing.T, dir string) []row {
		var table struct {
			TestGroups []wycheproofGroup
		}
		readJSON(t, &table, dir, file)
		var rows []row
		for _, g := range table.TestGroups {
			block, _ := pem.Decode([]byte(g.PublicKeyPem))
			if block == nil {
				t.Fatal(file, "has a group without a key")
			}
			pub, err := x509.ParsePKIXPublicKey(block.Bytes)
			for _, c := range g.Tests {
				want, ok := map[string]string{"valid": accept, "invalid": refuse, "acceptable": either}[c.Result]
				if !ok {
					t.Fatal("unknown result", c.Result)
				}
				r := row{id: fmt.Sprint(c.ID), want: want}
				if err != nil {
					rows = append(rows, r.judged(unparsed{err}))
					continue
				}
				rows = append(rows, r.judged(check(pub, unhex(t, c.Msg), unhex(t, c.Sig))))
			}
		}
		return rows
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func byCMS(oid ...int) func(crypto.PublicKey, []byte, []byte) error {
	return func(pub crypto.PublicKey, msg, sig []byte) error {
		kind := x509.ECDSA
		if _, is := pub.(interface{ Size() int }); is {
			kind = x509.RSA
		}
		c := &x509.Certificate{PublicKey: pub, PublicKeyAlgorithm: kind}
		return verify.CheckSignature(c, asn1.ObjectIdentifier(oid), crypto.SHA256, msg, sig)
	}
}

func byNote(pub crypto.PublicKey, msg, sig []byte) error {
	key, err := note.NewEd25519VerifierKey("log.example.com", pub.(ed25519.PublicKey))
	if err != nil {
		return unparsed{err}
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return unparsed{err}
	}
	if !v.Verify(msg, sig) {
		return fmt.Errorf("signature-invalid: %s", key)
	}
	return nil
}

// judge is a verifier with a hierarchy that has nothing to do with anybody's files, and
// the digest of a file that it holds for good with the signature given.
type judge struct {
	*verify.Verifier
	pki    *pki.PKI
	digest [32]byte
}

func newJudge(t testing.TB) judge {
	t.Helper()
	p := pki.New(t)
	c := verify.Config{Trust: p.Trust(), Status: p.Status(t), Policy: verify.DefaultPolicy(), Now: func() time.Time { return p.Now }}
	v, err := verify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return judge{v, p, sha256.Sum256([]byte("content"))}
}

// outcome makes a row's verdict of a judgement.
func (r row) outcome(v verify.Verdict) row {
	if v.Outcome == verify.Valid {
		r.got = accept
		return r
	}
	return r.judged(v.Reasons[0])
}

func brokenCMS(t *testing.T, dir string) []row {
	j := newJudge(t)
	var rows []row
	for _, file := range files(t, dir, "*") {
		raw := read(t, file)
		if block, _ := pem.Decode(raw); block != nil {
			raw = block.Bytes
		}
		rows = append(rows, row{id: filepath.Base(file), want: refuse}.outcome(j.Signature(context.Background(), file, j.digest, raw)))
	}
	return rows
}

const rfc3161About = `Tokens of a public time-stamping authority (OpenSSL's test data) and of a test one (Rekor's), with ` + "`verify.OpenTimestamp`" + `. What
they stamp is not known, so that they could at best be found to be about something else.`

func rfc3161(t *testing.T, dir string) []row {
	j := newJudge(t)
	var rows []row
	for _, file := range []string{"openssl/sectigo-all-zero.tsr", "rekor/test.tsr"} {
		var response struct{ Status, Token asn1.RawValue }
		if _, err := asn1.Unmarshal(read(t, dir, file), &response); err != nil {
			t.Fatal(err)
		}
		_, err := verify.OpenTimestamp(response.Token.FullBytes, nil, []*x509.Certificate{j.pki.Root.Cert}, fixed())
		rows = append(rows, row{id: file, want: accept}.judged(err))
	}
	return rows
}

// sigstoreBundle is what the parts need.
type sigstoreBundle struct {
	VerificationMaterial struct {
		TlogEntries []struct {
			InclusionProof struct {
				LogIndex, TreeSize string
				RootHash           []byte
				Hashes             [][]byte
				Checkpoint         struct{ Envelope string }
			}
			CanonicalizedBody []byte
		}
		Certificate               struct{ RawBytes []byte }
		X509CertificateChain      struct{ Certificates []struct{ RawBytes []byte } }
		TimestampVerificationData struct {
			RFC3161Timestamps []struct{ SignedTimestamp []byte } `json:"rfc3161Timestamps"`
		}
	}
	MessageSignature struct{ Signature []byte }
	DSSEEnvelope     struct{ Signatures []struct{ Sig []byte } } `json:"dsseEnvelope"`
}

// sigstoreRoot is whom a case trusts.
type sigstoreRoot struct {
	Tlogs []struct {
		BaseURL   string `json:"baseUrl"`
		PublicKey struct {
			RawBytes   []byte
			KeyDetails string
		}
	}
	TimestampAuthorities, CertificateAuthorities []struct {
		CertChain struct{ Certificates []struct{ RawBytes []byte } }
	}
}

// sigstoreCase reads a case; ok is false where the bundle is no JSON, which is another
// reader's business.
func sigstoreCase(t *testing.T, dir string) (b sigstoreBundle, root sigstoreRoot, ok bool) {
	t.Helper()
	if json.Unmarshal(read(t, dir, "bundle.sigstore.json"), &b) != nil {
		return b, root, false
	}
	trusted := filepath.Join(dir, "trusted_root.json")
	if _, err := os.Stat(trusted); err != nil {
		trusted = filepath.Join(filepath.Dir(dir), "trusted-root-public-good.json")
	}
	readJSON(t, &root, trusted)
	return b, root, true
}

const sigstoreStampsAbout = `The timestamps in sigstore-conformance's bundles, over the signature in the bundle, with ` + "`verify.OpenTimestamp`" + ` and the root of
each authority that the case trusts; then the signer's path at that time, with ` + "`verify.Path`" + `. Cases that are to fail for something else than the timestamp are not in this suite.`

func sigstoreStamps(t *testing.T, dir string) []row {
	var rows []row
	for _, file := range files(t, dir, "*/bundle.sigstore.json") {
		name := filepath.Base(filepath.Dir(file))
		b, root, ok := sigstoreCase(t, filepath.Dir(file))
		stamps := b.VerificationMaterial.TimestampVerificationData.RFC3161Timestamps
		if fails := strings.HasSuffix(name, "_fail"); !ok || len(stamps) == 0 || fails && !strings.Contains(name, "timestamp") {
			continue
		}
		signature := b.MessageSignature.Signature
		if len(b.DSSEEnvelope.Signatures) > 0 {
			signature = b.DSSEEnvelope.Signatures[0].Sig
		}
		roots := root.stampRoots(t)
		for i, s := range stamps {
			// The wrapper is a TimeStampResp; what a signature carries is the token inside.
			var response struct{ Status, Token asn1.RawValue }
			if _, err := asn1.Unmarshal(s.SignedTimestamp, &response); err != nil {
				t.Fatal(name, err)
			}
			at, err := verify.OpenTimestamp(response.Token.FullBytes, signature, roots, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			if err == nil {
				err = root.checkSigner(b, at)
			}
			rows = append(rows, row{id: fmt.Sprintf("%s, token %d", name, i), want: wants(!strings.HasSuffix(name, "_fail"))}.judged(err))
		}
	}
	return rows
}

func (s sigstoreRoot) stampRoots(t *testing.T) []*x509.Certificate {
	t.Helper()
	var out []*x509.Certificate
	for _, a := range s.TimestampAuthorities {
		chain := a.CertChain.Certificates
		c, err := x509.ParseCertificate(chain[len(chain)-1].RawBytes)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// checkSigner finds the path of the signer's certificate, if it is one that signed.
func (s sigstoreRoot) checkSigner(b sigstoreBundle, at time.Time) error {
	m := b.VerificationMaterial
	leaf := m.Certificate.RawBytes
	if list := m.X509CertificateChain.Certificates; len(list) > 0 {
		leaf = list[0].RawBytes
	}
	if len(leaf) == 0 {
		return nil
	}
	q := question{leaf: leaf, usage: x509.ExtKeyUsageCodeSigning, at: at}
	for _, a := range s.CertificateAuthorities {
		chain := a.CertChain.Certificates
		for _, c := range chain[:len(chain)-1] {
			q.others = append(q.others, c.RawBytes)
		}
		q.roots = append(q.roots, chain[len(chain)-1].RawBytes)
	}
	return q.answer()
}
