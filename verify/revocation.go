package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// standing is what revocation data says about one certificate.
type standing struct {
	listed  bool
	entry   entry
	missing error     // RevocationUnknown, RevocationStale or ClockBehind: why it is not enough
	of      time.Time // of the newest data about it; zero: there is none
}

// standingOf asks the CRLs at hand about a certificate, RFC 5280 §6.3.3. sharded says
// that its issuer publishes by shards: a code signer's does, a root does not.
//
// Of those that the issuing key signed and that cover the certificate, the one with
// the highest number counts, wherever it came from: an older one that is served
// again changes nothing. If it is too old by its own nextUpdate or the policy's
// max_status_age, what it lists still counts, but that it does not list something
// proves nothing. Nor does it where another one is from the future: that clock is behind
// by which this one would be the newest.
func (v *inquiry) standingOf(c, issuer *x509.Certificate, sharded bool, extra []*crl) standing {
	var newest *parsedCRL
	var deltas []*parsedCRL
	var rejected, future error
	others := 0
	fromBundle := false
	for i, list := range [][]*crl{v.crls, extra} {
		for _, candidate := range list {
			if !candidate.isFrom(issuer) {
				continue
			}
			if candidate.isOfOtherShard(c) {
				others++
				continue
			}
			p, err := candidate.usable(c, issuer, sharded, v.clock)
			if codeOf(err) == ClockBehind {
				future = err
			}
			if err != nil {
				rejected = err
				continue
			}
			if p.delta {
				deltas, rejected = append(deltas, p), errors.New("a delta CRL without its base")
				continue
			}
			if newest == nil || newer(p, newest) {
				newest, fromBundle = p, i == 0
			}
		}
	}
	if newest == nil && rejected == nil && others > 0 {
		rejected = fmt.Errorf("%d of other distribution points", others)
	}
	if newest == nil {
		return standing{missing: unknown(c, rejected)}.after(deltas, nil, c)
	}
	s := standing{missing: v.stale(newest), of: newest.ThisUpdate}
	if fromBundle && s.missing == nil {
		s.missing = v.status.over(v.clock)
	}
	if s.missing == nil {
		s.missing = future
	}
	e, listed, err := newest.lookup(c.SerialNumber)
	if err != nil {
		return standing{missing: because(RevocationUnknown, "CRL of %q: %v", issuer.Subject, err)}
	}
	s.entry, s.listed = e, listed
	return s.after(deltas, newest, c)
}

// after adds what delta CRLs newer than a complete one say, RFC 5280 §5.2.4. They are not
// in the profile: one never proves that a certificate stands, nor ends a hold. But what
// the issuer says is revoked is revoked.
func (s standing) after(deltas []*parsedCRL, complete *parsedCRL, c *x509.Certificate) standing {
	for _, d := range deltas {
		if complete != nil && !newer(d, complete) {
			continue
		}
		e, listed, err := d.lookup(c.SerialNumber)
		switch {
		case err != nil:
			return standing{missing: because(RevocationUnknown, "delta CRL of %q: %v", c.Issuer, err)}
		case listed && e.reason != removeFromCRL && !s.listed:
			s.entry, s.listed = e, true
		}
	}
	return s
}

