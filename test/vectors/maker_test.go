package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/test/vectors/vector"
	"github.com/hallmark-pki/hallmark/verify"
)

// sketch is a vector to be made. Its make changes what newMaker set up; what it does not
// touch is good.
type sketch struct {
	id      string
	classes []int
	want    []verify.Code // none: valid
	about   string
	make    func(m *maker)
}

func wants(codes ...verify.Code) []verify.Code { return codes }

// maker makes one vector.
type maker struct {
	*testing.T
	p *pki.PKI // whose root the trust bundle has
	q *pki.PKI // another, with the same names, that nobody trusts

	dir    string // the vector's folder
	file   string // what is judged; "": package.deb, made well at the end
	trust  verify.Trust
	status verify.Status
	policy string // the name of a shared policy, or the text of one
	at     time.Time

	rawTrust, rawStatus []byte // instead of the above, byte for byte
	recipe              *vector.Recipe
	rsa                 map[int]crypto.Signer // by bits
	unchanged           *maker                // what the shared files are made of
}

// sharedFiles is the folder of what many vectors refer to.
const sharedFiles = "shared"

// policies are the shared ones.
func policies() map[string]string {
	const require = "require:\n  - {framework: slsa-v0.1, track: slsa, level: 3}\n"
	return map[string]string{
		"strict":    "version: 1\n" + require + "revocation: required\ntimestamp: required\nattestations: stapled\n",
		"available": "version: 1\n" + require + "revocation: if-available\ntimestamp: if-available\nattestations: off\n",
		"warn":      "version: 1\nmode: warn\n" + require + "revocation: required\ntimestamp: required\nattestations: stapled\n",
		"off":       "version: 1\n" + require + "revocation: off\ntimestamp: if-available\nattestations: off\n",
		"some":      "version: 1\nrevocation: required\ntimestamp: required\nattestations: off\n",
	}
}

// generate makes all vectors below root. Keys, signatures and times repeat: randomness
// comes from a seed that is the vector's name, and the clock is that of a bubble, because
// the timestamp library writes the present time into its tokens.
func generate(t *testing.T, root string, list []sketch) {
	t.Helper()
	keys := readKeys(t)
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 2)
		q := pki.New(t)
		cryptotest.SetGlobalRandom(t, 1)
		p := pki.New(t)
		time.Sleep(time.Until(p.Signed))
		status := p.Status(t)
		shared := newMaker(t, *p, *q, status, root)
		shared.rawStatus = shared.marshalStatus()
		shared.writeShared(filepath.Join(root, sharedFiles))
		for _, s := range list {
			h := fnv.New64a()
			h.Write([]byte(s.id))
			cryptotest.SetGlobalRandom(t, h.Sum64())
			m := newMaker(t, *p, *q, status, filepath.Join(root, filepath.FromSlash(s.id)))
			m.rsa, m.unchanged = keys, shared
			m.write(s, shared)
		}
	})
}

// newMaker copies the hierarchies, so that the serial numbers of one vector do not depend
// on the vectors before it.
func newMaker(t *testing.T, p, q pki.PKI, status verify.Status, dir string) *maker {
	t.Helper()
	status.CRLs = slices.Clone(status.CRLs)
	return &maker{T: t, p: &p, q: &q, dir: dir, trust: p.Trust(), status: status, policy: "strict", at: p.Now}
}

func (m *maker) writeShared(dir string) {
	m.save(filepath.Join(dir, "trust.json"), m.marshalTrust())
	m.save(filepath.Join(dir, "status.json"), m.marshalStatus())
	for name, text := range policies() {
		m.save(filepath.Join(dir, name+".yaml"), []byte(text))
	}
}

func (m *maker) save(path string, raw []byte) {
	m.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		m.Fatal(err)
	}
}

func (m *maker) marshalTrust() []byte {
	m.Helper()
	if m.rawTrust != nil {
		return m.rawTrust
	}
	raw, err := m.trust.Marshal()
	if err != nil {
		m.Fatal(err)
	}
	return raw
}

func (m *maker) marshalStatus() []byte {
	m.Helper()
	if m.rawStatus != nil {
		return m.rawStatus
	}
	if m.unchanged != nil && reflect.DeepEqual(m.status, m.unchanged.status) {
		return m.unchanged.rawStatus
	}
	return m.p.SignStatus(m, m.status)
}

