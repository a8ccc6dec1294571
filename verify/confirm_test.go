package verify_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// Deadlines of provisional signatures; the signature is of 11:00, the clock stands at 12:00.
var (
	open    = time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
	overdue = time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC)
)

// provisionally makes a provisional signature with a provisional summary, edited.
func provisionally(by time.Time, edits ...func(*testing.T, *pki.PKI, [32]byte, *pki.CMS)) func(*testing.T, *pki.PKI, [32]byte) []byte {
	return func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
		t.Helper()
		return p.Sign(t, d, func(c *pki.CMS) {
			value, err := ext.MarshalConfirmBy(by)
			if err != nil {
				t.Fatal(err)
			}
			c.Replace(p.Arc.ConfirmBy(), value)
			c.Staple.VSA = provisionalSummary(t, p, d, by)
			for _, edit := range edits {
				edit(t, p, d, c)
			}
		})
	}
}

func provisionalSummary(t *testing.T, p *pki.PKI, d [32]byte, by time.Time) []byte {
	t.Helper()
	return p.SummaryWith(t, p.SummaryKey, d, func(v *attest.VSA) { v.VerifiedLevels, v.ConfirmBy = nil, by })
}

// summary staples another summary; nil: none.
func summary(make func(*testing.T, *pki.PKI, [32]byte) []byte) func(*testing.T, *pki.PKI, [32]byte, *pki.CMS) {
	return func(t *testing.T, p *pki.PKI, d [32]byte, c *pki.CMS) {
		c.Staple.VSA = nil
		if make != nil {
			c.Staple.VSA = make(t, p, d)
		}
	}
}

func full(t *testing.T, p *pki.PKI, d [32]byte) []byte { return p.Summary(t, d, attest.Passed) }

func failed(t *testing.T, p *pki.PKI, d [32]byte) []byte { return p.Summary(t, d, attest.Failed) }

// policy demands of attestations and confirmation what is given.
func policy(a verify.Attestations, confirmed verify.Confirmation) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
		c.Policy.Attestations, c.Policy.Confirmed = a, confirmed
	}
}

// asOf has revocation data of that time, with or without the signer.
func asOf(at time.Time) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(t *testing.T, p *pki.PKI, c *verify.Config) {
		c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 8, func(l *x509.RevocationList) { l.ThisUpdate = at }))
	}
}

func all(changes ...func(*testing.T, *pki.PKI, *verify.Config)) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(t *testing.T, p *pki.PKI, c *verify.Config) {
		for _, change := range changes {
			change(t, p, c)
		}
	}
}

