package sign

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/store"
)

// Actions of the events written here.
const (
	actionSigned  = "sign.artifact"
	actionRefused = "refuse.artifact"
)

// recordSignature makes the signature's record durable, if what it stands on still
// holds: between the examination and now, a certificate may have been revoked or an
// assessment withdrawn, and after this transaction either finds the signature on record.
func (s *Service) recordSignature(ctx context.Context, r Request, g ground, res Result) error {
	digest := hex.EncodeToString(r.Digest[:])
	signature := store.Signature{
		ID: res.ID, Vendor: r.Vendor, Serial: res.Serial, Digest: digest, Format: r.Format, Product: r.Product,
		Evidence: res.Decision.Evidence(), At: res.At, By: r.By, LogSalt: NewSalt(),
		Signed: s.signedName(r), Computed: r.Computed, Commit: r.Commit,
	}
	r.setState(&signature, g)
	event := store.Event{ID: res.ID, At: res.At, Who: r.By, Action: actionSigned, Object: digest, Detail: map[string]string{
		"vendor": r.Vendor, "product": r.Product, "format": r.Format, "serial": res.Serial, "signature": res.ID}}
	if signature.Signed != "" {
		event.Detail["signed"] = signature.Signed
	}
	now := s.now()
	err := s.c.Store.Update(ctx, func(tx store.Tx) error {
		vendor, err := s.records.activeVendor(tx, r.Vendor)
		if err != nil {
			return err
		}
		c, err := s.records.certificates.Get(tx, store.Certificates, g.record.Serial)
		if err != nil {
			return err
		}
		why := over(c, now)
		if g.signer == nil {
			why = unusable(c, now)
		}
		if why != "" {
			return refuse(CodeCertificate, "", "certificate %s %s", c.Serial, why)
		}
		if _, err := s.inForce(tx, g.record, now); err != nil {
			return err
		}
		signature := signature // this function may run more than once
		if s.c.Release != nil {
			if signature.Approval, err = s.c.Release.Use(tx, r, signature); err != nil {
				return err
			}
		}
		if err := store.Signatures.Insert(tx, signature); err != nil {
			return err
		}
		if err := s.askRebuilders(ctx, tx, signature, g.evidence); err != nil {
			return err
		}
		if err := logSignature(tx, vendor, signature); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return fmt.Errorf("record signature: %w", err)
	}
	if r.Mode == Provisional && s.c.Provisional.Asked != nil {
		s.c.Provisional.Asked()
	}
	return nil
}

// recordRefusal notes that the gate said no: a build that does not meet its vendor's
// audited level is something an officer wants to see.
func (s *Service) recordRefusal(ctx context.Context, r Request, refusal *Refusal) error {
	event := store.NewEvent(s.now(), r.By, actionRefused, hex.EncodeToString(r.Digest[:]), map[string]string{
		"vendor": r.Vendor, "product": r.Product, "format": r.Format, "rules": strings.Join(refusal.Decision.Failed(), " ")})
	if err := s.c.Store.Update(ctx, func(tx store.Tx) error { return store.Events.Insert(tx, event) }); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}
