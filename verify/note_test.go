package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// TestNotes: each of these passes, and says exactly one thing about it. The notes of
// assessments, exceptions and provisional signatures are tested where they are.
func TestNotes(t *testing.T) {
	unstamped := edit(func(c *pki.CMS) { c.Token = nil })
	for _, n := range []negative{
		{want: verify.NoteBuiltInPolicy, config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Policy = verify.DefaultPolicy() }},
		{want: verify.NoteRevocationUnchecked, name: "no list", config: lax(func(c *verify.Config) { c.Status.CRLs = nil })},
		{want: verify.NoteRevocationUnchecked, name: "off", config: off},
		{want: verify.NoteRevocationUnchecked, name: "old list", config: lax(func(c *verify.Config) { c.Policy.MaxStatusAge = time.Minute })},
		{want: verify.NoteStatusAging, config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Policy.WarnStatusAge = time.Minute }},
		{want: verify.NoteNoTimestamp, sign: unstamped, config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
			c.Policy.Timestamp = verify.IfAvailable
		}},
		{want: verify.NoteRevokedLater, config: revoke(pki.Revocation{At: after, Reason: 9})},
	} {
		t.Run(string(n.want)+"/"+n.name, func(t *testing.T) {
			t.Parallel()
			p := pki.New(t)
			c := config(t, p)
			n.config(t, p, &c)
			sign := func(d [32]byte) []byte { return p.Sign(t, d) }
			if n.sign != nil {
				sign = func(d [32]byte) []byte { return n.sign(t, p, d) }
			}
			got := newVerifier(t, c).File(context.Background(), pki.Write(t, t.TempDir(), "a", []byte("x"), sign))
			if got.Outcome != verify.Valid || len(got.Notes) != 1 || got.Notes[0].Code != n.want {
				t.Errorf("%v %v, notes %v", got.Outcome, got.Reasons, got.Notes)
			}
		})
	}
}
