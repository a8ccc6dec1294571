package sign

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// ground is what a signature stands on, read from one snapshot of the store.
type ground struct {
	vendor      store.Vendor
	record      store.Certificate
	certificate *x509.Certificate
	mark        ext.Mark
	rules       []gate.CustomRule // of the product's signing policy
	assessed    []gate.Assessed   // one for each of record.Assessments, in that order
	receipts    [][]byte          // likewise
	signer      crypto.Signer     // the key of one build, once it is made
	evidence    [][]byte          // what the gate has seen
	confirmBy   time.Time         // of a provisional signature, once it is known
	unread      string            // what evidence could not be read, for a refusal
}

// permission says whether a request may be signed with the certificate of a serial number.
type permission func(r store.Reader, req Request, serial string, now time.Time) error

// ground reads what a signature stands on. permitted is asked as soon as it is known which
// certificate that is, and not about one that is yet to be made.
func (s *Service) ground(ctx context.Context, r Request, permitted permission) (ground, error) {
	now := s.now()
	var promised []string
	if r.PerBuild {
		var err error
		if promised, err = s.promised(ctx, r); err != nil {
			return ground{}, fmt.Errorf("examine request: %w", err)
		}
	}
	var g ground
	err := s.c.Store.View(ctx, func(rd store.Reader) error {
		g = ground{}
		var err error
		if g.vendor, err = s.records.activeVendor(rd, r.Vendor); err != nil {
			return err
		}
		// There is no certificate for the build yet: what is judged is what it will rest on.
		g.record = store.Certificate{Vendor: r.Vendor, Assessments: promised}
		if !r.PerBuild {
			if g.record, err = s.records.choose(rd, r, now); err != nil {
				return err
			}
			if err := permitted(rd, r, g.record.Serial, now); err != nil {
				return err
			}
		}
		if g.rules, err = s.policyRules(rd, r.Vendor, r.Product); err != nil {
			return err
		}
		records, err := s.inForce(rd, g.record, now)
		if err != nil {
			return err
		}
		return s.open(rd, &g, records)
	})
	if err != nil {
		return ground{}, fmt.Errorf("examine request: %w", err)
	}
	if r.PerBuild {
		return g, nil
	}
	if err := s.readMark(&g); err != nil {
		return ground{}, fmt.Errorf("examine request: certificate %s: %w", g.record.Serial, err)
	}
	return g, nil
}

// open reads the assessments that a certificate rests on.
func (s *Service) open(rd store.Reader, g *ground, records []store.Assessment) error {
	for _, rec := range records {
		a, err := s.opener.Open(rd, rec)
		if err != nil {
			// Not wrapped: it was accepted once, so this is a damaged record and not
			// a refusal of anything the caller sent.
			return fmt.Errorf("assessment %s on record: %v", rec.ID, err)
		}
		if a.Vendor.ID != g.vendor.ID || a.Vendor.URI != g.vendor.URI {
			return fmt.Errorf("assessment %s is about %s, not about %s", rec.ID, quote(a.Vendor.URI), g.vendor.URI)
		}
		// A catalogue that is not known leaves the track empty, which the gate refuses.
		_, track, err := s.c.Catalogue.Pinned(rd, a)
		var unknown *audit.Refusal
		if err != nil && !errors.As(err, &unknown) {
			return fmt.Errorf("assessment %s on record: %v", rec.ID, err)
		}
		g.assessed = append(g.assessed, gate.Assessed{ID: rec.ID, Assessment: a, Track: track})
		g.receipts = append(g.receipts, slices.Clone(rec.Receipt))
	}
	return nil
}

func (m *records) activeVendor(r store.Reader, id string) (store.Vendor, error) {
	v, err := m.vendors.Get(r, store.Vendors, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Vendor{}, refuse(CodeVendor, "", "no vendor %s", quote(id))
	}
	if err == nil && !v.SuspendedAt.IsZero() {
		return store.Vendor{}, refuse(CodeVendor, "ask the CA why", "vendor %s is suspended", quote(id))
	}
	return v, err
}

