package verify

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
)

// layout judges a manifest in an OCI image layout: first that everything it names is
// there and is what it names, then its signatures. Anybody can add signatures to a
// layout, so one that is valid is enough; if none is, the verdict is about the one that
// got furthest.
func (v *inquiry) layout(ctx context.Context, verdict *Verdict, path string) {
	a, err := oci.OpenArtifact(path)
	if err != nil {
		verdict.refuse(explainLayout(err))
		return
	}
	defer a.Close()
	digest := a.Descriptor.SHA256()
	about := subject{digests: format.Digests{SHA256: digest, Signed: digest}, algorithm: format.SHA256}
	about.want.Timestamp = oidTimeStampToken
	if err := a.Check(ctx); err != nil {
		// The verdict names no digest: until all below it was read, that is what the folder
		// says and not what is in it, and an exception for it would let in anything.
		verdict.refuse(explainLayout(err))
		return
	}
	verdict.name(about)
	signatures, err := a.Signatures()
	if err != nil {
		verdict.refuse(explainLayout(err))
		return
	}
	best := *verdict
	for i, s := range signatures {
		one := v.start(path)
		one.name(about)
		about.signature = s.Envelope
		v.manifest(ctx, &one, a.Descriptor, about)
		one.conclude()
		if i == 0 || furtherThan(one, best) {
			best = one
		}
		if one.Outcome == Valid {
			break
		}
	}
	*verdict = best
}

// furtherThan orders verdicts about signatures of one artefact.
func furtherThan(a, b Verdict) bool {
	if (a.Outcome == Valid) != (b.Outcome == Valid) {
		return a.Outcome == Valid
	}
	return a.Vendor != "" && b.Vendor == ""
}

// manifest judges one JWS over a manifest.
func (v *inquiry) manifest(ctx context.Context, verdict *Verdict, d oci.Descriptor, about subject) {
	s, err := v.openEnvelope(about.signature, d)
	if err != nil {
		verdict.refuse(explainLayout(err))
		return
	}
	v.judgeSigned(ctx, verdict, about, s)
}

// openEnvelope verifies a JWS over a manifest. Its headers become the attributes that
// they would be in a CMS: all that comes after reads those.
func (v *Verifier) openEnvelope(raw []byte, d oci.Descriptor) (signed, error) {
	e, err := oci.ParseEnvelope(raw)
	if err != nil {
		return signed{}, err
	}
	if e.Target != d {
		return signed{}, because(DigestMismatch, "signed was %s of %d bytes as %s, the manifest is %s of %d bytes as %s",
			e.Target.Digest, e.Target.Size, e.Target.MediaType, d.Digest, d.Size, d.MediaType)
	}
	certs, err := v.memory.parseCertificates(e.Chain)
	if err != nil {
		return signed{}, err
	}
	s := signed{leaf: certs[0], others: certs[1:]}
	if e.Thumbprint != sha256.Sum256(s.leaf.Raw) {
		return signed{}, because(SigningCertificate, "the signed certificate hash is of another certificate")
	}
	if e.SigningTime.Before(s.leaf.NotBefore) || e.SigningTime.After(s.leaf.NotAfter) {
		return signed{}, because(SigningTime, "claimed %s, the certificate is for %s to %s", day(e.SigningTime), day(s.leaf.NotBefore), day(s.leaf.NotAfter))
	}
	if err := e.Verify(s.leaf.PublicKey); err != nil {
		return signed{}, err
	}
	s.data.signer.signature = e.Signature
	if !e.ConfirmBy.IsZero() {
		der, err := ext.MarshalConfirmBy(e.ConfirmBy)
		if err != nil {
			return signed{}, because(AttributeMalformed, "confirm-by: %v", err)
		}
		s.data.signer.signed = append(s.data.signer.signed, attribute{v.trust.Arc.ConfirmBy(), [][]byte{der}})
	}
	if e.Token != nil {
		s.data.signer.unsigned = append(s.data.signer.unsigned, attribute{oidTimeStampToken, [][]byte{e.Token}})
	}
	if e.Staple != nil {
		s.data.signer.unsigned = append(s.data.signer.unsigned, attribute{v.trust.Arc.Staple(), [][]byte{e.Staple}})
	}
	return s, nil
}

// explainLayout gives a refusal of package oci its code.
func explainLayout(err error) error {
	var r Reason
	if errors.As(err, &r) {
		return r
	}
	if errors.Is(err, format.ErrUnsigned) {
		return because(Unsigned, "%v", err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return because(Canceled, "%v", err)
	}
	var e *oci.Error
	if !errors.As(err, &e) {
		return because(FileUnreadable, "%v", err)
	}
	codes := map[oci.Reason]Code{
		oci.BadReference: FileUnreadable, oci.NotFound: FileUnreadable, oci.Ambiguous: FileUnreadable, oci.Changed: FileUnreadable,
		oci.BlobDigest: DigestMismatch, oci.BlobSize: DigestMismatch, oci.OtherArtifact: DigestMismatch,
		oci.BadEnvelope: SignatureMalformed, oci.BadSignature: SignatureInvalid, oci.WrongAlgorithm: AlgorithmRefused,
	}
	if code, ok := codes[e.Reason]; ok {
		return because(code, "%v", err)
	}
	return because(ContainerMalformed, "%v", err)
}