// write makes the vector's folder.
func (m *maker) write(s sketch, shared *maker) {
	m.Helper()
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		m.Fatal(err)
	}
	if s.make != nil {
		s.make(m)
	}
	if m.file == "" {
		m.deb()
	}
	v := vector.Vector{ID: s.id, About: s.about, Classes: s.classes, File: m.file, At: m.at.UTC(), Verdict: vector.Valid, Codes: []string{}, Recipe: m.recipe}
	if v.Classes == nil {
		v.Classes = []int{}
	}
	for i, c := range s.want {
		v.Codes = append(v.Codes, string(c))
		if i == 0 || c.Outcome() == verify.NotValid {
			v.Verdict = c.Outcome().String()
		}
	}
	v.Trust = m.refer("trust.json", m.marshalTrust(), shared.marshalTrust())
	v.Status = m.refer("status.json", m.marshalStatus(), shared.marshalStatus())
	// Mode warn lets pass what was judged, not what could not be for want of a bundle.
	v.Warn = m.policy == "warn" && len(s.want) > 0 && !slices.Contains(s.want, verify.StatusUnusable)
	if strings.Contains(m.policy, "\n") || m.policy == "" {
		m.save(filepath.Join(m.dir, "policy.yaml"), []byte(m.policy))
		v.Policy = "policy.yaml"
	} else {
		v.Policy = "../../" + sharedFiles + "/" + m.policy + ".yaml"
	}
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		m.Fatal(err)
	}
	m.save(filepath.Join(m.dir, vector.FileName), append(raw, '\n'))
}

// refer returns the shared file's path where the vector has no other content.
func (m *maker) refer(name string, raw, shared []byte) string {
	m.Helper()
	if bytes.Equal(raw, shared) {
		return "../../" + sharedFiles + "/" + name
	}
	m.save(filepath.Join(m.dir, name), raw)
	return name
}

// deb writes package.deb, signed by the leaf with edits.
func (m *maker) deb(edits ...func(*pki.CMS)) {
	m.Helper()
	m.debBy(m.p.Leaf, edits...)
}

func (m *maker) debBy(signer *pki.Identity, edits ...func(*pki.CMS)) {
	m.Helper()
	m.debWith(func(d [32]byte) []byte { return m.p.SignAs(m, signer, d, edits...) })
}

func (m *maker) debWith(sign func([32]byte) []byte) { m.artifact("package.deb", content(), sign) }

// content is the package that is signed.
func content() []byte { return pki.Deb([]byte("payload")) }

func digest() [32]byte { return sha256.Sum256(content()) }

// artifact writes any file and attaches a signature; nil: none. It does so by hand, since
// the product's own code waits for the disk each time.
func (m *maker) artifact(name string, raw []byte, sign func([32]byte) []byte) {
	m.Helper()
	m.file = name
	path := filepath.Join(m.dir, name)
	switch {
	case sign == nil:
	case bytes.HasPrefix(raw, []byte("!<arch>\n")):
		raw = append(bytes.Clone(raw), debMember("_hallmark.p7s", string(sign(sha256.Sum256(raw))))...)
	default:
		m.save(path+format.Suffix, sign(sha256.Sum256(raw)))
	}
	m.save(path, raw)
}

// signFile writes a file of a format that signs something else than its bytes.
func (m *maker) signFile(name string, raw []byte, edits ...func(*pki.CMS)) {
	m.Helper()
	m.artifact(name, raw, nil)
	m.p.SignFile(m, filepath.Join(m.dir, name), edits...)
}

// change rewrites what is to be judged.
func (m *maker) change(f func([]byte) []byte) {
	m.Helper()
	path := filepath.Join(m.dir, m.file)
	raw, err := os.ReadFile(path)
	if err != nil {
		m.Fatal(err)
	}
	m.save(path, f(raw))
}

// layout writes an OCI layout of one image, tagged v1, and returns it.
func (m *maker) layout(edits ...func(*pki.JWS)) *pki.Layout {
	m.Helper()
	return m.layoutBy(m.p.Leaf, edits...)
}

func (m *maker) layoutBy(signer *pki.Identity, edits ...func(*pki.JWS)) *pki.Layout {
	m.Helper()
	l := pki.NewLayout(m, filepath.Join(m.dir, "image"))
	d := l.Image(m, "a layer")
	l.Tag(m, d, "v1")
	if envelope := m.p.SignOCIAs(m, signer, d, edits...); len(edits) == 0 {
		l.Attach(m, d, envelope)
	} else { // the product's own code would refuse some
		l.Tag(m, referrer(m, l, d, envelope), "")
	}
	m.file = "image:v1"
	return l
}

func (m *maker) p384() crypto.Signer {
	m.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		m.Fatal(err)
	}
	return key
}

