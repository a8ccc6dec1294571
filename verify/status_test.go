package verify_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// fullStatus has something in every field.
func fullStatus(t testing.TB, p *pki.PKI) verify.Status {
	s := p.Status(t)
	s.Assessments = []verify.Transition{
		{Assessment: [32]byte{1}, To: verify.Withdrawn, Effective: p.Signed},
		{Assessment: [32]byte{2}, To: verify.Lowered, Effective: p.Signed, Level: 2},
	}
	s.Checkpoint = []byte("log.example.com/hallmark\n3\nroot\n\n— signature\n")
	return s
}

func TestOpenStatus(t *testing.T) {
	p := pki.New(t)
	want := fullStatus(t, p)
	got, err := verify.OpenStatus(p.SignStatus(t, want), p.Trust(), p.Now)
	if err != nil || !cmp.Equal(got, want) {
		t.Error(err, cmp.Diff(got, want))
	}
	trust := p.Trust()
	trust.StatusKeys = []verify.StatusKey{{Key: pki.Key(t).Public()}, {Key: p.StatusKey.Public(), NotBefore: p.Signed, NotAfter: p.Now}}
	if _, err := verify.OpenStatus(p.SignStatus(t, want), trust, p.Now); err != nil {
		t.Error("a second key, and just within its time:", err)
	}
	raw, err := trust.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := verify.ParseTrust(raw); err != nil || !cmp.Equal(again.StatusKeys, trust.StatusKeys) {
		t.Error("keys in the trust bundle", err)
	}
}

