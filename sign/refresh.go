package sign

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/sassoftware/relic/v7/lib/pkcs7"
)

// Refresh returns a signature of ours with a staple of today: the summary that confirmed
// it, where there is one, and the newest revocation list. Nothing under the signature or
// the timestamp changes. cms is the signature as it was given out; the answer is no longer
// than format.MaxSignatureBytes. A signature whose certificate is revoked is refused.
func (s *Service) Refresh(ctx context.Context, vendor, id string, cms []byte) ([]byte, error) {
	var g ground
	var summary []byte
	restaple := s.restaple
	err := s.c.Store.View(ctx, func(r store.Reader) error {
		g, summary = ground{}, nil
		signature, err := store.Signatures.Get(r, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && signature.Vendor != vendor {
			return refuse(CodeRequest, "", "vendor %s has no signature %s", quote(vendor), quote(id))
		}
		if err != nil {
			return err
		}
		if signature.Format == string(oci.Kind) {
			restaple = s.restapleNotary
		}
		if g.record, err = store.Certificates.Get(r, signature.Serial); err != nil {
			return err
		}
		if g.record.Revocation != nil {
			return refuse(CodeCertificate, "", "certificate %s is revoked", g.record.Serial)
		}
		if g.receipts, err = receiptsOf(r, g.record); err != nil {
			return err
		}
		summary, err = passedSummary(r, signature)
		return err
	})
	if err == nil {
		err = s.readMark(&g)
	}
	if err != nil {
		return nil, fmt.Errorf("refresh signature: %w", err)
	}
	der, err := restaple(ctx, g, summary, cms)
	if err != nil {
		return nil, fmt.Errorf("refresh signature %s: %w", id, err)
	}
	return der, nil
}

func receiptsOf(r store.Reader, c store.Certificate) (receipts [][]byte, err error) {
	for _, id := range c.Assessments {
		a, err := store.Assessments.Get(r, id)
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, slices.Clone(a.Receipt))
	}
	return receipts, nil
}

// passedSummary is the newest summary that confirmed a signature; nil: none did.
func passedSummary(r store.Reader, signature store.Signature) (envelope []byte, err error) {
	for summary, err := range store.Summaries.By(r, "signature", signature.ID) {
		if err != nil {
			return nil, err
		}
		if summary.Passed {
			envelope = slices.Clone(summary.Envelope)
		}
	}
	return envelope, nil
}

// restaple puts another staple into a signature by the certificate of a ground. With no
// summary given, the one that was stapled stays.
func (s *Service) restaple(ctx context.Context, g ground, summary, cms []byte) ([]byte, error) {
	foreign := func(why string) error {
		return refuse(CodeRequest, "hand in the signature as the service gave it out", "not a signature of certificate %s: %s", g.record.Serial, why)
	}
	if len(cms) > format.MaxSignatureBytes {
		return nil, foreign(fmt.Sprintf("%d bytes, at most %d", len(cms), format.MaxSignatureBytes))
	}
	parsed, err := pkcs7.Unmarshal(cms)
	if err != nil {
		return nil, foreign("it does not parse")
	}
	infos := parsed.Content.SignerInfos
	for i := range infos {
		infos[i].RawContent = nil // or it would be printed, whatever the fields say
	}
	if again, err := parsed.Marshal(); err != nil || !bytes.Equal(again, cms) {
		return nil, foreign("it is not in our encoding") // what is written back must be what came
	}
	if len(infos) != 1 || infos[0].IssuerAndSerialNumber.SerialNumber.Cmp(g.certificate.SerialNumber) != 0 {
		return nil, foreign("another certificate signed it")
	}
	list := &infos[0].UnauthenticatedAttributes
	old, err := takeStaple(list, s.c.Arc)
	if err != nil {
		return nil, foreign(err.Error())
	}
	if summary == nil {
		summary = old.VSA
	}
	staple, err := s.staple(ctx, g, summary)
	if err != nil {
		return nil, err
	}
	if err := list.Add(s.c.Arc.Staple(), asn1.RawValue{FullBytes: staple}); err != nil {
		return nil, fmt.Errorf("staple: %w", err)
	}
	if err := sortDER(*list); err != nil {
		return nil, fmt.Errorf("staple: %w", err)
	}
	der, err := parsed.Marshal()
	if err == nil && len(der) > format.MaxSignatureBytes {
		err = fmt.Errorf("signature of %d bytes, at most %d", len(der), format.MaxSignatureBytes)
	}
	return der, err
}

// sortDER puts attributes in the order of their encodings.
func sortDER(list pkcs7.AttributeList) error {
	var err error
	slices.SortFunc(list, func(a, b pkcs7.Attribute) int {
		x, errX := asn1.Marshal(a)
		y, errY := asn1.Marshal(b)
		err = errors.Join(err, errX, errY)
		return bytes.Compare(x, y)
	})
	return err
}

// takeStaple removes the staple from a list of attributes and returns it.
func takeStaple(list *pkcs7.AttributeList, arc ext.Arc) (ext.Staple, error) {
	var found ext.Staple
	n := 0
	var failed error
	*list = slices.DeleteFunc(*list, func(a pkcs7.Attribute) bool {
		if !a.Type.Equal(arc.Staple()) {
			return false
		}
		n++
		if found, failed = ext.ParseStaple(a.Values.Bytes); failed != nil {
			failed = fmt.Errorf("staple: %w", failed)
		}
		return true
	})
	if n != 1 && failed == nil {
		failed = fmt.Errorf("%d staples", n)
	}
	return found, failed
}
