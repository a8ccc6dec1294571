package doctor

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// certificates demands of every certificate that it was announced before it was signed,
// and that its issuance, and its revocation, are logged or wait to be.
func (e *examination) certificates(ctx context.Context) error {
	return e.Store.View(ctx, func(r store.Reader) error {
		for cert, err := range store.Certificates.All(r, "") {
			if err != nil {
				return err
			}
			if err := e.certificate(r, cert); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *examination) certificate(r store.Reader, cert store.Certificate) error {
	about := "certificate " + cert.Serial
	if err := e.wantIntent(r, about, cert); err != nil {
		return err
	}
	// What was put on record only to revoke it was given to nobody: nothing was issued.
	if !cert.Leftover {
		if err := e.wantEntry(r, about, cert.Serial, receipt.CertificateIssued); err != nil {
			return err
		}
	}
	if cert.Revocation == nil {
		if unused, err := ca.IsUnused(r, cert, e.now()); err != nil {
			return err
		} else if unused {
			e.note(about, unusedHint, "is for %s of vendor %s, and no signature came of it; its key is gone", cert.Build, cert.Vendor)
		}
		if cert.Leftover {
			e.problem(about, "revoke it", "was rebuilt from an intent and is not revoked")
		}
		return nil
	}
	return e.wantEntry(r, about, cert.Serial, receipt.CertificateRevoked)
}

// wantIntent demands the announcement of exactly what was signed.
func (e *examination) wantIntent(r store.Reader, about string, cert store.Certificate) error {
	intent, err := store.Intents.Get(r, cert.Serial)
	if errors.Is(err, store.ErrNotFound) {
		e.problem(about, "the CA's key was used past this program, or a record was removed: find out", "was never announced")
		return nil
	}
	if err != nil {
		return err
	}
	var parts struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.DER, &parts); err != nil || !bytes.Equal(parts.TBS.FullBytes, intent.TBS) {
		e.problem(about, "one of the two records was tampered with: compare them", "is not what was announced under its serial number")
	}
	return nil
}

// unusedHint is for whoever does not want certificates to count that nobody uses.
const unusedHint = "nothing must be done; to revoke it, as is done where no crash comes between: 'hallmark doctor --revoke-leftovers'"

// leftoverHint is for whoever thinks that somebody could have what nobody was given.
const leftoverHint = "nothing must be done; to have it on the lists of what is revoked, in case it was signed and got out: 'hallmark doctor --revoke-leftovers'"

// intents explains announcements without a certificate: a crash or a failed write came
// between. Nobody was given such a certificate.
func (e *examination) intents(ctx context.Context) error {
	left, err := e.CA.Leftovers(ctx, 0)
	for _, i := range left {
		e.note("intent "+i.Serial, leftoverHint, "announced %s for vendor %s; no certificate was recorded, so none was handed out", i.At.UTC().Format(time.RFC3339), i.Vendor)
	}
	return err
}