// TestOpenStatusRefuses: one thing is wrong with the file or with whom it is held against.
func TestOpenStatusRefuses(t *testing.T) {
	p := pki.New(t)
	good := p.SignStatus(t, fullStatus(t, p))
	line, signature, _ := bytes.Cut(good, []byte("\n"))
	later := fullStatus(t, p)
	later.Number++
	laterLine, _, _ := bytes.Cut(p.SignStatus(t, later), []byte("\n"))
	other := pki.New(t)
	period := func(from, until time.Time) func(*verify.Trust) {
		return func(t *verify.Trust) { t.StatusKeys[0].NotBefore, t.StatusKeys[0].NotAfter = from, until }
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, []byte("\n")) }
	keep := func(*verify.Trust) {}
	for _, c := range []struct {
		name  string
		raw   []byte
		trust func(*verify.Trust)
		want  error
	}{
		{"payload changed", bytes.Replace(good, []byte(`"number":7`), []byte(`"number":8`), 1), keep, verify.ErrStatusSignature},
		{"payload of another bundle", join(laterLine, signature), keep, verify.ErrStatusSignature},
		{"a space more", append([]byte(" "), good...), keep, verify.ErrStatusSignature},
		{"signature broken", bytes.Replace(good, []byte(`"sig":"ME`), []byte(`"sig":"MF`), 1), keep, verify.ErrStatusSignature},
		{"another CA's", other.SignStatus(t, other.Status(t)), keep, verify.ErrStatusSigner},
		{"another CA's under our key's name", other.SignStatus(t, other.Status(t)), func(tr *verify.Trust) {
			tr.StatusKeys = []verify.StatusKey{{Key: other.SummaryKey.Public()}}
		}, verify.ErrStatusSigner},
		{"key not listed", good, func(t *verify.Trust) { t.StatusKeys[0].Key = other.StatusKey.Public() }, verify.ErrStatusSigner},
		{"no keys listed", good, func(t *verify.Trust) { t.StatusKeys = nil }, verify.ErrStatusSigner},
		{"key of the summaries", signedBySummaryKey(t, p), keep, verify.ErrStatusSigner},
		{"key not yet, when issued", good, period(p.Signed.Add(time.Second), time.Time{}), verify.ErrStatusPeriod},
		{"key over, when issued", good, period(time.Time{}, p.Signed.Add(-time.Second)), verify.ErrStatusPeriod},
		{"key over, when judged", good, period(time.Time{}, p.Now.Add(-time.Second)), verify.ErrStatusPeriod},
		{"two payloads", join(line, line, signature), keep, verify.ErrStatusForm},
		{"two bundles", append(append([]byte{}, good...), good...), keep, verify.ErrStatusForm},
		{"empty", nil, keep, verify.ErrStatusForm},
		{"no signature", append(append([]byte{}, line...), '\n'), keep, verify.ErrStatusForm},
		{"empty signature", join(line, []byte(`{"keyid":"x","sig":""}`), nil), keep, verify.ErrStatusForm},
		{"field twice in the signature", bytes.Replace(good, []byte(`{"keyid":`), []byte(`{"keyid":"x","keyid":`), 1), keep, verify.ErrStatusForm},
		{"too large", append(bytes.Repeat([]byte(" "), 64<<20), good...), keep, verify.ErrStatusForm},
	} {
		trust := p.Trust()
		c.trust(&trust)
		if got, err := verify.OpenStatus(c.raw, trust, p.Now); !errors.Is(err, c.want) || got.Number != 0 {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func signedBySummaryKey(t *testing.T, p *pki.PKI) []byte {
	raw, err := p.Status(t).Sign(context.Background(), p.SummaryKey)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestStatusTruncated: no part of a bundle is one.
func TestStatusTruncated(t *testing.T) {
	p := pki.New(t)
	good := p.SignStatus(t, p.Status(t))
	for n := range len(good) {
		if _, err := verify.OpenStatus(good[:n], p.Trust(), p.Now); err == nil {
			t.Fatalf("%d of %d bytes: opened", n, len(good))
		}
	}
}

// TestStatusForm: what a key has signed is still read strictly.
func TestStatusForm(t *testing.T) {
	p := pki.New(t)
	s := fullStatus(t, p)
	good := string(p.SignStatus(t, s))
	first := base64.StdEncoding.EncodeToString(s.CRLs[0])
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in the bundle", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	one := strings.Repeat("0", 62)
	for name, text := range map[string]string{
		"version 1":             swap(`"version":2`, `"version":1`),
		"later version":         swap(`"version":2`, `"version":3`),
		"unknown field":         swap(`"version":2`, `"version":2,"tuf":1`),
		"other case":            swap(`"crls"`, `"CRLs"`),
		"no CRLs":               swap(`"crls":[`, `"checkpoint":"","crls":[`),
		"no number":             swap(`"number":7,`, ``),
		"number 0":              swap(`"number":7`, `"number":0`),
		"number below 0":        swap(`"number":7`, `"number":-7`),
		"number as text":        swap(`"number":7`, `"number":"7"`),
		"no time":               swap(`"issued_at":"2026-03-01T11:00:00Z",`, ``),
		"no next":               swap(`"next_update":"2026-03-08T12:00:00Z",`, ``),
		"next before issue":     swap(`"next_update":"2026-03-08`, `"next_update":"2026-02-08`),
		"CRL twice":             swap(`"crls":[`, `"crls":["`+first+`",`),
		"CRL is none":           swap(first, "AAAA"),
		"CRL and more":          swap(first, base64.StdEncoding.EncodeToString(append(bytes.Clone(s.CRLs[0]), 0))),
		"assessments null":      swap(`"assessments":[`, `"assessments":null,"x":[`),
		"assessment twice":      swap(`"02`+one+`"`, `"01`+one+`"`),
		"not sorted":            swap(`"01`+one+`"`, `"03`+one+`"`),
		"digest too short":      swap(`"01`+one+`"`, `"01"`),
		"digest in capitals":    swap(`"01`+one+`"`, `"0A`+one+`"`),
		"without word":          swap(`"to":"withdrawn"`, `"to":""`),
		"without effect":        swap(`"effective":"2026-03-01T11:00:00Z"},`, `"level":0},`),
		"level below 0":         swap(`"level":2`, `"level":-1`),
		"field of a transition": swap(`"level":2`, `"level":2,"why":""`),
		"checkpoint no text":    swap(`"checkpoint":"log`, `"checkpoint":1,"x":"log`),
		"checkpoint too large":  swap(`"checkpoint":"log`, `"checkpoint":"`+strings.Repeat("x", 17<<10)),
	} {
		if _, err := verify.ParseUnverifiedStatus([]byte(text)); !errors.Is(err, verify.ErrStatusForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (verify.Status{}).Sign(context.Background(), p.StatusKey); err == nil {
		t.Error("an empty bundle: signed")
	}
}

func TestStatusFollows(t *testing.T) {
	for _, c := range []struct {
		number, held uint64
		good         bool
	}{{7, 0, true}, {7, 6, true}, {7, 7, true}, {7, 8, false}} {
		err := verify.Status{Number: c.number}.Follows(verify.Status{Number: c.held})
		if (err == nil) != c.good || !c.good && !errors.Is(err, verify.ErrStatusOlder) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestStatusOver: past its end a bundle proves nothing any more, though the lists in it
// have longer to go; a newer list in the staple does, and what the bundle lists counts.
func TestStatusOver(t *testing.T) {
	p := pki.New(t)
	digest := [32]byte{1}
	over := func(s *verify.Status) { s.NextUpdate = p.Now.Add(-time.Second) }
	for name, c := range map[string]struct {
		status func(*verify.Status)
		lax    bool
		staple [][]byte
		want   verify.Code // "" for valid
	}{
		"in time":             {status: func(*verify.Status) {}},
		"over":                {status: over, want: verify.RevocationStale},
		"no end":              {status: func(s *verify.Status) { s.NextUpdate = time.Time{} }, want: verify.RevocationStale},
		"over, if available":  {status: over, lax: true},
		"over, newer stapled": {status: over, staple: [][]byte{p.CRL(t, p.High, 8)}},
		"over, older stapled": {status: over, staple: [][]byte{p.CRL(t, p.High, 6)}, want: verify.RevocationStale},
		"over, and revoked": {status: func(s *verify.Status) {
			over(s)
			s.CRLs[0] = p.CRL(t, p.High, 7, pki.Revocation{At: date(2026), Reason: 9}.Revoke(t, p.Leaf.Cert))
		}, want: verify.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(t, p)
			c.status(&conf.Status)
			if c.lax {
				conf.Policy.Revocation = verify.IfAvailable
			}
			v, err := verify.New(conf)
			if err != nil {
				t.Fatal(err)
			}
			got := v.Signature(context.Background(), "x", digest, p.Sign(t, digest, func(m *pki.CMS) { m.Staple.CRLs = c.staple }))
			var first verify.Code
			if len(got.Reasons) > 0 {
				first = got.Reasons[0].Code
			}
			if first != c.want {
				t.Errorf("%s %v", got.Outcome, got.Reasons)
			}
		})
	}
}

// TestTrustStatusKeys: the list in the trust bundle is read strictly.
func TestTrustStatusKeys(t *testing.T) {
	p := pki.New(t)
	trust := p.Trust()
	trust.StatusKeys[0].NotBefore, trust.StatusKeys[0].NotAfter = date(2026), date(2027)
	raw, err := trust.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p.StatusKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(der)
	object := fmt.Sprintf(`{"key": %q}`, key)
	for name, edit := range map[string]func(string) string{
		"null":          func(s string) string { return strings.Replace(s, `"status_keys": [`, `"status_keys": null, "x": [`, 1) },
		"key twice":     func(s string) string { return strings.Replace(s, `"status_keys": [`, `"status_keys": [`+object+`,`, 1) },
		"no key":        func(s string) string { return strings.Replace(s, `"status_keys": [`, `"status_keys": [{},`, 1) },
		"unknown field": func(s string) string { return strings.Replace(s, `"not_before"`, `"not_yet"`, 1) },
		"bad time": func(s string) string {
			return strings.Replace(s, `"not_before": "2026-01-01T00`, `"not_before": "2026-01-01 00`, 1)
		},
		"ends first":  func(s string) string { return strings.Replace(s, `"not_after": "2027`, `"not_after": "2025`, 1) },
		"not base64":  func(s string) string { return strings.Replace(s, key, "!", 1) },
		"no such key": func(s string) string { return strings.Replace(s, key, "AAAA", 1) },
	} {
		changed := edit(string(raw))
		if changed == string(raw) {
			t.Fatal(name, "changed nothing")
		}
		if _, err := verify.ParseTrust([]byte(changed)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var items []string
	for range 65 {
		items = append(items, object)
	}
	if _, err := verify.ParseTrust([]byte(strings.Replace(string(raw), `"status_keys": [`, `"status_keys": [`+strings.Join(items, ",")+`,`, 1))); err == nil {
		t.Error("too many: accepted")
	}
}

func date(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
