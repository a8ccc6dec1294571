package ca

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// logIssued has a certificate logged, in the transaction that records it. vendor is the
// vendor's URI.
func logIssued(tx store.Tx, cert store.Certificate, vendor string) error {
	e := certificateEntry(receipt.CertificateIssued, cert, vendor)
	e.At, e.Until = cert.IssuedAt, cert.NotAfter
	e.Assessments = slices.Compact(slices.Sorted(slices.Values(cert.Assessments)))
	return queue.Put(tx, cert.Serial, e)
}

// logRevoked has a revocation logged and told of, in the transaction that decides it:
// each change of it is an entry and a notice of its own.
func logRevoked(tx store.Tx, cert store.Certificate, vendor string) error {
	e := certificateEntry(receipt.CertificateRevoked, cert, vendor)
	rev := cert.Revocation
	e.At, e.Effective, e.Invalidity, e.RevocationReason = rev.At, rev.RevocationDate, rev.InvalidityDate, rev.Reason
	if err := queue.Put(tx, cert.Serial, e); err != nil {
		return err
	}
	data := map[string]any{
		"serial": cert.Serial, "tier": cert.Tier, "vendor": cert.Vendor, "reason": rev.Reason,
		"revocation_date": rev.RevocationDate.UTC().Format(time.RFC3339),
	}
	if !rev.InvalidityDate.IsZero() {
		data["invalidity_date"] = rev.InvalidityDate.UTC().Format(time.RFC3339)
	}
	body, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = notify.Put(tx, store.Notice{
		ID: strings.Join([]string{
			receipt.CertificateRevoked, cert.Serial, store.TimeKey(rev.At), store.TimeKey(rev.RevocationDate), // and what else may become stricter
			store.TimeKey(rev.InvalidityDate), strconv.Itoa(rev.Reason),
		}, "/"),
		Type: receipt.CertificateRevoked, At: rev.At, Body: body,
	})
	return err
}

func certificateEntry(kind string, cert store.Certificate, vendor string) receipt.Entry {
	sum := sha256.Sum256(cert.DER)
	return receipt.Entry{Type: kind, Certificate: hex.EncodeToString(sum[:]), Serial: cert.Serial, Tier: cert.Tier, Vendor: vendor}
}
