package verify

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

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
	// AsOf asks for the state at a moment of the past, by all that is known today; zero:
	// the present. Whatever begins or ends is asked for at that moment: certificates of
	// signatures without a timestamp, assessments, revocations, exceptions. How old
	// the revocation data may be is still asked of Now, and a signature whose timestamp
	// is later did not exist. That is another question than judging with Now in the
	// past, which takes only data that was there at the time.
	AsOf time.Time
	// Fetcher is needed if Policy.MayFetch, and never used otherwise.
	Fetcher Fetcher
	// Packages says to read Verdict.Package even where the policy does not ask for it. The
	// verdict does not depend on it then.
	Packages bool
}

// ReadsPackages reports whether what a package says about itself is read.
func (c Config) ReadsPackages() bool { return c.Packages || c.Policy.namesPackages() }

// Verifier judges files. It is safe for concurrent use and holds no state that one
// file could leave behind for the next, except which signatures over certificates hold.
type Verifier struct {
	trust      Trust
	status     Status
	policy     Policy
	now        func() time.Time
	asOf       time.Time
	fetcher    Fetcher
	packages   bool // read what a package says about itself
	roots      *x509.CertPool
	stampRoots *x509.CertPool
	crls       []*crl

	codePaths, leafPaths, stampPaths *paths
	memory                           *memory
}

// New checks the configuration and returns a Verifier.
func New(c Config) (*Verifier, error) {
	if c.Now == nil {
		return nil, errors.New("verifier: no clock")
	}
	if c.AsOf.After(c.Now()) {
		return nil, errors.New("verifier: the state of a moment that has not come is asked for")
	}
	if err := c.Trust.check(); err != nil {
		return nil, fmt.Errorf("verifier: trust bundle: %w", err)
	}
	if err := c.Policy.check(); err != nil {
		return nil, fmt.Errorf("verifier: policy: %w", err)
	}
	if c.Policy.MayFetch() && c.Fetcher == nil {
		return nil, errors.New("verifier: the policy says fetch and there is no Fetcher")
	}
	if err := checkTransitions(c.Status.Assessments); err != nil {
		return nil, fmt.Errorf("verifier: status bundle: %w", err)
	}
	v := &Verifier{trust: c.Trust, status: c.Status, policy: c.Policy, now: c.Now, asOf: c.AsOf, fetcher: c.Fetcher, packages: c.ReadsPackages(), roots: x509.NewCertPool(), stampRoots: x509.NewCertPool()}
	v.codePaths, v.leafPaths, v.stampPaths = newPaths(), newPaths(), newPaths()
	for _, r := range c.Trust.Roots {
		v.roots.AddCert(r)
	}
	for _, r := range c.Trust.TimestampRoots {
		v.stampRoots.AddCert(r)
	}
	logs, err := c.Trust.logVerifiers()
	if err != nil {
		return nil, fmt.Errorf("verifier: trust bundle: %w", err)
	}
	v.memory = newMemory(c.Trust, logs)
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
func (v *Verifier) File(ctx context.Context, path string) Verdict {
	return v.file(ctx, path, func() *Reading { return Read(path, v.packages) })
}

// file judges what read returns of the file at path.
func (v *Verifier) file(ctx context.Context, path string, read func() *Reading) (verdict Verdict) {
	defer func() {
		if r := recover(); r != nil {
			// Nothing of the half-made verdict is kept: it might say Valid.
			verdict = v.start(path)
			verdict.Warn = verdict.Warn && !v.policy.EnforcesPackages()
			verdict.refuse(because(InternalError, "%v", r))
			verdict.conclude()
		}
	}()
	verdict = v.start(path)
	q := v.inquire()
	if is, _ := (oci.Format{}).Detect(path); is {
		q.layout(ctx, &verdict, path)
		q.except(&verdict)
		return verdict
	}
	if err := ctx.Err(); err != nil {
		q.choose(&verdict)
		verdict.refuse(because(Canceled, "%v", err))
		q.except(&verdict)
		return verdict
	}
	s, err := v.needed(read())
	verdict.name(s)
	q.choose(&verdict)
	if err != nil {
		if s.algorithm == "" || codeOf(err) == PackageUnreadable { // whichever package it is
			verdict.Warn = verdict.Warn && !v.policy.EnforcesPackages()
		}
		verdict.refuse(err)
	} else {
		q.judge(ctx, &verdict, s)
	}
	q.except(&verdict)
	return verdict
}

// Signature judges a CMS signature over content with this SHA-256. It is File for
// content that is not in a file; unlike File it does not catch panics. An empty signature
// is none.
func (v *Verifier) Signature(ctx context.Context, name string, digest [32]byte, signature []byte) Verdict {
	return v.SignatureOf(ctx, name, format.Package{}, digest, signature)
}

// SignatureOf is Signature for what the caller says is this package: rules and exceptions
// of the policy go by it, and the verdict repeats it. Only the caller vouches for that.
func (v *Verifier) SignatureOf(ctx context.Context, name string, is format.Package, digest [32]byte, signature []byte) Verdict {
	verdict, q := v.start(name), v.inquire()
	s := subject{digests: format.Digests{SHA256: digest, Signed: digest}, algorithm: format.SHA256, signature: signature, is: is}
	s.want = format.DetachedCMS(digest)
	verdict.name(s)
	q.choose(&verdict)
	if len(signature) == 0 {
		verdict.refuse(because(Unsigned, "no signature"))
	} else {
		q.judge(ctx, &verdict, s)
	}
	q.except(&verdict)
	return verdict
}

func (v *Verifier) start(name string) Verdict {
	verdict := Verdict{File: name, Warn: v.policy.Mode == Warn, AsOf: v.asOf}
	if v.policy.BuiltIn {
		verdict.note(NoteBuiltInPolicy, "no policy file: a good chain, a timestamp and some claim are demanded")
	}
	return verdict
}

// except concludes the verdict, applying the policy's exceptions.
func (v *inquiry) except(verdict *Verdict) {
	verdict.conclude()
	if verdict.Outcome == Valid {
		return
	}
	e, ok := v.policy.forgiven(*verdict, v.asOf)
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
	is        format.Package // zero: it is no package, or nobody asked
}

// name says in a verdict which file it is about.
func (v *Verdict) name(s subject) {
	if s.algorithm == "" {
		return
	}
	v.Digest, v.Signature, v.Package = hex.EncodeToString(s.digests.SHA256[:]), s.signature, s.is
	if s.algorithm != format.SHA256 {
		v.Signed = s.algorithm + ":" + hex.EncodeToString(s.digests.Signed[:])
	}
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
	case format.BadControl:
		return because(PackageUnreadable, "%v", err)
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
