package update

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmark-pki/hallmark/verify"
)

// Standing is what a machine trusts, and how fresh it is.
type Standing struct {
	Name            string         `json:"name"`
	Source          string         `json:"source,omitempty"` // URL or folder
	RootVersion     int64          `json:"root_version"`
	RootFingerprint string         `json:"root_fingerprint"` // of the update repository's root, SHA-256, hex
	RootExpires     time.Time      `json:"root_expires"`
	Anchors         []AnchorDigest `json:"anchors"`
	StatusNumber    uint64         `json:"status_number"`
	IssuedAt        time.Time      `json:"issued_at"`
	NextUpdate      time.Time      `json:"next_update"`
	Over            bool           `json:"over"` // the time of the status bundle is over
}

// AnchorDigest names a CA certificate of the trust bundle.
type AnchorDigest struct {
	Subject string `json:"subject"`
	SHA256  string `json:"sha256"` // of the certificate's DER, hex
}

// Show reads what Update has written. The error is *Error.
func (u Updater) Show() (Standing, error) {
	root, err := readIfThere(u.file("root.json"), maxMetadataBytes)
	if err != nil {
		return Standing{}, err
	}
	if root == nil {
		return Standing{}, refuse(NoTrust, "no CA was added in %s", u.State)
	}
	m, err := metadata.Root().FromBytes(root)
	if err != nil {
		return Standing{}, &Error{Malformed, err}
	}
	s := Standing{RootVersion: m.Signed.Version, RootFingerprint: fingerprint(root), RootExpires: m.Signed.Expires}
	if src, err := u.KnownSource(nil); err == nil {
		s.Source = src.String()
	}
	rawTrust, err := readIfThere(u.Trust, verify.MaxTrustBytes)
	if err != nil {
		return Standing{}, err
	}
	trust, err := verify.ParseTrust(rawTrust)
	if err != nil {
		return Standing{}, &Error{Malformed, err}
	}
	s.Name = trust.Name
	for _, c := range trust.Roots {
		sum := sha256.Sum256(c.Raw)
		s.Anchors = append(s.Anchors, AnchorDigest{c.Subject.String(), hex.EncodeToString(sum[:])})
	}
	rawStatus, err := readIfThere(u.Status, verify.MaxStatusBytes)
	if err != nil {
		return Standing{}, err
	}
	status, err := verify.OpenStatus(rawStatus, trust, u.Now())
	if err != nil {
		return Standing{}, &Error{BadStatus, err}
	}
	s.StatusNumber, s.IssuedAt, s.NextUpdate, s.Over = status.Number, status.IssuedAt, status.NextUpdate, u.Now().After(status.NextUpdate)
	return s, nil
}
