package verify

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// inquiry is the judgement of one file: under the policy that applies to it, and at
// one moment.
type inquiry struct {
	*Verifier
	policy Policy    // with the rule applied that fits what is known by now
	clock  time.Time // how old is what we know
	asOf   time.Time // for which moment is the state asked: the clock, unless Config.AsOf is set
}

func (v *Verifier) inquire() *inquiry {
	q := &inquiry{Verifier: v, policy: v.policy, clock: v.now(), asOf: v.asOf}
	if v.asOf.IsZero() {
		q.asOf = q.clock
	}
	return q
}

// isPast reports that the state of another moment than the present is asked for.
func (v *inquiry) isPast() bool { return !v.Verifier.asOf.IsZero() }

// choose applies the rule that fits what is known: of the package from its bytes, of the
// vendor once the chain holds.
func (v *inquiry) choose(verdict *Verdict) {
	var rule int
	v.policy, rule = v.Verifier.policy.For(verdict.Package.Name, verdict.Vendor)
	verdict.Warn, verdict.Rule = v.policy.Mode == Warn, rule+1
}

// judge goes from the signature outwards. Steps that later ones rest on end the
// judgement; those that stand beside each other are all reported.
func (v *inquiry) judge(ctx context.Context, verdict *Verdict, about subject) {
	s, err := v.openSignature(about.signature, about.want)
	if err != nil {
		verdict.refuse(err)
		return
	}
	v.judgeSigned(ctx, verdict, about, s)
}

// judgeSigned goes on where the signature's value holds and its form no longer matters.
func (v *inquiry) judgeSigned(ctx context.Context, verdict *Verdict, about subject, s signed) {
	st, err := v.readStaple(s.data.signer)
	if err != nil {
		verdict.refuse(err)
		return
	}
	confirmBy, err := v.readConfirmBy(s.data.signer)
	if err != nil {
		verdict.refuse(err)
		return
	}
	stamped, err := v.trustedTime(s.data.signer, about.want.Timestamp)
	if err != nil {
		verdict.refuse(err)
		return
	}
	at := v.asOf
	if !stamped.at.IsZero() {
		at = stamped.at
	}
	chain, err := v.chain(s.leaf, s.others, at)
	if err != nil {
		verdict.refuse(err)
		return
	}
	verdict.Vendor, verdict.Serial, verdict.SignedAt = s.leaf.URIs[0].String(), s.leaf.SerialNumber.Text(16), stamped.at
	verdict.ConfirmBy = confirmBy
	v.choose(verdict)
	if err := v.checkStamped(verdict, stamped); err != nil {
		verdict.refuse(err)
		return
	}
	statusOf := v.checkRevocation(verdict, chain, stamped, st.crls)
	mark, err := v.checkMark(chain, at)
	if err != nil {
		verdict.refuse(err)
		return
	}
	verdict.refuse(v.checkUnsigned(s.data.signer, about.want.Timestamp))
	verdict.Claims, verdict.Repositories = mark.Assurance.Claims, mark.Repository.URLs
	v.checkAssessments(verdict, mark.Assurance.Claims, at)
	verdict.refuse(v.policy.satisfied(mark.Assurance.Claims))
	v.checkEvidence(ctx, verdict, st, mark, about, statusOf)
	if err := ctx.Err(); err != nil {
		verdict.refuse(because(Canceled, "%v", err))
	}
}

// trustedTime opens the timestamp. A token that is there and bad refuses even where
// the policy could do without one.
func (v *inquiry) trustedTime(s signerInfo, where asn1.ObjectIdentifier) (stamp, error) {
	token, err := value(s.unsigned, where)
	switch {
	case err != nil:
		return stamp{}, err
	case token != nil:
		return v.openStamp(token, s.signature)
	case !v.Verifier.policy.mayLackTimestamp():
		return stamp{}, because(TimestampMissing, "the signature has no timestamp")
	}
	return stamp{}, nil
}

// checkStamped is about signatures without a timestamp, once it is known which rule applies.
func (v *inquiry) checkStamped(verdict *Verdict, s stamp) error {
	switch {
	case !s.at.IsZero():
		return nil
	case v.policy.Timestamp == Required:
		return because(TimestampMissing, "the signature has no timestamp")
	}
	if v.isPast() {
		verdict.note(NoteNoTimestamp, "judged as if signed by %s", v.asOf.UTC().Format(time.RFC3339))
	} else {
		verdict.note(NoteNoTimestamp, "judged at the present time")
	}
	return nil
}

// openStamp opens a token that is there. A signature younger than the moment that is
// asked for was not there then.
func (v *inquiry) openStamp(token, signature []byte) (stamp, error) {
	s, err := v.openTimestamp(token, signature, v.clock)
	if err == nil && v.isPast() && s.at.After(v.asOf) {
		return stamp{}, because(NotYetSigned, "signed %s, asked for %s", s.at.Format(time.RFC3339), v.asOf.UTC().Format(time.RFC3339))
	}
	return s, err
}

// checkMark reads the mark and holds it against the tier and the time.
func (v *Verifier) checkMark(chain []*x509.Certificate, at time.Time) (ext.Mark, error) {
	k, err := v.mark(chain[0])
	if err != nil {
		return ext.Mark{}, err
	}
	if err := checkCeiling(chain, k.policies); err != nil {
		return ext.Mark{}, err
	}
	if err := checkPeriods(k.mark.Assurance.Claims, at); err != nil {
		return ext.Mark{}, err
	}
	return k.mark, nil
}
