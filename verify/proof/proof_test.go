package proof_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/proof"
)

func policy() verify.Policy {
	return verify.Policy{
		Mode: verify.Enforce, Revocation: verify.Required, Timestamp: verify.Required, Attestations: verify.Stapled,
		Require:      [][]verify.Requirement{{{Framework: pki.SLSA, Track: pki.Track, Level: 3}}},
		MaxStatusAge: 7 * 24 * time.Hour,
		Exceptions:   []verify.Exception{{Vendor: pki.Vendor, Reason: "x", Expires: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}},
	}
}

// gathered judges a good package and gathers its proof.
func gathered(t testing.TB, change func(path string)) (proof.Proof, error) {
	t.Helper()
	p, demands := pki.New(t), policy()
	v, err := verify.New(verify.Config{Trust: p.Trust(), Status: p.Status(t), Policy: demands, Now: func() time.Time { return p.Now }})
	if err != nil {
		t.Fatal(err)
	}
	path := pki.Write(t, t.TempDir(), "package.deb", pki.Deb([]byte("payload")), func(d [32]byte) []byte { return p.Sign(t, d) })
	verdict := v.File(context.Background(), path)
	if verdict.Outcome != verify.Valid {
		t.Fatal(verdict.Reasons)
	}
	if change != nil {
		change(path)
	}
	return proof.Gather(context.Background(), path, proof.Input{
		Trust: []byte("trust"), Status: []byte("status"), Policy: []byte("policy"), Demands: &demands, At: p.Now, Verdict: verdict,
	})
}

