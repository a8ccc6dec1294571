package verify

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
)

// Config is what a Verifier is made of.
type Config struct {
	Trust  Trust
	Status Status // the zero Status: no revocation data but what is stapled
	Policy Policy
	// Now is the machine's clock, or a fixed time to judge as if it were then. It must
	// be set: a verifier that does not know the time knows nothing.
	Now func() time.Time
	// Fetcher is needed if the policy's attestations is Fetch, and never used otherwise.
	Fetcher Fetcher
}

// Verifier judges files. It is safe for concurrent use and holds no state that one
// file could leave behind for the next, except which signatures of CAs hold.
type Verifier struct {
	trust      Trust
	status     Status
	policy     Policy
	now        func() time.Time
	fetcher    Fetcher
	roots      *x509.CertPool
	stampRoots *x509.CertPool
	logs       []note.Verifier
	crls       []*crl

	codePaths, stampPaths *paths
}

// New checks the configuration and returns a Verifier.
func New(c Config) (*Verifier, error) {
	if c.Now == nil {
		return nil, errors.New("verifier: no clock")
	}
	if err := c.Trust.check(); err != nil {
		return nil, fmt.Errorf("verifier: trust bundle: %w", err)
	}
	if err := c.Policy.check(); err != nil {
		return nil, fmt.Errorf("verifier: policy: %w", err)
	}
	if c.Policy.Attestations == Fetch && c.Fetcher == nil {
		return nil, errors.New("verifier: the policy says fetch and there is no Fetcher")
	}
	if err := checkTransitions(c.Status.Assessments); err != nil {
		return nil, fmt.Errorf("verifier: status bundle: %w", err)
	}
	v := &Verifier{trust: c.Trust, status: c.Status, policy: c.Policy, now: c.Now, fetcher: c.Fetcher, roots: x509.NewCertPool(), stampRoots: x509.NewCertPool()}
	v.codePaths, v.stampPaths = newPaths(), newPaths()
	for _, r := range c.Trust.Roots {
		v.roots.AddCert(r)
	}
	for _, r := range c.Trust.TimestampRoots {
		v.stampRoots.AddCert(r)
	}
	var err error
	if v.logs, err = c.Trust.logVerifiers(); err != nil {
		return nil, fmt.Errorf("verifier: trust bundle: %w", err)
	}
	for i, raw := range c.Status.CRLs {
		list, err := newCRL(raw)
		if err != nil {
			return nil, fmt.Errorf("verifier: status bundle: crls, item %d: %w", i, err)
		}
		v.crls = append(v.crls, list)
	}
	return v, nil
}

// File judges one file: it opens it once, streams it through SHA-256 and judges the
// signature that it carries or that stands beside it. It never panics and never
// returns an error: whatever goes wrong is a reason to refuse.
func (v *Verifier) File(ctx context.Context, path string) (verdict Verdict) {
	defer func() {
		if r := recover(); r != nil {
			// Nothing of the half-made verdict is kept: it might say Valid.
			verdict = v.start(path)
			verdict.refuse(because(InternalError, "%v", r))
			verdict.conclude()
		}
	}()
	verdict = v.start(path)
	now := v.now()
	if is, _ := (oci.Format{}).Detect(path); is {
		v.layout(ctx, &verdict, path, now)
		v.except(&verdict, now)
		return verdict
	}
	s, err := readFile(ctx, path)
	verdict.name(s)
	if err != nil {
		verdict.refuse(err)
	} else {
		v.judge(ctx, &verdict, s, now)
	}
	v.except(&verdict, now)
	return verdict
}

// Signature judges a CMS signature over content with this SHA-256. It is File for
// content that is not in a file, such as an installed package that once was one; unlike
// File it does not catch panics. An empty signature is none.
func (v *Verifier) Signature(ctx context.Context, name string, digest [32]byte, signature []byte) Verdict {
	verdict, now := v.start(name), v.now()
	s := subject{digests: format.Digests{SHA256: digest, Signed: digest}, algorithm: format.SHA256, signature: signature}
	s.want = format.DetachedCMS(digest)
	verdict.name(s)
	if len(signature) == 0 {
		verdict.refuse(because(Unsigned, "no signature"))
	} else {
		v.judge(ctx, &verdict, s, now)
	}
	v.except(&verdict, now)
	return verdict
}

func (v *Verifier) start(name string) Verdict {
	verdict := Verdict{File: name, Warn: v.policy.Mode == Warn}
	if v.policy.BuiltIn {
		verdict.note(NoteBuiltInPolicy, "no policy file: a good chain, a timestamp and some claim are demanded")
	}
	return verdict
}

// except concludes the verdict, applying the policy's exceptions.
func (v *Verifier) except(verdict *Verdict, now time.Time) {
	verdict.conclude()
	if verdict.Outcome == Valid {
		return
	}
	e, ok := v.policy.forgiven(*verdict, now)
	if !ok {
		return
	}
	verdict.note(NoteException, "%s (until %s); without it: %v", e.Reason, e.Expires.UTC().Format(time.RFC3339), verdict.Reasons)
	verdict.Reasons = nil
	verdict.conclude()
}

