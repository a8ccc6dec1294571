package ca

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// OrderInfo describes an order to the people at a ceremony.
type OrderInfo struct {
	ID           string               `json:"id"`
	Purpose      string               `json:"purpose"` // found, tier, root, lists, tsa or timestamping
	Name         string               `json:"name"`
	Organization string               `json:"organization"`
	Country      string               `json:"country"`
	Arc          string               `json:"arc"`
	PublicURL    string               `json:"public_url"` // stands in the certificates: where lists are looked for
	CreatedAt    time.Time            `json:"created_at"`
	SHA256       string               `json:"sha256"` // of order.json
	Certificates []OrderedCertificate `json:"certificates"`
	Lists        []string             `json:"lists"` // issuers
	// InsteadOf is the order that it takes the place of, where a person says so who signs.
	InsteadOf string `json:"instead_of,omitempty"`
}

func (o order) info(sum string) OrderInfo {
	info := OrderInfo{ID: o.ID, Purpose: o.Purpose, Name: o.Name, Organization: o.Organization, Country: o.Country, Arc: o.Arc, PublicURL: o.PublicURL, CreatedAt: o.CreatedAt, SHA256: sum, Certificates: o.rows(), Lists: []string{}}
	for _, l := range o.Lists {
		info.Lists = append(info.Lists, l.Issuer)
	}
	return info
}

// ReadOrder describes an order, order.json. The error is a *CeremonyError.
func ReadOrder(raw []byte) (OrderInfo, error) {
	o, err := parseOrder(raw)
	if err != nil {
		return OrderInfo{}, err
	}
	return o.info(digestHex(raw)), nil
}

// AnswerInfo describes an answer that fits its order.
type AnswerInfo struct {
	Order        string            `json:"order"`  // its id
	SHA256       string            `json:"sha256"` // of answer.json
	SignedAt     time.Time         `json:"signed_at"`
	Fingerprints map[string]string `json:"fingerprints"` // certificate name → SHA-256
	Lists        []string          `json:"lists"`
}

// CheckAnswer holds an answer against the order that was read aloud, as the import
// does, but without the hierarchy: dir, if not empty, is a directory with the
// certificates there are already (a hierarchy's, or a vault). The error is a
// *CeremonyError where the answer is to blame.
func CheckAnswer(dir string, rawOrder, rawAnswer []byte, now time.Time) (AnswerInfo, error) {
	o, err := parseOrder(rawOrder)
	if err != nil {
		return AnswerInfo{}, err
	}
	signed, err := parseAnswer(rawAnswer)
	if err != nil {
		return AnswerInfo{}, err
	}
	known, err := readAllCertificates(dir)
	if err != nil {
		return AnswerInfo{}, fmt.Errorf("check answer: %w", err)
	}
	l, err := newLinter()
	if err != nil {
		return AnswerInfo{}, fmt.Errorf("check answer: %w", err)
	}
	k := checker{order: o, sum: digestHex(rawOrder), known: known, linter: l, now: now}
	if _, err := k.check(signed); err != nil {
		return AnswerInfo{}, err
	}
	return signed.info(o, digestHex(rawAnswer)), nil
}

func (a orderAnswer) info(o order, sum string) AnswerInfo {
	info := AnswerInfo{Order: o.ID, SHA256: sum, SignedAt: a.SignedAt, Fingerprints: map[string]string{}, Lists: []string{}}
	for name, der := range a.Certificates {
		info.Fingerprints[name] = digestHex(der)
	}
	for _, l := range o.Lists {
		info.Lists = append(info.Lists, l.Issuer)
	}
	return info
}

// Import takes up the answer to the order that waits. It is checked against that
// order, the profiles and the keys of this hierarchy; then confirm is asked, which
// returns an error to refuse. The error is a *CeremonyError where the answer is to
// blame, and then nothing was changed. An import that was interrupted is done again.
func (s *Site) Import(ctx context.Context, rawAnswer []byte, confirm func(AnswerInfo) error) (Change, error) {
	rawOrder, err := readFile(orderPath(s.cfg.Dir), maxOrderBytes)
	if err != nil {
		return Change{}, fmt.Errorf("import answer: no order waits: %w", err)
	}
	o, err := parseOrder(rawOrder)
	if err != nil {
		return Change{}, err
	}
	next, err := readNext(s.cfg.Dir)
	if err != nil {
		return Change{}, fmt.Errorf("import answer: %w", err)
	}
	next.Added = s.manifest.Added // a server that started since may have made keys
	signed, err := parseAnswer(rawAnswer)
	if err != nil {
		return Change{}, err
	}
	sum := digestHex(rawOrder)
	k := checker{order: o, sum: sum, known: s.certs, linter: s.linter, now: s.now}
	if _, err := k.check(signed); err != nil {
		return Change{}, err
	}
	if err := confirm(signed.info(o, digestHex(rawAnswer))); err != nil {
		return Change{}, err
	}
	// Locked only now: nobody else has to wait while a person reads.
	change, err := s.changed(func() (Change, error) {
		if raw, err := readFile(orderPath(s.cfg.Dir), maxOrderBytes); err != nil || !bytes.Equal(raw, rawOrder) {
			return Change{}, ErrSiteChanged
		}
		change, err := s.install(ctx, o, sum, signed, next)
		if err != nil {
			return Change{}, err
		}
		return change, removeOrder(s.cfg.Dir)
	})
	if err != nil {
		return Change{}, fmt.Errorf("import answer: %w", err)
	}
	return change, nil
}