func TestGather(t *testing.T) {
	p, err := gathered(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := proof.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again.File.Kind != "deb" || again.Verdict != "valid" || len(again.Signatures) != 1 || again.Demands.Confirmed != "required" ||
		again.Demands.Require[0][0].Level != 3 || again.Demands.MaxStatusAge != 7*24*3600 || string(again.Trust) != "trust" || again.File.SHA256 != again.ToBeSigned.Digest {
		t.Errorf("%+v", again)
	}
}

// TestGatherRefuses: a proof is about the file that was judged or there is none.
func TestGatherRefuses(t *testing.T) {
	for name, change := range map[string]func(path string){
		"another file": func(path string) {
			if err := os.WriteFile(path, pki.Deb([]byte("other")), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if _, err := gathered(t, change); !errors.Is(err, proof.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExceptionsByPackage: for others a proof says what an exception means for this file.
// One for a package of a vendor is none for the vendor's other packages.
func TestExceptionsByPackage(t *testing.T) {
	p, expires := pki.New(t), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	path := pki.Write(t, t.TempDir(), "x.deb", pki.Package(t, "hello", "1.0", "all", nil), func(d [32]byte) []byte { return p.Sign(t, d) })
	for _, c := range []struct {
		exception verify.Exception
		want      []proof.Exception
	}{
		{verify.Exception{Package: "hello"}, []proof.Exception{{Vendor: pki.Vendor, Expires: expires}}},
		{verify.Exception{Package: "hel*", Vendor: pki.Vendor}, []proof.Exception{{Vendor: pki.Vendor, Expires: expires}}},
		{verify.Exception{Package: "other", Vendor: pki.Vendor}, []proof.Exception{}},
		{verify.Exception{Package: "hello", Vendor: "https://other.example.com"}, []proof.Exception{}},
	} {
		demands := policy()
		c.exception.Reason, c.exception.Expires = "r", expires
		demands.Exceptions = []verify.Exception{c.exception}
		v, err := verify.New(verify.Config{Trust: p.Trust(), Status: p.Status(t), Policy: demands, Now: func() time.Time { return p.Now }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := proof.Gather(t.Context(), path, proof.Input{Demands: &demands, At: p.Now, Verdict: v.File(t.Context(), path)})
		if err != nil || !slices.Equal(got.Demands.Exceptions, c.want) {
			t.Errorf("%+v: %+v %v", c.exception, got.Demands, err)
		}
	}
}

// TestImageThatIsNotWhole: a manifest whose layers are not what it says has no digest by
// which somebody's exception could let it in.
func TestImageThatIsNotWhole(t *testing.T) {
	p, demands := pki.New(t), policy()
	l := pki.NewLayout(t, filepath.Join(t.TempDir(), "layout"))
	l.Tag(t, l.Image(t, "a layer"), "v1")
	l.Flip(t, l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte("a layer")))
	v, err := verify.New(verify.Config{Trust: p.Trust(), Policy: demands, Now: func() time.Time { return p.Now }})
	if err != nil {
		t.Fatal(err)
	}
	got, err := proof.Gather(t.Context(), l.Dir, proof.Input{Demands: &demands, At: p.Now, Verdict: v.File(t.Context(), l.Dir)})
	if err != nil || got.File.SHA256 != "" || got.Container != verify.DigestMismatch {
		t.Errorf("%+v %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	p, err := gathered(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"null evidence":     {`"evidence": []`, `"evidence": null`},
		"later version":     {`"version": 2`, `"version": 3`},
		"unknown member":    {`"version": 2,`, `"version": 2, "more": 1,`},
		"member twice":      {`"version": 2,`, `"version": 2, "version": 1,`},
		"member missing":    {`  "container": "",` + "\n", ``},
		"member's case":     {`"version"`, `"Version"`},
		"spaces":            {`"version": 2`, `"version":2`},
		"null list":         {`"codes": []`, `"codes": null`},
		"verdict":           {`"verdict": "valid"`, `"verdict": "fine"`},
		"no reason":         {`"verdict": "valid"`, `"verdict": "not valid"`},
		"reason of a yes":   {`"codes": []`, "\"codes\": [\n    \"unsigned\"\n  ]"},
		"form":              {`"form": "cms"`, `"form": "pgp"`},
		"base64":            {`"trust": "dHJ1c3Q="`, `"trust": "dHJ1c3R="`},
		"time zone":         {`12:00:00Z`, `12:00:00+00:00`},
		"fraction":          {`12:00:00Z`, `12:00:00.0Z`},
		"something behind":  {"\n}\n", "\n}\n{}\n"},
		"no line break":     {"\n}\n", "\n}"},
		"number of strings": {`"size": 0`, `"size": "0"`},
	} {
		bad := strings.Replace(string(raw), change[0], change[1], 1)
		if bad == string(raw) {
			t.Fatalf("%s: nothing to change", name)
		}
		if _, err := proof.Parse([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	none := p
	none.Signatures = nil
	if _, err := none.Marshal(); err == nil {
		t.Error("no signature: printed")
	}
}

// TestSteps: every code belongs to a step, so that no refusal is left untold.
func TestSteps(t *testing.T) {
	notes := []verify.Code{verify.NoteBuiltInPolicy, verify.NoteException, verify.NoteRevocationUnchecked, verify.NoteNoTimestamp,
		verify.NoteRevokedLater, verify.NoteStatusAging, verify.NoteAssessmentEnded, verify.NoteProvisional}
	for _, c := range slices.Concat(verify.Codes(), notes) {
		told := 0
		for _, s := range proof.Steps(verify.Verdict{Outcome: c.Outcome(), Reasons: []verify.Reason{{Code: c}}}) {
			told += len(s.Reasons)
			if (s.Outcome == proof.Refused || s.Outcome == proof.NotKnown) != (len(s.Reasons) > 0) {
				t.Errorf("%s: step %s is %s", c, s.Name, s.Outcome)
			}
		}
		if told != 1 || !proof.HasStage(c) {
			t.Errorf("%s is told %d times, in a stage of its own: %t", c, told, proof.HasStage(c))
		}
	}
	for _, s := range proof.Steps(verify.Verdict{Outcome: verify.NotValid, Reasons: []verify.Reason{{Code: verify.DigestMismatch}}})[3:] {
		if s.Outcome != proof.NotReached {
			t.Errorf("after the signature was refused, %s %s", s.Name, s.Outcome)
		}
	}
	forgiven := verify.Verdict{Outcome: verify.Valid, Notes: []verify.Reason{{Code: verify.NoteException}}}
	if got := proof.Steps(forgiven)[2].Outcome; got != proof.Forgiven {
		t.Errorf("forgiven by an exception: %s", got)
	}
}

// FuzzParse: what is read is written again the same.
func FuzzParse(f *testing.F) {
	p, err := gathered(f, nil)
	if err != nil {
		f.Fatal(err)
	}
	p.Signatures = []proof.Signature{{Form: proof.CMS, Bytes: []byte{0x30, 0}}}
	raw, err := p.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("{}"))
	f.Add(bytes.Replace(raw, []byte("cms"), []byte("jws"), 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := proof.Parse(raw)
		if err != nil {
			return
		}
		again, err := p.Marshal()
		if err != nil || !bytes.Equal(raw, again) {
			t.Errorf("%v\n%s\n%s", err, raw, again)
		}
	})
}

// TestEvidence: what is added is about the file, or an assessment that the mark names.
func TestEvidence(t *testing.T) {
	ca := pki.New(t)
	payload := []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + strings.Repeat("ab", 32) + `"}}],"predicateType":"https://example.com/assessment","predicate":{}}`)
	envelope := func(payload []byte) []byte {
		raw, err := attest.Sign(t.Context(), attest.PayloadType, payload, pki.Key(t))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	path := pki.Write(t, t.TempDir(), "tool.deb", pki.Deb([]byte("tool")), func(d [32]byte) []byte { return ca.Sign(t, d) })
	demands := policy()
	v, err := verify.New(verify.Config{Trust: ca.Trust(), Status: ca.Status(t), Policy: demands, Now: func() time.Time { return ca.Now }})
	if err != nil {
		t.Fatal(err)
	}
	verdict := v.File(t.Context(), path)
	digest, err := hex.DecodeString(verdict.Digest)
	if err != nil || verdict.Outcome != verify.Valid {
		t.Fatal(err, verdict.Reasons)
	}
	named := verdict
	named.Claims = slices.Clone(verdict.Claims)
	named.Claims[0].Assessment.Payload = sha256.Sum256(payload)
	for name, c := range map[string]struct {
		verdict  verify.Verdict
		evidence []byte
		ok       bool
	}{
		"a summary of the file":                {verdict, ca.Summary(t, [32]byte(digest), "PASSED"), true},
		"a summary of another":                 {verdict, ca.Summary(t, sha256.Sum256(payload), "PASSED"), false},
		"an assessment that the mark names":    {named, envelope(payload), true},
		"an assessment that it does not":       {verdict, envelope(payload), false},
		"the named one with a byte more in it": {named, envelope(append(slices.Clone(payload), ' ')), false},
		"no envelope":                          {named, payload, false},
	} {
		p, err := proof.Gather(t.Context(), path, proof.Input{Demands: &demands, At: ca.Now, Verdict: c.verdict, Evidence: [][]byte{c.evidence}})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			continue
		}
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(name, err)
		}
		if again, err := proof.Parse(raw); err != nil || len(again.Evidence) != 1 || !bytes.Equal(again.Evidence[0], c.evidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