// choose returns the certificate named, or the newest one that can be used.
func (m *records) choose(r store.Reader, req Request, now time.Time) (store.Certificate, error) {
	if req.Certificate != "" {
		c, err := m.certificates.Get(r, store.Certificates, req.Certificate)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return store.Certificate{}, err
		}
		// Another vendor's certificate is answered like one that does not exist.
		if err != nil || c.Vendor != req.Vendor {
			return store.Certificate{}, refuse(CodeCertificate, "", "vendor %s has no certificate %s", quote(req.Vendor), quote(req.Certificate))
		}
		if why := unusable(c, now); why != "" {
			return store.Certificate{}, refuse(CodeCertificate, "request a certificate whose key the service holds", "certificate %s %s", c.Serial, why)
		}
		return c, nil
	}
	return m.newest(r, req.Vendor, now)
}

// newest goes by the vendor's keys and not by its certificates: there are few keys
// held here, and there may be a certificate for every build there ever was.
func (m *records) newest(r store.Reader, vendor string, now time.Time) (store.Certificate, error) {
	var best store.Certificate
	for key, err := range m.keys.By(r, store.SigningKeys, "vendor", vendor) {
		if err != nil {
			return store.Certificate{}, err
		}
		for c, err := range m.certificates.By(r, store.Certificates, "key", key.SPKISHA256) {
			if err != nil {
				return store.Certificate{}, err
			}
			if c.Vendor != vendor || unusable(c, now) != "" {
				continue
			}
			if best.Serial == "" || c.IssuedAt.After(best.IssuedAt) || c.IssuedAt.Equal(best.IssuedAt) && c.Serial > best.Serial {
				best = c
			}
		}
	}
	if best.Serial == "" {
		return store.Certificate{}, refuse(CodeCertificate, "request a certificate whose key the service holds", "vendor %s has no certificate that can be used now", quote(vendor))
	}
	return best, nil
}

// unusable says why a certificate cannot be used at a time with a key that the service
// holds, or "".
func unusable(c store.Certificate, now time.Time) string {
	if why := over(c, now); why != "" {
		return why
	}
	if c.SigningKey == "" {
		return "has a key that the service does not hold"
	}
	return ""
}

// over says why a certificate is of no use at a time, or "".
func over(c store.Certificate, now time.Time) string {
	switch {
	case c.Revocation != nil:
		return "is revoked"
	case now.Before(c.NotBefore):
		return "is not valid yet"
	case now.After(c.NotAfter):
		return "has expired"
	}
	return ""
}

// inForce returns the assessments that a certificate rests on, in its order. Each
// must be in force; a certificate that rests on none is not used.
func (s *Service) inForce(r store.Reader, c store.Certificate, now time.Time) ([]store.Assessment, error) {
	all, err := s.opener.InForce(r, c.Vendor, now)
	if err != nil {
		return nil, err
	}
	if len(c.Assessments) == 0 {
		return nil, refuse(CodeAssessment, "", "certificate %s rests on no assessment", c.Serial)
	}
	var out []store.Assessment
	for _, id := range c.Assessments {
		i := slices.IndexFunc(all, func(a store.Assessment) bool { return a.ID == id })
		if i < 0 {
			return nil, refuse(CodeAssessment, "have the vendor assessed and request a new certificate",
				"assessment %s, on which certificate %s rests, is not in force", quote(id), c.Serial)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// readMark parses the certificate and compares its mark with its record: what is
// judged must be what installers will read.
func (s *Service) readMark(g *ground) error {
	read, err := s.records.read(s.c.Arc, g.record.DER)
	if err != nil {
		return err
	}
	var marked []string
	for _, c := range read.mark.Assurance.Claims {
		marked = append(marked, hex.EncodeToString(c.Assessment.Payload[:]))
	}
	recorded := slices.Clone(g.record.Assessments)
	slices.Sort(marked)
	slices.Sort(recorded)
	if !slices.Equal(slices.Compact(marked), slices.Compact(recorded)) {
		return errors.New("the assessments in its mark are not those on record")
	}
	g.certificate, g.mark = read.certificate, read.mark
	return nil
}