// revoke lists a certificate on list number 8 of its issuer.
func (m *maker) revoke(issuer *pki.Identity, c *x509.Certificate, r pki.Revocation, edits ...func(*x509.RevocationList)) {
	m.Helper()
	edits = append([]func(*x509.RevocationList){r.Revoke(m, c)}, edits...)
	m.status.CRLs = append(m.status.CRLs, m.p.CRL(m, issuer, 8, edits...))
}

// onlyCRL makes the tier's list, edited, the only one.
func (m *maker) onlyCRL(edits ...func(*x509.RevocationList)) {
	m.Helper()
	m.status.CRLs = [][]byte{m.p.CRL(m, m.p.High, 8, edits...)}
}

// swapTier replaces the issuing CA by one that differs in something, and the leaf by one
// of it.
func (m *maker) swapTier(edits ...pki.Edit) {
	m.Helper()
	old := m.p.High.Cert
	edits = append([]pki.Edit{certificateAuthority(old.Subject, old.NotBefore, old.NotAfter), m.p.Ceiling(m, 4)}, edits...)
	m.p.High = m.p.Issue(m, m.p.Root, edits...)
	m.p.Leaf = m.p.NewLeaf(m, m.p.High, m.p.Claims(3))
	m.listTier()
}

// listTier makes the status anew. The library refuses to sign lists for an issuer that may
// not; a verifier must refuse to read them.
func (m *maker) listTier() {
	m.Helper()
	tier := m.p.High
	fit := *tier.Cert
	fit.KeyUsage |= x509.KeyUsageCRLSign
	if len(fit.SubjectKeyId) == 0 {
		fit.SubjectKeyId = []byte{1}
	}
	m.p.High = &pki.Identity{Cert: &fit, Key: tier.Key}
	m.status = m.p.Status(m)
	m.p.High = tier
}

// swapRoot does the same one level up; the timestamp root stays.
func (m *maker) swapRoot(edits ...pki.Edit) {
	m.Helper()
	old, stampRoot := m.p.Root.Cert, m.p.Root
	edits = append([]pki.Edit{certificateAuthority(old.Subject, old.NotBefore, old.NotAfter)}, edits...)
	m.p.Root = m.p.Issue(m, nil, edits...)
	m.trust.Roots = []*x509.Certificate{m.p.Root.Cert}
	m.swapTier()
	m.p.Root = stampRoot
}

func certificateAuthority(name pkix.Name, from, to time.Time) pki.Edit {
	return func(c *x509.Certificate) {
		c.Subject, c.NotBefore, c.NotAfter = name, from, to
		c.BasicConstraintsValid, c.IsCA = true, true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
}

// Times around the signature at 11:00; the clock stands at 12:00.
var (
	before = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	after  = time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC)
)

// readKeys reads the RSA keys, by their bits: making them takes seconds.
func readKeys(t *testing.T) map[int]crypto.Signer {
	t.Helper()
	out := map[int]crypto.Signer{}
	for _, bits := range []int{1024, 2048, 3072} {
		raw, err := os.ReadFile(filepath.Join("testdata", "keys", fmt.Sprintf("test-only-rsa%d.pem", bits)))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(raw)
		if out[bits], err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// sign makes a vector of one edited signature.
func sign(edit func(m *maker, c *pki.CMS)) func(*maker) {
	return func(m *maker) { m.deb(func(c *pki.CMS) { edit(m, c) }) }
}

// mangle changes the bytes of a good signature before it is attached.
func mangle(f func([]byte) []byte) func(*maker) {
	return func(m *maker) { m.debWith(func(d [32]byte) []byte { return f(m.p.Sign(m, d)) }) }
}

// rewrite changes the bytes of a good package.
func rewrite(f func([]byte) []byte) func(*maker) {
	return func(m *maker) { m.deb(); m.change(f) }
}

// staple edits the staple of a good signature.
func staple(edit func(m *maker, s *ext.Staple)) func(*maker) {
	return sign(func(m *maker, c *pki.CMS) { edit(m, c.Staple) })
}

// leaf signs with a certificate that differs in something.
func leaf(edit pki.Edit) func(*maker) {
	return func(m *maker) { m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(3), edit)) }
}

// token replaces the timestamp.
func token(f func(m *maker, value []byte) []byte) func(*maker) {
	return sign(func(m *maker, c *pki.CMS) { c.Token = func(value []byte) []byte { return f(m, value) } })
}

// both does one thing after the other.
func both(list ...func(*maker)) func(*maker) {
	return func(m *maker) {
		for _, f := range list {
			f(m)
		}
	}
}

// under judges by another policy.
func under(policy string) func(*maker) { return func(m *maker) { m.policy = policy } }
