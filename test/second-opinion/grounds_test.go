package secondopinion

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/command"
	"github.com/hallmark-pki/hallmark/verify/proof"
)

const demanding = `version: 1
mode: enforce
require:
  - {framework: https://slsa.dev/spec/v0.1/, track: slsa, level: 3}
revocation: required
timestamp: required
attestations: %s
max_status_age: 168h
`

// docket is a package with all that its certificate stands on.
type docket struct {
	t          *testing.T
	p          *pki.PKI
	dir        string
	path       string
	digest     [32]byte
	rebuilders []crypto.Signer // of North Org, of NORTH-ORG again, and of South Org
	assessment []byte          // the envelope, with the auditor's key
}

// newDocket has an auditor assess the vendor, after change, and the vendor sign a package.
func newDocket(t *testing.T, change func(*audit.Assessment)) *docket {
	t.Helper()
	d := &docket{t: t, p: pki.New(t), dir: t.TempDir()}
	a := audit.Assessment{
		Framework: audit.FrameworkRef{ID: "slsa-v0.1", URI: pki.SLSA, Version: "0.1", Track: pki.Track, Digest: map[string]string{"sha256": strings.Repeat("00", 32)}},
		Vendor:    audit.Party{ID: "acme", URI: pki.Vendor, Organization: "Acme"}, Auditor: audit.Party{ID: "jane", Organization: "Example Audits"},
		Level: 3, LevelID: "SLSA_LEVEL_3", AssessedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ValidUntil: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for i, operator := range []string{"North Org", "NORTH-ORG", "South Org"} {
		key := pki.Key(t)
		d.rebuilders = append(d.rebuilders, key)
		a.Scope.Rebuilders = append(a.Scope.Rebuilders, audit.Rebuilder{ID: rebuilderID(i), Operator: operator, Keys: []string{publicPEM(t, key)}})
	}
	if change != nil {
		change(&a)
	}
	d.assessment = d.named(d.sign(a), d.p.Auditor)
	d.signPackage()
	write := func(name string, raw []byte) {
		if err := os.WriteFile(filepath.Join(d.dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust, err := d.p.Trust().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	write("trust.json", trust)
	write("status.json", d.p.SignStatus(t, d.p.Status(t)))
	write("stapled.yaml", fmt.Appendf(nil, demanding, "stapled"))
	write("fetch.yaml", fmt.Appendf(nil, demanding, "fetch"))
	return d
}

// signPackage signs with a certificate whose mark names the assessment.
func (d *docket) signPackage(edits ...func(*pki.CMS)) {
	u, err := attest.ParseEnvelope(d.assessment)
	if err != nil {
		d.t.Fatal(err)
	}
	claims := d.p.Claims(3)
	claims[0].Assessment.Payload = sha256.Sum256(u.Payload)
	leaf := d.p.NewLeaf(d.t, d.p.High, claims)
	all := append([]func(*pki.CMS){func(c *pki.CMS) {
		c.Staple = &ext.Staple{VSA: c.Staple.VSA, Receipts: [][]byte{d.p.Receipt(d.t, 3, func(e *receipt.Entry) {
			e.Assessment = hex.EncodeToString(claims[0].Assessment.Payload[:])
		})}}
	}}, edits...)
	d.path = pki.Write(d.t, d.dir, "tool.deb", pki.Deb([]byte("tool")), func(digest [32]byte) []byte {
		d.digest = digest
		return d.p.SignAs(d.t, leaf, digest, all...)
	})
}

func rebuilderID(i int) string { return fmt.Sprintf("https://rebuild-%d.example.com/", i) }

func publicPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (d *docket) sign(a audit.Assessment) []byte {
	d.t.Helper()
	raw, err := audit.Sign(d.t.Context(), a, d.p.Auditor)
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

func (d *docket) named(envelope []byte, key crypto.Signer) []byte {
	d.t.Helper()
	raw, err := attest.AddPublicKeys(envelope, key.Public())
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

func (d *docket) subject(digest [32]byte) attest.Subject {
	return attest.Subject{Name: "tool", Digest: map[string]string{"sha256": hex.EncodeToString(digest[:])}}
}

var source = attest.ResourceDescriptor{URI: "git+https://git.example.com/tool", Digest: map[string]string{"gitCommit": strings.Repeat("ab", 20)}}

// rebuilt is a rebuilder's word that it built the artifact.
func (d *docket) rebuilt(i int, digest [32]byte, key crypto.Signer) []byte {
	d.t.Helper()
	s, err := attest.NewProvenanceV1(attest.Build{Subjects: []attest.Subject{d.subject(digest)}, BuilderID: rebuilderID(i), BuildType: "https://example.com/recipe", Source: source})
	return d.statement(s, err, key)
}

// failed is a rebuilder's word that it got something else.
func (d *docket) failed(i int) []byte {
	d.t.Helper()
	s, err := attest.NewRebuildFailure(attest.RebuildFailure{
		Subject: d.subject(d.digest), Rebuilder: rebuilderID(i), Source: source, Recipe: strings.Repeat("00", 32), Reason: attest.RebuildMismatch,
		Got:       []attest.ResourceDescriptor{{Name: "first/tool", Digest: map[string]string{"sha256": strings.Repeat("11", 32)}}},
		StartedOn: d.p.Signed, FinishedOn: d.p.Signed.Add(time.Minute),
	})
	return d.statement(s, err, d.rebuilders[i])
}

func (d *docket) statement(s attest.Statement, err error, key crypto.Signer) []byte {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := attest.SignStatement(d.t.Context(), s, key)
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

// explain writes a proof with this evidence and returns it with its path.
func (d *docket) explain(wantExit int, evidence [][]byte, more ...string) (proof.Proof, string) {
	d.t.Helper()
	lines, out := filepath.Join(d.dir, "evidence.jsonl"), filepath.Join(d.dir, "proof.json")
	if err := os.WriteFile(lines, append(bytes.Join(evidence, []byte("\n")), '\n'), 0o600); err != nil {
		d.t.Fatal(err)
	}
	args := []string{"hallmark-verify", "explain", "--trust", filepath.Join(d.dir, "trust.json"), "--status", filepath.Join(d.dir, "status.json"),
		"--at", d.p.Now.UTC().Format(time.RFC3339), "--proof", out, "--evidence", lines}
	if !slices.Contains(more, "--policy") {
		more = append(more, "--policy", filepath.Join(d.dir, "stapled.yaml"))
	}
	var said bytes.Buffer
	if exit := command.Run(context.Background(), append(append(args, more...), d.path), "", io.Discard, &said); exit != wantExit {
		d.t.Fatalf("exit %d, want %d: %s", exit, wantExit, said.Bytes())
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := proof.Parse(raw)
	if err != nil {
		d.t.Fatal(err)
	}
	return p, out
}

// verdict is the first opinion of the file.
func (d *docket) verdict() verify.Verdict {
	d.t.Helper()
	policy, err := verify.ParsePolicy(fmt.Appendf(nil, demanding, "stapled"))
	if err != nil {
		d.t.Fatal(err)
	}
	v, err := verify.New(verify.Config{Trust: d.p.Trust(), Status: d.p.Status(d.t), Policy: policy, Now: func() time.Time { return d.p.Now }})
	if err != nil {
		d.t.Fatal(err)
	}
	return v.File(d.t.Context(), d.path)
}

// flip changes one character of an envelope's member.
func flip(t *testing.T, envelope []byte, member string) []byte {
	t.Helper()
	i := bytes.Index(envelope, []byte(`"`+member+`":"`))
	if i < 0 {
		t.Fatal("no member ", member)
	}
	out := bytes.Clone(envelope)
	at := i + len(member) + 4 + 40
	if out[at] == 'A' {
		out[at] = 'B'
	} else {
		out[at] = 'A'
	}
	return out
}

// TestGrounds: the two programs agree about what a certificate stands on: good evidence,
// what is missing, and evidence in which one thing was changed.
func TestGrounds(t *testing.T) {
	d := newDocket(t, nil)
	north, again, south := d.rebuilt(0, d.digest, d.rebuilders[0]), d.rebuilt(1, d.digest, d.rebuilders[1]), d.rebuilt(2, d.digest, d.rebuilders[2])
	good, _ := d.explain(0, [][]byte{d.assessment, north, south})
	want := proof.Grounds{Assessments: []proof.Assessment{{SHA256: good.Grounds.Assessments[0].SHA256, State: proof.Shown}}, Reproduced: []string{"North Org", "South Org"}, Contradicted: []string{}}
	if fmt.Sprint(good.Grounds) != fmt.Sprint(want) {
		t.Fatalf("%+v, want %+v", good.Grounds, want)
	}
	plain, err := audit.Sign(t.Context(), audit.Assessment{Vendor: audit.Party{URI: pki.Vendor}}, d.p.Auditor)
	if err != nil {
		t.Fatal(err)
	}
	keyless, stranger := d.withoutKey(), pki.Key(t)
	impostor := d.named(d.resigned(stranger), stranger)
	state := func(state string, operators ...string) proof.Grounds {
		g := want
		g.Assessments = []proof.Assessment{{SHA256: want.Assessments[0].SHA256, State: state}}
		g.Reproduced = append([]string{}, operators...)
		return g
	}
	contradicted := state(proof.Shown, "South Org")
	contradicted.Contradicted = []string{"NORTH-ORG"}
	var proofs []string
	verdict, first := d.verdict(), map[string]error{}
	for name, c := range map[string]struct {
		evidence [][]byte
		stated   proof.Grounds
		good     bool
	}{
		"good":                                    {[][]byte{d.assessment, north, south}, want, true},
		"nothing at hand":                         {nil, state(proof.Missing), true},
		"no assessment, so nobody to count":       {[][]byte{north, south}, state(proof.Missing), true},
		"without the auditor's key":               {[][]byte{keyless, north, south}, state(proof.KeyMissing, "North Org", "South Org"), true},
		"one operator with two rebuilders":        {[][]byte{d.assessment, north, again}, state(proof.Shown, "NORTH-ORG"), true},
		"one could not":                           {[][]byte{d.assessment, north, d.failed(1), south}, contradicted, true},
		"a bad envelope beside the good one":      {[][]byte{flip(t, d.assessment, "sig"), d.assessment}, state(proof.Shown), true},
		"another assessment in its place":         {[][]byte{d.named(plain, d.p.Auditor), north, south}, want, false},
		"a byte of the assessment changed":        {[][]byte{flip(t, d.assessment, "payload"), north, south}, want, false},
		"a byte of its signature changed":         {[][]byte{flip(t, d.assessment, "sig"), north, south}, want, false},
		"signed by somebody else":                 {[][]byte{impostor, north, south}, want, false},
		"taken out":                               {[][]byte{north, south}, want, false},
		"said to be missing, and there":           {[][]byte{d.assessment}, state(proof.Missing), false},
		"a rebuild of another file":               {[][]byte{d.assessment, north, d.rebuilt(2, [32]byte{1}, d.rebuilders[2])}, want, false},
		"two statements by one, counted as two":   {[][]byte{d.assessment, north, again}, state(proof.Shown, "NORTH-ORG", "North Org"), false},
		"one statement twice, counted as two":     {[][]byte{d.assessment, north, north}, want, false},
		"a rebuild by a key that nobody assessed": {[][]byte{d.assessment, north, d.rebuilt(2, d.digest, stranger)}, want, false},
		"a rebuild in another's name":             {[][]byte{d.assessment, north, d.rebuilt(2, d.digest, d.rebuilders[1])}, want, false},
		"a failure left out of the count":         {[][]byte{d.assessment, north, d.failed(1), south}, want, false},
	} {
		p := good
		p.Evidence, p.Grounds = c.evidence, c.stated
		for i, a := range p.Grounds.Assessments {
			p.Grounds.Assessments[i].Why = whyOf(a.State, verdict)
		}
		path := d.save(p, len(proofs))
		proofs, first[path] = append(proofs, path), p.CheckGrounds(verdict)
		if (first[path] == nil) != c.good {
			t.Errorf("%s: %v", name, first[path])
		}
	}
	for path, got := range ask(t, proofs) {
		if agreed := map[bool]string{true: "valid", false: "not valid"}[first[path] == nil]; got[0] != agreed {
			t.Errorf("the second opinion is %s (%s), the first %v", got[0], got[1], first[path])
		}
	}
}

// whyOf is what the first opinion says of a state.
func whyOf(state string, v verify.Verdict) string {
	switch state {
	case proof.Missing:
		return "it was not at hand"
	case proof.KeyMissing:
		return fmt.Sprintf("the auditor's key %x is not beside a signature", v.Claims[0].Assessment.Auditor)
	}
	return ""
}

func (d *docket) save(p proof.Proof, n int) string {
	d.t.Helper()
	raw, err := p.Marshal()
	if err != nil {
		d.t.Fatal(err)
	}
	path := filepath.Join(d.dir, fmt.Sprintf("%03d.json", n))
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// resigned is the assessment with a signature by another key alone.
func (d *docket) resigned(key crypto.Signer) []byte {
	d.t.Helper()
	u, err := attest.ParseEnvelope(d.assessment)
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := attest.Sign(d.t.Context(), u.PayloadType, u.Payload, key)
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

func (d *docket) withoutKey() []byte { return d.resigned(d.p.Auditor) }

// TestGroundsThatContradict: an assessment that the certificate names, and that does not
// say what the certificate says of it. No verifier can see that without the assessment.
func TestGroundsThatContradict(t *testing.T) {
	var proofs []string
	for name, change := range map[string]func(*audit.Assessment){
		"another vendor's":        func(a *audit.Assessment) { a.Vendor.URI = "https://other.example.com" },
		"a lower level":           func(a *audit.Assessment) { a.Level = 2 },
		"another track":           func(a *audit.Assessment) { a.Framework.Track = "other" },
		"over before signing":     func(a *audit.Assessment) { a.ValidUntil = a.AssessedAt.AddDate(0, 0, 1) },
		"begun after the signing": func(a *audit.Assessment) { a.AssessedAt = a.ValidUntil.AddDate(0, 0, -1) },
	} {
		d := newDocket(t, change)
		p, path := d.explain(1, [][]byte{d.assessment})
		if p.Verdict != "valid" || p.Grounds.Assessments[0].State != proof.Contradicts || p.CheckGrounds(d.verdict()) == nil {
			t.Errorf("%s: %s %+v", name, p.Verdict, p.Grounds)
		}
		proofs = append(proofs, path)
	}
	for path, got := range ask(t, proofs) {
		if got[0] != "not valid" || !strings.Contains(got[1], "assessment of another") {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// TestGroundsFetched: evidence from a folder and from the certificate's address, and a
// summary that was fetched, of which the newest decides.
func TestGroundsFetched(t *testing.T) {
	d := newDocket(t, nil)
	d.signPackage(func(c *pki.CMS) { c.Staple.VSA = nil })
	north := d.rebuilt(0, d.digest, d.rebuilders[0])
	vendor := sha256.Sum256([]byte(pki.Vendor))
	file := func(dir string, digest [32]byte, lines ...[]byte) {
		path := filepath.Join(dir, strings.TrimPrefix(ext.EvidenceURL("", digest), "/"))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	remote, program := filepath.Join(d.dir, "remote"), filepath.Join(d.dir, "fetch")
	script := "#!/bin/sh\ncase \"$2\" in */sha256/*) f='" + remote + "/sha256/'${2##*/sha256/};; *) exit 3;; esac\n[ -e \"$f\" ] || exit 3\nexec /bin/cat \"$f\"\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	summary := func(result string, at time.Time) []byte {
		return d.p.SummaryWith(t, d.p.SummaryKey, d.digest, func(v *attest.VSA) { v.Result, v.TimeVerified = result, at })
	}
	fetching := []string{"--policy", filepath.Join(d.dir, "fetch.yaml"), "--fetch-program", program}
	for name, c := range map[string]struct {
		lines [][]byte
		exit  int
		want  string
	}{
		"passed":             {[][]byte{summary(attest.Passed, d.p.Signed), north}, 0, "valid"},
		"passed, and failed": {[][]byte{summary(attest.Passed, d.p.Signed), summary(attest.Failed, d.p.Signed.Add(time.Hour))}, 1, "not valid"},
		"failed, and passed": {[][]byte{summary(attest.Failed, d.p.Signed), summary(attest.Passed, d.p.Signed.Add(time.Hour)), north}, 0, "valid"},
		"none":               {[][]byte{north}, 1, "not valid"},
	} {
		file(remote, d.digest, c.lines...)
		file(remote, vendor, d.assessment)
		p, path := d.explain(c.exit, nil, fetching...)
		if p.Verdict != c.want || c.want == "valid" && (p.Grounds.Assessments[0].State != proof.Shown || len(p.Grounds.Reproduced) != 1) {
			t.Errorf("%s: %s %+v", name, p.Verdict, p.Grounds)
		}
		if got := ask(t, []string{path})[path]; got[0] != c.want {
			t.Errorf("%s: the second opinion is %s (%s)", name, got[0], got[1])
		}
	}
	// A folder of a mirror, which has one for each vendor, under a policy that fetches nothing.
	d.signPackage()
	local := filepath.Join(d.dir, "mirror")
	file(filepath.Join(local, "acme"), vendor, d.assessment)
	file(filepath.Join(local, "acme"), d.digest, north, d.rebuilt(2, [32]byte{1}, d.rebuilders[2]))
	p, path := d.explain(0, nil, "--evidence-dir", local)
	if p.Grounds.Assessments[0].State != proof.Shown || len(p.Grounds.Reproduced) != 1 || len(p.Evidence) != 2 {
		t.Errorf("from a folder: %+v", p.Grounds)
	}
	if got := ask(t, []string{path})[path]; got[0] != "valid" {
		t.Errorf("from a folder: the second opinion is %s (%s)", got[0], got[1])
	}
}