func confirmNegatives() []negative {
	tolerant := policy(verify.NoAttestations, verify.ConfirmedOrNot)
	return []negative{
		{name: "who demands a summary demands a confirmed one", want: verify.NotConfirmed, sign: provisionally(open)},
		{name: "demanded without attestations", want: verify.NotConfirmed, sign: provisionally(open),
			config: policy(verify.NoAttestations, verify.ConfirmedOnly)},
		{name: "not in the repository either", want: verify.NotConfirmed, sign: provisionally(open),
			config: fetch(func(string) ([]byte, error) { return nil, verify.ErrNotFound })},
		{name: "provisional in the repository too", want: verify.NotConfirmed, sign: provisionally(open),
			config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
				fetch(func(url string) ([]byte, error) { return provisionalSummary(t, p, digestIn(url), open), nil })(t, p, c)
			}},
		{name: "provisional summary beside a final signature", want: verify.NotConfirmed,
			sign:   stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) { s.VSA = provisionalSummary(t, p, d, open) }),
			config: policy(verify.Stapled, verify.ConfirmedOrNot)},
		{name: "summary taken out, one demanded", want: verify.SummaryMissing, sign: provisionally(open, summary(nil)),
			config: policy(verify.Stapled, verify.ConfirmedOrNot)},
		{name: "summary taken out, confirmation demanded", want: verify.SummaryMissing, sign: provisionally(open, summary(nil)),
			config: policy(verify.NoAttestations, verify.ConfirmedOnly)},
		{name: "no summary at all, confirmation demanded", want: verify.SummaryMissing,
			sign:   stapled(func(_ *testing.T, _ *pki.PKI, _ [32]byte, s *ext.Staple) { s.VSA = nil }),
			config: policy(verify.NoAttestations, verify.ConfirmedOnly)},
		{name: "confirmed by somebody else", want: verify.SummaryInvalid, sign: provisionally(open, summary(func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.SummaryBy(t, pki.Key(t), d, attest.Passed)
		}))},
		{name: "confirmed for less than the certificate says", want: verify.SummaryInvalid, sign: provisionally(open, summary(func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.SummaryWith(t, p.SummaryKey, d, func(v *attest.VSA) { v.VerifiedLevels = nil })
		}))},
		{name: "failed", want: verify.SummaryFailed, sign: provisionally(open, summary(failed)), config: tolerant},
		{name: "found out since", want: verify.SummaryFailed, sign: provisionally(open),
			config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
				fetch(func(url string) ([]byte, error) {
					later := p.SummaryWith(t, p.SummaryKey, digestIn(url), func(v *attest.VSA) {
						v.Result, v.VerifiedLevels, v.TimeVerified = attest.Failed, nil, p.Signed.Add(time.Minute)
					})
					return bytes.Join([][]byte{later, full(t, p, digestIn(url)), nil}, []byte("\n")), nil
				})(t, p, c)
			}},
		{name: "repository down", want: verify.EvidenceUnavailable, sign: provisionally(open),
			config: fetch(func(string) ([]byte, error) { return nil, errors.New("connection refused") })},

		{name: "status from before the deadline", want: verify.ConfirmationOverdue, sign: provisionally(overdue), config: tolerant},
		{name: "summary demanded", want: verify.ConfirmationOverdue, sign: provisionally(overdue), config: policy(verify.Stapled, verify.ConfirmedOrNot)},
		{name: "status from the moment of the deadline", want: verify.ConfirmationOverdue, sign: provisionally(overdue), config: all(tolerant, asOf(overdue.Add(time.Minute)))},
		{name: "no status", want: verify.ConfirmationOverdue, sign: provisionally(overdue), config: all(tolerant, lax(func(c *verify.Config) { c.Status = verify.Status{} }))},
		{name: "status not asked for", want: verify.ConfirmationOverdue, sign: provisionally(overdue), config: all(tolerant, asOf(overdue.Add(time.Hour/3)), lax(func(c *verify.Config) { c.Policy.Revocation = verify.Off }))},
		{name: "built-in policy", want: verify.ConfirmationOverdue, sign: provisionally(overdue), config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Policy = verify.DefaultPolicy() }},
		{name: "provisional, revoked", want: verify.Revoked, sign: provisionally(open), config: all(tolerant, revoke(pki.Revocation{At: at, Invalidity: at, Reason: 9}))},
		{name: "confirmed, revoked since", want: verify.Revoked, sign: provisionally(open, summary(full)), config: revoke(pki.Revocation{At: at, Invalidity: at, Reason: 9})},

		{name: "confirm-by is none", want: verify.AttributeMalformed, sign: provisionally(open, func(_ *testing.T, p *pki.PKI, _ [32]byte, c *pki.CMS) {
			c.Replace(p.Arc.ConfirmBy(), []byte{2, 1, 0})
		})},
		{name: "confirm-by among the unsigned attributes", want: verify.AttributeMalformed, sign: provisionally(open, func(_ *testing.T, p *pki.PKI, _ [32]byte, c *pki.CMS) {
			for i, a := range c.Signed {
				if a.OID.Equal(p.Arc.ConfirmBy()) {
					c.Unsigned, c.Signed = append(c.Unsigned, a), append(c.Signed[:i:i], c.Signed[i+1:]...)
					return
				}
			}
		})},
		{name: "confirm-by twice", want: verify.AttributeDuplicate, sign: provisionally(open, func(t *testing.T, p *pki.PKI, _ [32]byte, c *pki.CMS) {
			value, err := ext.MarshalConfirmBy(open.AddDate(1, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			c.Signed = append(c.Signed, pki.Attribute{OID: p.Arc.ConfirmBy(), Values: [][]byte{value}})
		})},
		{name: "confirm-by taken out", want: verify.SignatureInvalid, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			signed := provisionally(open)(t, p, d)
			name, err := ext.MarshalConfirmBy(open)
			if err != nil {
				t.Fatal(err)
			}
			later, err := ext.MarshalConfirmBy(open.AddDate(1, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			return bytes.Replace(signed, name, later, 1) // put off by a year
		}},
	}
}

// digestIn is what an evidence URL ends in.
func digestIn(url string) (d [32]byte) {
	text := strings.TrimSuffix(url[strings.LastIndex(url, "/")+1:], ".jsonl")
	for i := range d {
		for _, c := range text[2*i : 2*i+2] {
			d[i] = d[i]<<4 | byte(strings.IndexRune("0123456789abcdef", c))
		}
	}
	return d
}

// TestProvisional is what passes, and what it says of itself.
func TestProvisional(t *testing.T) {
	fetched := func(make func(*testing.T, *pki.PKI, [32]byte) []byte) func(*testing.T, *pki.PKI, *verify.Config) {
		return func(t *testing.T, p *pki.PKI, c *verify.Config) {
			fetch(func(url string) ([]byte, error) { return append(make(t, p, digestIn(url)), '\n'), nil })(t, p, c)
		}
	}
	for name, c := range map[string]struct {
		sign      func(*testing.T, *pki.PKI, [32]byte) []byte
		config    func(*testing.T, *pki.PKI, *verify.Config)
		confirmed bool
	}{
		"for now, no summary looked for":  {provisionally(open), policy(verify.NoAttestations, ""), false},
		"for now, built-in policy":        {provisionally(open), func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Policy = verify.DefaultPolicy() }, false},
		"for now, summary demanded":       {provisionally(open), policy(verify.Stapled, verify.ConfirmedOrNot), false},
		"for now, summary taken out":      {provisionally(open, summary(nil)), policy(verify.NoAttestations, ""), false},
		"overdue, newer status":           {provisionally(overdue), all(policy(verify.NoAttestations, ""), asOf(overdue.Add(6*time.Minute))), false},
		"confirmed":                       {provisionally(open, summary(full)), nil, true},
		"confirmed, long ago":             {provisionally(overdue, summary(full)), nil, true},
		"confirmed, no summary demanded":  {provisionally(overdue, summary(full)), policy(verify.NoAttestations, ""), true},
		"confirmed in the repository":     {provisionally(overdue), fetched(full), true},
		"failed, confirmed since":         {provisionally(overdue), confirmedSince, true},
		"final, confirmation demanded":    {nil, policy(verify.NoAttestations, verify.ConfirmedOnly), true},
		"final, no summary is looked for": {nil, policy(verify.NoAttestations, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := pki.New(t)
			conf := config(t, p)
			if c.config != nil {
				c.config(t, p, &conf)
			}
			sign := func(d [32]byte) []byte { return p.Sign(t, d) }
			if c.sign != nil {
				sign = func(d [32]byte) []byte { return c.sign(t, p, d) }
			}
			got := newVerifier(t, conf).File(context.Background(), pki.Write(t, t.TempDir(), "a", []byte("x"), sign))
			if got.Outcome != verify.Valid || got.Confirmed != c.confirmed || got.ConfirmBy.IsZero() != (c.sign == nil) {
				t.Errorf("%v, confirmed %v, by %v", got.Reasons, got.Confirmed, got.ConfirmBy)
			}
			says := strings.Contains(strings.Join(texts(got.Notes), "\n"), string(verify.NoteProvisional))
			if says != (c.sign != nil && !c.confirmed) {
				t.Errorf("notes %v", got.Notes)
			}
			raw, err := json.Marshal(got)
			if err != nil || bytes.Contains(raw, []byte(`"confirm_by"`)) != (c.sign != nil) || bytes.Contains(raw, []byte(`"confirmed":true`)) != c.confirmed {
				t.Errorf("%s %v", raw, err)
			}
		})
	}
}

