package verify_test

import (
	"context"
	"crypto/x509"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// stateAsOf asks for the state at a moment; the clock stays where it is.
func stateAsOf(moment time.Time, f func(*testing.T, *pki.PKI, *verify.Config)) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(t *testing.T, p *pki.PKI, c *verify.Config) {
		c.AsOf = moment
		if f != nil {
			f(t, p, c)
		}
	}
}

// unstampedAllowed is a policy that does without a timestamp, so that all rests on the moment.
func unstampedAllowed(f func(*testing.T, *pki.PKI, *verify.Config)) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(t *testing.T, p *pki.PKI, c *verify.Config) {
		c.Policy.Timestamp = verify.IfAvailable
		if f != nil {
			f(t, p, c)
		}
	}
}

var between = at.Add(15 * time.Minute) // signed at 11:00, things happen at 11:30

func asOfNegatives() []negative {
	unstamped := edit(func(c *pki.CMS) { c.Token = nil })
	return []negative{
		{name: "the day before", want: verify.NotYetSigned, config: stateAsOf(before, nil)},
		{name: "revoked by then", want: verify.Revoked, sign: unstamped, config: unstampedAllowed(stateAsOf(after, revoke(pki.Revocation{At: after})))},
		{name: "key compromise, nobody knows since when, revoked afterwards", want: verify.Revoked, config: stateAsOf(between, revoke(pki.Revocation{At: after, Reason: 1}))},
		{name: "withdrawn by then", want: verify.AssessmentWithdrawn, config: today(stateAsOf(after, ended(verify.Withdrawn, after, 0)))},
		{name: "status too old today", want: verify.RevocationStale, config: stateAsOf(between, func(t *testing.T, p *pki.PKI, c *verify.Config) {
			onlyCRL(func(l *x509.RevocationList) { l.NextUpdate = p.Now.Add(-time.Minute) })(t, p, c)
		})},
	}
}

// TestAsOf: what became of it later does not count for a moment before, and the data that
// says so may be younger than the moment.
func TestAsOf(t *testing.T) {
	young := func(l *x509.RevocationList) { l.ThisUpdate = after.Add(time.Minute) }
	for name, change := range map[string]func(*testing.T, *pki.PKI, *verify.Config){
		"nothing happened":  stateAsOf(between, nil),
		"revoked later":     stateAsOf(between, revoke(pki.Revocation{At: after, Reason: 9}, young)),
		"withdrawn later":   today(stateAsOf(between, ended(verify.Withdrawn, after, 0))),
		"its own second":    stateAsOf(at, nil),
		"authority revoked": stateAsOf(between, tsaRevoked),
		"exception ran out afterwards": stateAsOf(between, func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Policy.Exceptions = []verify.Exception{{Vendor: pki.Vendor, Reason: "r", Expires: after}}
			require(verify.Requirement{Framework: pki.SLSA, Track: pki.Track, Level: 4})(t, p, c)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pki.New(t)
			c := config(t, p)
			change(t, p, &c)
			path := pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })
			got := newVerifier(t, c).File(context.Background(), path)
			if got.Outcome != verify.Valid || !got.AsOf.Equal(c.AsOf) {
				t.Errorf("as of %s: %v", got.AsOf, got.Reasons)
			}
		})
	}
}

func tsaRevoked(t *testing.T, p *pki.PKI, c *verify.Config) {
	c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.StampCA, 8, pki.Revocation{At: after, Reason: 9}.Revoke(t, p.TSA.Cert)))
}

// TestAsOfIsNotAt: with the clock put back, data that was not there then is refused; and
// without a timestamp a revocation counts whenever it came.
func TestAsOfIsNotAt(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	c.Policy.Timestamp, c.Policy.Attestations = verify.IfAvailable, verify.NoAttestations
	revoke(pki.Revocation{At: after}, func(l *x509.RevocationList) { l.ThisUpdate = after.Add(20 * time.Minute) })(t, p, &c)
	path := pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d, func(c *pki.CMS) { c.Token = nil }) })
	judge := func(c verify.Config) verify.Verdict { return newVerifier(t, c).File(context.Background(), path) }
	if got := judge(c); !got.Has(verify.Revoked) {
		t.Errorf("today: %v", got.Reasons)
	}
	past := c
	past.AsOf = between
	if got := judge(past); got.Outcome != verify.Valid {
		t.Errorf("as of then: %v", got.Reasons)
	}
	back := c
	back.Now, back.Status.CRLs = clock(between), back.Status.CRLs[len(back.Status.CRLs)-1:]
	if got := judge(back); !got.Has(verify.ClockBehind) || got.Outcome != verify.CouldNotTell {
		t.Errorf("at that time: %v", got.Reasons)
	}
}

// TestStatusAge: old data is warned of before it is refused.
func TestStatusAge(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	c.Policy.WarnStatusAge, c.Policy.MaxStatusAge = 2*time.Hour, 4*time.Hour
	path := pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })
	for hours, want := range map[int]string{1: "valid", 2: "valid status-aging", 3: "valid status-aging", 4: "could not tell revocation-stale"} {
		c.Now = clock(p.Now.Add(time.Duration(hours)*time.Hour - 30*time.Minute))
		got := newVerifier(t, c).File(context.Background(), path)
		text := got.Outcome.String()
		for _, r := range append(got.Reasons, got.Notes...) {
			text += " " + string(r.Code)
		}
		if text != want {
			t.Errorf("%d h: %s, want %s", hours, text, want)
		}
	}
}
