package verify

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// stamp is a verified timestamp.
type stamp struct {
	at    time.Time
	chain []*x509.Certificate // of the authority, itself first
}

// openTimestamp verifies a time-stamp token over a signature value, RFC 3161
// §2.4.2 and appendix A: the token's own signature, what it stamps, and that its
// authority leads to a timestamp root at the time it gives.
func (v *Verifier) openTimestamp(token, signature []byte, now time.Time) (stamp, error) {
	ts, signer, others, err := v.memory.readToken(token)
	if err != nil {
		return stamp{}, err
	}
	if !bytes.Equal(ts.imprint, hashBytes(ts.hash, signature)) {
		return stamp{}, because(TimestampMismatch, "the token is about something else than this signature")
	}
	if err := checkAuthority(signer); err != nil {
		return stamp{}, err
	}
	chain, err := v.stampChain(signer, others, ts.at)
	if err != nil {
		return stamp{}, err
	}
	if ts.at.After(now.Add(clockSkew)) {
		return stamp{}, because(ClockBehind, "the timestamp says %s, this machine's clock %s",
			ts.at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return stamp{ts.at.UTC(), chain}, nil
}

// stampChain finds the authority's path to a timestamp root at the token's time. The
// same authority stamps file after file, so its whole path is remembered.
func (v *Verifier) stampChain(signer *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	if k, ok := v.stampPaths.known(signer, others, at); ok {
		return k.chain, nil
	}
	chains, err := buildChains(signer, others, v.stampRoots, x509.ExtKeyUsageTimeStamping, at)
	if err != nil {
		return nil, because(TimestampUntrusted, "%v", err)
	}
	var first error
	for _, c := range chains {
		err := checkStampIssuers(c)
		if err == nil {
			v.stampPaths.remember(c)
			return c, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// checkStampIssuers demands of every CA certificate of an authority's path what
// checkIssuers does of a signer's. An anchor that issues authorities itself need not say
// timeStamping: that it is trusted for that is what the trust bundle says.
func checkStampIssuers(chain []*x509.Certificate) error {
	for i, c := range chain[1:] {
		if err := keyStrength(c.PublicKey, minRSABits); err != nil {
			return because(TimestampUntrusted, "%q: %v", c.Subject, err)
		}
		if c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return because(TimestampUntrusted, "%q may not sign certificates", c.Subject)
		}
		isAnchor := i+1 == len(chain)-1
		if !isAnchor && (!slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)) {
			return because(TimestampUntrusted, "%q is not a CA for timestamps", c.Subject)
		}
	}
	return nil
}

// readToken reads a token in our profile and verifies its own signature. Every
// defect of form is TimestampMalformed.
func (m *memory) readToken(token []byte) (ts tstInfo, signer *x509.Certificate, others []*x509.Certificate, err error) {
	fail := func(err error) (tstInfo, *x509.Certificate, []*x509.Certificate, error) {
		var r Reason
		if errors.As(err, &r) {
			return tstInfo{}, nil, nil, because(TimestampMalformed, "%s", r)
		}
		return tstInfo{}, nil, nil, because(TimestampMalformed, "%v", err)
	}
	sd, err := parseSignedData(token, maxTokenBytes)
	if err != nil {
		return fail(err)
	}
	h, err := tokens().check(sd)
	if err != nil {
		return fail(err)
	}
	if err := checkDigest(sd.signer, hashBytes(h, sd.content)); err != nil {
		return fail(err)
	}
	if len(sd.certificates) == 0 {
		return fail(errors.New("no certificates inside"))
	}
	certs, err := m.parseCertificates(sd.certificates)
	if err != nil {
		return fail(err)
	}
	if signer, others, err = pickSigner(sd, certs); err != nil {
		return fail(err)
	}
	if err := checkSigningCertificate(sd.signer, signer.Raw); err != nil {
		return fail(err)
	}
	if err := checkClaimedTime(sd.signer, signer); err != nil {
		return fail(err)
	}
	if err := sd.signer.verify(signer, h); err != nil {
		return fail(err)
	}
	if ts, err = parseTSTInfo(sd.content); err != nil {
		return fail(err)
	}
	return ts, signer, others, nil
}

// checkClaimedTime holds the signing time that an authority may add to its token against
// its own certificate.
func checkClaimedTime(s signerInfo, c *x509.Certificate) error {
	t, err := signingTime(s)
	if err == nil && !t.IsZero() && (t.Before(c.NotBefore) || t.After(c.NotAfter)) {
		err = fmt.Errorf("its signing time %s is outside of its certificate's validity", day(t))
	}
	return err
}

// checkAuthority demands what RFC 3161 §2.3 does of the authority's certificate:
// extended key usage timeStamping, alone and critical. A code signing certificate
// that also says timeStamping could otherwise date its own signatures.
func checkAuthority(c *x509.Certificate) error {
	only := len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageTimeStamping && len(c.UnknownExtKeyUsage) == 0
	critical := false
	for _, e := range c.Extensions {
		if e.Id.Equal(oidExtKeyUsage) {
			critical = e.Critical
		}
	}
	const may = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	switch {
	case !only || !critical:
		return because(TimestampCertificate, "extended key usage is not timeStamping, alone and critical")
	case c.IsCA:
		return because(TimestampCertificate, "a CA certificate")
	case c.KeyUsage&may == 0 || c.KeyUsage&^may != 0:
		return because(TimestampCertificate, "key usage is not for signatures alone")
	}
	if err := keyStrength(c.PublicKey, minRSABits); err != nil {
		return because(TimestampCertificate, "%v", err)
	}
	return nil
}