// subject is what is judged: a file's digests, and the signature that goes with them.
type subject struct {
	digests   format.Digests
	algorithm string // of digests.Signed; "" as long as nothing was read
	want      format.ToBeSigned
	signature []byte
}

// name says in a verdict which file it is about.
func (v *Verdict) name(s subject) {
	if s.algorithm == "" {
		return
	}
	v.Digest, v.Signature = hex.EncodeToString(s.digests.SHA256[:]), s.signature
	if s.algorithm != format.SHA256 {
		v.Signed = s.algorithm + ":" + hex.EncodeToString(s.digests.Signed[:])
	}
}

// readFile returns the digests of a file and its signature, all from one opening of the
// file. The digests are there even if the signature is not.
func readFile(ctx context.Context, path string) (subject, error) {
	if err := ctx.Err(); err != nil {
		return subject{}, because(Canceled, "%v", err)
	}
	f, err := format.Open(path)
	if err != nil {
		return subject{}, explainFormat(err)
	}
	defer f.Close()
	s := subject{}
	if s.digests, err = f.Digests(); err != nil {
		return subject{}, explainFormat(err)
	}
	s.algorithm = f.Algorithm()
	if s.want, err = f.ToBeSigned(); err != nil {
		return s, explainFormat(err)
	}
	if s.signature, err = f.Signature(); err != nil {
		return s, explainFormat(err)
	}
	return s, nil
}

func explainFormat(err error) error {
	if errors.Is(err, format.ErrUnsigned) {
		return because(Unsigned, "%v", err)
	}
	var e *format.Error
	if !errors.As(err, &e) {
		return because(FileUnreadable, "%v", err)
	}
	switch e.Reason {
	case format.NotRegular, format.Changed:
		return because(FileUnreadable, "%v", err)
	case format.BytesAfterSignature, format.SignatureNotLast:
		return because(DataAfterSignature, "%v", err)
	case format.TwoSignatures:
		return because(TwoSignatures, "%v", err)
	case format.UnsignedEntry, format.NamesUnsigned:
		return because(UnsignedContent, "%v", err)
	case format.ContentMismatch:
		return because(DigestMismatch, "%v", err)
	case format.SignatureTooLarge:
		return because(SignatureTooLarge, "%v", err)
	default:
		return because(ContainerMalformed, "%v", err)
	}
}

// judge goes from the signature outwards. Steps that later ones rest on end the
// judgement; those that stand beside each other are all reported.
func (v *Verifier) judge(ctx context.Context, verdict *Verdict, about subject, now time.Time) {
	s, err := openSignature(about.signature, about.want)
	if err != nil {
		verdict.refuse(err)
		return
	}
	v.judgeSigned(ctx, verdict, about, s, now)
}

// judgeSigned goes on where the signature's value holds and its form no longer matters.
func (v *Verifier) judgeSigned(ctx context.Context, verdict *Verdict, about subject, s signed, now time.Time) {
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
	stamped, err := v.trustedTime(verdict, s.data.signer, about.want.Timestamp, now)
	if err != nil {
		verdict.refuse(err)
		return
	}
	at := now
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
	statusOf := v.checkRevocation(verdict, chain, stamped, st.crls, now)
	mark, err := v.checkMark(chain, at)
	if err != nil {
		verdict.refuse(err)
		return
	}
	verdict.Claims = mark.Assurance.Claims
	v.checkAssessments(verdict, mark.Assurance.Claims, at, now)
	verdict.refuse(v.policy.satisfied(mark.Assurance.Claims))
	v.checkEvidence(ctx, verdict, st, mark, about, moment{now, statusOf})
	if err := ctx.Err(); err != nil {
		verdict.refuse(because(Canceled, "%v", err))
	}
}

// trustedTime opens the timestamp. A token that is there and bad refuses even where
// the policy could do without one.
func (v *Verifier) trustedTime(verdict *Verdict, s signerInfo, where asn1.ObjectIdentifier, now time.Time) (stamp, error) {
	token, err := value(s.unsigned, where)
	switch {
	case err != nil:
		return stamp{}, err
	case token != nil:
		return v.openTimestamp(token, s.signature, now)
	case v.policy.Timestamp == Required:
		return stamp{}, because(TimestampMissing, "the signature has no timestamp")
	}
	verdict.note(NoteNoTimestamp, "judged at the present time")
	return stamp{}, nil
}

// checkMark reads the mark and holds it against the tier and the time.
func (v *Verifier) checkMark(chain []*x509.Certificate, at time.Time) (ext.Mark, error) {
	mark, err := v.readMark(chain[0])
	if err != nil {
		return ext.Mark{}, err
	}
	if err := v.checkCeiling(chain, mark.Assurance.Claims); err != nil {
		return ext.Mark{}, err
	}
	if err := checkPeriods(mark.Assurance.Claims, at); err != nil {
		return ext.Mark{}, err
	}
	return mark, nil
}