// usable returns the CRL if it is authentic, covers the certificate and has begun.
func (c *crl) usable(cert, issuer *x509.Certificate, sharded bool, now time.Time) (*parsedCRL, error) {
	p, err := c.parse()
	switch {
	case err != nil:
		return nil, err
	case !p.scope.covers(cert, sharded):
		return nil, errors.New("it does not cover this certificate")
	case !c.signedBy(p, issuer):
		return nil, errors.New("its signature is not the issuer's")
	case p.ThisUpdate.After(now.Add(clockSkew)):
		return nil, because(ClockBehind, "revocation data is of %s, this machine's clock says %s",
			p.ThisUpdate.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return p, nil
}

func newer(a, b *parsedCRL) bool {
	if n := a.Number.Cmp(b.Number); n != 0 {
		return n > 0
	}
	return a.ThisUpdate.After(b.ThisUpdate)
}

func unknown(c *x509.Certificate, rejected error) error {
	var r Reason
	switch {
	case rejected == nil:
		return because(RevocationUnknown, "no CRL of %q", c.Issuer)
	case errors.As(rejected, &r):
		return r
	default:
		return because(RevocationUnknown, "no usable CRL of %q: %v", c.Issuer, rejected)
	}
}

func (v *inquiry) stale(p *parsedCRL) error {
	age := v.clock.Sub(p.ThisUpdate)
	switch {
	case p.NextUpdate.IsZero():
		return because(RevocationStale, "the CRL does not say until when it holds")
	case v.clock.After(p.NextUpdate):
		return because(RevocationStale, "the newest CRL ended on %s", p.NextUpdate.UTC().Format(time.RFC3339))
	case v.policy.MaxStatusAge > 0 && age > v.policy.MaxStatusAge:
		return because(RevocationStale, "the newest CRL is %s old, the policy allows %s", age.Round(time.Minute), v.policy.MaxStatusAge)
	}
	return nil
}

// over says that the next bundle should have been here by now. A list in it may hold for
// longer; that it is the newest one, nobody vouches for any more.
func (s Status) over(now time.Time) error {
	if now.After(s.NextUpdate) {
		return because(RevocationStale, "the status bundle ended on %s", s.NextUpdate.UTC().Format(time.RFC3339))
	}
	return nil
}

// kills reports whether a revocation refuses here. One that took effect only after the
// moment that is asked for does not, unless no time helps.
func (v *inquiry) kills(e entry, s stamp) bool { return v.counts(e) && e.kills(s) }

func (v *inquiry) counts(e entry) bool {
	return !v.isPast() || e.always() || !e.effective().After(v.asOf)
}

// kills reports whether a revocation takes a signature with it. Only a trusted
// timestamp from before the effective date proves that the signature is older.
func (e entry) kills(s stamp) bool {
	return s.at.IsZero() || e.always() || !s.at.Before(e.effective())
}

// killsToken is the same for the authority of a timestamp, RFC 3161 §4 (1) and (2):
// older tokens outlive it only when the reason says that the key was never in doubt.
func (e entry) killsToken(at time.Time) bool {
	harmless := e.hasReason && (e.reason == 0 || e.reason == affiliationChanged || e.reason == superseded || e.reason == cessationOfOperation)
	return !harmless || !at.Before(e.effective())
}

// checkRevocation judges every certificate of both paths below its anchor. Data
// about the signer is demanded as the policy says. Data about CA certificates and
// the timestamp authority is used whenever it is there and never demanded: roots
// are kept offline and publish rarely. It returns of when the newest data about the
// signer is; zero: there is none, or it was not asked for.
func (v *inquiry) checkRevocation(verdict *Verdict, chain []*x509.Certificate, s stamp, extra []*crl) (of time.Time) {
	if v.policy.Revocation == Off {
		verdict.note(NoteRevocationUnchecked, "the policy says off")
		return time.Time{}
	}
	for i := range len(chain) - 1 {
		st := v.standingOf(chain[i], chain[i+1], i == 0, extra)
		v.checkStanding(verdict, i, st, s)
		if i == 0 {
			of = st.of
		}
	}
	for i := 0; i+1 < len(s.chain); i++ {
		st := v.standingOf(s.chain[i], s.chain[i+1], false, extra)
		if st.listed && v.counts(st.entry) && st.entry.killsToken(s.at) {
			verdict.refuse(because(TimestampRevoked, "%q: %s", s.chain[i].Subject, st.entry))
		}
	}
	return of
}

func (v *inquiry) checkStanding(verdict *Verdict, i int, st standing, s stamp) {
	isLeaf := i == 0
	switch {
	case st.listed && v.kills(st.entry, s) && isLeaf:
		verdict.refuse(because(Revoked, "%s%s", st.entry, signedWhen(s)))
	case st.listed && v.kills(st.entry, s):
		verdict.refuse(because(IssuerRevoked, "CA %d above the signer: %s%s", i, st.entry, signedWhen(s)))
	case st.missing != nil && isLeaf && v.policy.Revocation == Required:
		verdict.refuse(st.missing)
	case st.missing != nil && isLeaf:
		verdict.note(NoteRevocationUnchecked, "%v", st.missing)
	case st.listed:
		verdict.note(NoteRevokedLater, "%s%s", st.entry, signedWhen(s))
	}
	if isLeaf && st.missing == nil {
		v.warnOfAge(verdict, st.of)
	}
}

// warnOfAge says in time that what is known is getting old.
func (v *inquiry) warnOfAge(verdict *Verdict, of time.Time) {
	age := v.clock.Sub(of)
	if v.policy.WarnStatusAge > 0 && age > v.policy.WarnStatusAge {
		verdict.note(NoteStatusAging, "the newest revocation data is %s old, the policy warns from %s on", age.Round(time.Minute), v.policy.WarnStatusAge)
	}
}

func signedWhen(s stamp) string {
	if s.at.IsZero() {
		return "; the signature has no timestamp"
	}
	return fmt.Sprintf("; signed %s", s.at.Format(time.RFC3339))
}
