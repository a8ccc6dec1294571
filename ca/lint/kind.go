package lint

import (
	"bytes"
	"crypto/x509"
	"slices"
)

// Kind is one of this CA's profiles.
type Kind string

// The kinds. KindOther is for everything that is none of ours, and for clients and
// servers, whose certificates leave the operator's own machines never.
const (
	KindOther          Kind = "other"
	KindRoot           Kind = "root"            // self-signed, or cross-signed by another root
	KindCross          Kind = "cross"           // a root under another root, for code signing and the tiers' policies alone
	KindTier           Kind = "tier"            // issues code-signing certificates
	KindTierTwin       Kind = "tier-twin"       // the same, self-signed
	KindTimestampingCA Kind = "timestamping-ca" // issues to the timestamp authority
	KindLeaf           Kind = "code-signing"    // a vendor's
	KindTSA            Kind = "tsa"
	KindResponder      Kind = "ocsp-responder"
)

func (k Kind) isCA() bool {
	return k == KindRoot || k == KindCross || k == KindTier || k == KindTierTwin || k == KindTimestampingCA
}

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{KindRoot, KindCross, KindTier, KindTierTwin, KindTimestampingCA, KindLeaf, KindTSA, KindResponder, KindOther}
}

// guess names the kind by content and issuer. What a tier issued and is not an OCSP
// responder is a leaf, whatever it says of itself, so that a leaf that lacks its
// extended key usage is judged as one.
func (c *Certificate) guess() Kind {
	x := c.X509
	if x == nil {
		return KindOther
	}
	has := func(u x509.ExtKeyUsage) bool { return slices.Contains(x.ExtKeyUsage, u) }
	if x.IsCA {
		return c.guessCA(has)
	}
	fromTier := c.Issuer != nil && slices.Contains(c.Issuer.ExtKeyUsage, x509.ExtKeyUsageCodeSigning)
	switch {
	case has(x509.ExtKeyUsageCodeSigning) || c.hasMark():
		return KindLeaf
	case has(x509.ExtKeyUsageOCSPSigning):
		return KindResponder
	case fromTier:
		return KindLeaf
	case has(x509.ExtKeyUsageTimeStamping):
		return KindTSA
	}
	return KindOther
}

func (c *Certificate) guessCA(has func(x509.ExtKeyUsage) bool) Kind {
	x := c.X509
	selfIssued := bytes.Equal(x.RawSubject, x.RawIssuer)
	switch {
	case has(x509.ExtKeyUsageServerAuth) || has(x509.ExtKeyUsageClientAuth):
		return KindOther
	case has(x509.ExtKeyUsageCodeSigning) && selfIssued:
		return KindTierTwin
	case has(x509.ExtKeyUsageCodeSigning) && x.MaxPathLen == 1 && (c.Issuer == nil || len(c.Issuer.ExtKeyUsage) == 0):
		return KindCross // hallmark's issuing CAs have path length 0
	case has(x509.ExtKeyUsageCodeSigning) || len(x.Policies) > 0 && !selfIssued:
		return KindTier
	case has(x509.ExtKeyUsageTimeStamping):
		return KindTimestampingCA
	case len(x.ExtKeyUsage)+len(x.UnknownExtKeyUsage) == 0 && (selfIssued || c.Issuer != nil && len(c.Issuer.ExtKeyUsage) == 0):
		return KindRoot
	}
	return KindOther
}

func (c *Certificate) hasMark() bool {
	return !c.Arc.IsZero() && c.extension(c.Arc.Assurance()) != nil
}
