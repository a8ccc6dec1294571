package sign

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// Release is what a vendor itself wants to be asked before a product is signed: who may,
// when, how often, and who else must agree. It comes before the gate and never instead
// of it. A no is a *Refusal.
type Release interface {
	// Permit says whether a signature could be made now, with the certificate of a serial
	// number ("" for one that is made for the build).
	Permit(r store.Reader, req Request, serial string, now time.Time) error
	// Use says it once more in the transaction that puts the signature on record, counts
	// it and uses up what it needs of approvals. It returns the id of the approval used,
	// "" where none is asked for.
	Use(tx store.Tx, req Request, signature store.Signature) (approval string, err error)
}

const actionNotPermitted = "refuse.release"

// notPermitted is what Release said, which comes before anything is judged.
type notPermitted struct{ err error }

func (n *notPermitted) Error() string { return n.err.Error() }

func (n *notPermitted) Unwrap() error { return n.err }

// permit asks Release about a certificate that is to be made for the build. About one
// that is there, ground asks.
func (s *Service) permit(ctx context.Context, r Request) error {
	if !r.PerBuild || s.c.Release == nil {
		return nil
	}
	now := s.now()
	return s.c.Store.View(ctx, func(rd store.Reader) error {
		if _, err := s.records.activeVendor(rd, r.Vendor); err != nil {
			return err
		}
		return s.permitted(rd, r, "", now)
	})
}

func (s *Service) permitted(r store.Reader, req Request, serial string, now time.Time) error {
	if s.c.Release == nil {
		return nil
	}
	if err := s.c.Release.Permit(r, req, serial, now); err != nil {
		return &notPermitted{err}
	}
	return nil
}

// recorded returns an error, once a no of the vendor's own rules is on record.
func (s *Service) recorded(ctx context.Context, r Request, err error) error {
	var no *notPermitted
	var refusal *Refusal
	if !errors.As(err, &no) || !errors.As(no.err, &refusal) {
		return err
	}
	switch refusal.Code {
	case CodeApproval, CodeWindow, CodeRole, CodeLimit:
		return errors.Join(refusal, s.recordNotPermitted(ctx, r, refusal))
	}
	return refusal
}

// SerialFor returns the serial number of the certificate that a request would be signed
// with: the one it names, or the newest that can be used; "" for one that is yet to be
// made. Errors are those of Sign.
func SerialFor(r store.Reader, req Request, now time.Time) (string, error) {
	return new(records).serialFor(r, req, now)
}

func (m *records) serialFor(r store.Reader, req Request, now time.Time) (string, error) {
	if req.PerBuild {
		return "", nil
	}
	c, err := m.choose(r, req, now)
	return c.Serial, err
}

// Normal is the one way to say what a request asks for: Sign reads it so.
func (r Request) Normal() Request { return r.normal() }

// Check refuses a request whose fields cannot be meant, as Sign would.
func (r Request) Check() error {
	if refusal := r.check(); refusal != nil {
		return refusal
	}
	return nil
}

// recordNotPermitted notes that the vendor's own rules said no: whoever tries at night
// what is for the day is of interest.
func (s *Service) recordNotPermitted(ctx context.Context, r Request, refusal *Refusal) error {
	event := store.NewEvent(s.now(), r.By, actionNotPermitted, hex.EncodeToString(r.Digest[:]), map[string]string{
		"vendor": r.Vendor, "product": r.Product, "format": r.Format, "reason": string(refusal.Code)})
	if err := s.c.Store.Update(ctx, func(tx store.Tx) error { return store.Events.Insert(tx, event) }); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}

// logSignature has the use of a key logged, in the transaction that puts the signature on
// record. The log tells how often this vendor's keys are used; over what, only to whom the
// salt is given.
func logSignature(tx store.Tx, vendor store.Vendor, signature store.Signature) error {
	signer, err := Pseudonym(tx, vendor)
	if err != nil {
		return err
	}
	return queue.Put(tx, signature.ID, receipt.Entry{
		Type: receipt.SignatureMade, At: signature.At, Signer: signer,
		Commitment: receipt.Commit(signature.LogSalt, SignatureText(signature)),
	})
}

// SignatureText is what the log's commitment to a signature opens to.
func SignatureText(s store.Signature) string { return s.ID + " " + s.Serial + " " + s.Digest }

// Pseudonym is how the log names a vendor whose signatures it tells of. A vendor gets its
// salt when it first needs one, in the transaction.
func Pseudonym(tx store.Tx, vendor store.Vendor) (string, error) {
	if len(vendor.LogSalt) != receipt.SaltBytes {
		vendor.LogSalt = NewSalt()
		if err := store.Vendors.Put(tx, vendor); err != nil {
			return "", err
		}
	}
	return receipt.Commit(vendor.LogSalt, vendor.ID), nil
}

// NewSalt returns what a commitment in the log is made with.
func NewSalt() []byte {
	salt := make([]byte, receipt.SaltBytes)
	rand.Read(salt) // never fails (crypto/rand.Read documents it)
	return salt
}
