// Package attestation answers one question: was this key made inside a piece of
// hardware that does not let it out?
//
// The maker of the hardware says so in a statement that comes with a request for a
// certificate. Three forms are read, all of them strictly: unknown members, repeated
// keys and trailing bytes refuse.
//
//   - yubikey: what `yubico-piv-tool -a attest -s 9c` prints, the certificate that the
//     key in slot F9 made for the slot, followed by the certificate of F9 (`-a
//     read-cert -s f9`) and, for firmware 5.7 and later, those between it and Yubico's
//     root. PEM, nothing else in the file. A YubiKey attests only keys that it made.
//   - step: the CBOR attestation object of `step kms attest --format step`, as bytes
//     or in base64url: {fmt: "step", attStmt: {alg, sig, x5c}}. x5c is as above; sig, a
//     CBOR byte string in a byte string, is the key's own signature over the challenge.
//   - tpm: the same object with {fmt: "tpm", attStmt: {ver: "2.0", alg, sig, x5c,
//     certInfo, pubArea}}, WebAuthn Level 2 section 8.3: the attestation key of x5c[0]
//     certified the key whose area is pubArea. extraData in certInfo is the SHA-256 of
//     the challenge. fixedTPM, fixedParent and sensitiveDataOrigin must be set, so
//     the key was made there and can not be duplicated elsewhere.
//
// The forms are those of ACME's device-attest-01 as github.com/smallstep/certificates
// validates it, whose checks are not exported; the CBOR, the TPM's structures and the
// check of the certification are the same maintained libraries.
//
// Yubico's two roots come along, as that module has them. A root for TPMs is for the
// administrator to choose: there are dozens.
package attestation

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Format is the form of a statement.
type Format string

// The formats.
const (
	YubiKey Format = "yubikey"
	Step    Format = "step"
	TPM     Format = "tpm"
)

// Reason says why a statement is refused, for programs.
type Reason string

// The reasons.
const (
	Malformed    Reason = "malformed"    // not of the form, or more than that
	UnknownForm  Reason = "unknown-form" // not one of the formats
	NoRoots      Reason = "no-roots"     // no trust anchor for this format
	Chain        Reason = "chain"        // does not lead to a trust anchor, or is not valid now
	Extension    Reason = "extension"    // what must stand in the certificate does not
	OtherKey     Reason = "other-key"    // about another key than the request's
	BadChallenge Reason = "challenge"    // about another request, or an old one
	Exportable   Reason = "exportable"   // the hardware may let the key out, or did not make it
	BadSignature Reason = "signature"    // a signature does not verify
)

// Error is a refusal. Everything else than a refusal would be our own fault, and there
// is none: a statement is judged without asking anybody.
type Error struct {
	Reason Reason
	Detail string
}

// Error returns reason and detail.
func (e *Error) Error() string { return "key attestation: " + string(e.Reason) + ": " + e.Detail }

func refuse(reason Reason, format string, args ...any) error {
	return &Error{reason, fmt.Sprintf(format, args...)}
}

// ReasonOf returns the reason of an Error in err's chain, or "".
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// Verifier knows whom to believe. It is safe for concurrent use and not changed after
// New.
type Verifier struct {
	roots map[Format]*x509.CertPool
}

// Roots are trust anchors as PEM certificates, by format. Without any, Yubico's, which come
// along, count for yubikey and step, and none for tpm. Those named for one of yubikey and
// step count for the other too, unless it has its own: both are about the same devices, and
// a vendor chooses the format.
type Roots map[Format][]byte

// New makes a Verifier.
func New(roots Roots) (*Verifier, error) {
	yubico, err := yubicoRoots()
	if err != nil {
		return nil, err
	}
	v := &Verifier{map[Format]*x509.CertPool{YubiKey: yubico, Step: yubico}}
	for format, raw := range roots {
		if format != YubiKey && format != Step && format != TPM {
			return nil, fmt.Errorf("roots for %q, which is not a format of key attestations", format)
		}
		certs, err := parsePEM(raw, maxRoots)
		if err != nil {
			return nil, fmt.Errorf("roots for %s: %w", format, err)
		}
		pool := x509.NewCertPool()
		for _, c := range certs {
			if !c.BasicConstraintsValid || !c.IsCA {
				return nil, fmt.Errorf("roots for %s: %s is not a CA", format, c.Subject)
			}
			pool.AddCert(c)
		}
		v.roots[format] = pool
	}
	for named, other := range map[Format]Format{YubiKey: Step, Step: YubiKey} {
		if roots[named] != nil && roots[other] == nil {
			v.roots[other] = v.roots[named]
		}
	}
	return v, nil
}

// Statement is what a vendor hands in about a key.
type Statement struct {
	Format    Format
	Data      []byte
	Key       crypto.PublicKey // that it must be about: the request's
	Challenge string           // that it must answer, where the format has room for that
}

// Attested is what a statement says once it is believed.
type Attested struct {
	Device  string   // serial number of a YubiKey; permanent identifier, or maker and model, of a TPM
	Details []string // for a person to read, e.g. "firmware 5.7.1", "PIN once"
	Root    string   // SHA-256 of the trust anchor's certificate, hex
	Bound   bool     // it answers the challenge; false where the format has no room
}

// Verify judges a statement at a moment. The error is an *Error.
func (v *Verifier) Verify(s Statement, now time.Time) (Attested, error) {
	if len(s.Data) > maxBytes {
		return Attested{}, refuse(Malformed, "%d bytes, at most %d", len(s.Data), maxBytes)
	}
	var judge func(Statement, time.Time) (Attested, error)
	switch s.Format {
	case YubiKey:
		judge = v.yubiKey
	case Step:
		judge = v.step
	case TPM:
		judge = v.tpm
	default:
		return Attested{}, refuse(UnknownForm, "%q is not yubikey, step or tpm", clip(string(s.Format)))
	}
	if v.roots[s.Format] == nil {
		return Attested{}, refuse(NoRoots, "this CA has no trust anchor for %s attestations", s.Format)
	}
	return judge(s, now)
}

// chain verifies certs[0] through the rest up to a root of the format, and returns the
// root's fingerprint.
func (v *Verifier) chain(format Format, certs []*x509.Certificate, now time.Time) (string, error) {
	for _, c := range certs {
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSABits {
			return "", refuse(Chain, "a certificate of the chain has an RSA key of %d bits, at most %d", k.N.BitLen(), maxRSABits)
		}
	}
	intermediates := x509.NewCertPool()
	for _, c := range certs[1:] {
		intermediates.AddCert(c)
	}
	chains, err := certs[0].Verify(x509.VerifyOptions{
		Roots: v.roots[format], Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return "", refuse(Chain, "%v", err)
	}
	if certs[0].IsCA {
		return "", refuse(Chain, "%s is a CA, not a key's certificate", certs[0].Subject)
	}
	sum := sha256.Sum256(chains[0][len(chains[0])-1].Raw)
	return hex.EncodeToString(sum[:]), nil
}

// sameKey refuses a statement about another key.
func sameKey(stated, wanted crypto.PublicKey) error {
	k, ok := stated.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || wanted == nil || !k.Equal(wanted) {
		return refuse(OtherKey, "it is about another key than the request's")
	}
	return nil
}

// clip keeps what a client typed from filling an error.
func clip(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "…"
	}
	return s
}