func confirmedSince(t *testing.T, p *pki.PKI, c *verify.Config) {
	fetch(func(url string) ([]byte, error) {
		d := digestIn(url)
		later := p.SummaryWith(t, p.SummaryKey, d, func(v *attest.VSA) { v.TimeVerified = p.Signed.Add(time.Minute) })
		return bytes.Join([][]byte{later, failed(t, p, d), nil}, []byte("\n")), nil
	})(t, p, c)
}

func texts(reasons []verify.Reason) []string {
	var out []string
	for _, r := range reasons {
		out = append(out, r.String())
	}
	return out
}

func TestPolicyConfirmed(t *testing.T) {
	for text, want := range map[string]verify.Confirmation{"": "", "confirmed: any\n": verify.ConfirmedOrNot, "confirmed: required\n": verify.ConfirmedOnly} {
		got, err := verify.ParsePolicy([]byte("version: 1\n" + text))
		if err != nil || got.Confirmed != want {
			t.Errorf("%q: %q, %v", text, got.Confirmed, err)
		}
	}
	for _, text := range []string{"confirmed: yes", "confirmed: off", "confirmed:", "confirmed: [any]"} {
		if _, err := verify.ParsePolicy([]byte("version: 1\n" + text + "\n")); err == nil {
			t.Errorf("%s: accepted", text)
		}
	}
}
