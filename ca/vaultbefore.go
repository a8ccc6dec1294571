package ca

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// callOff lets what was signed for VaultConfig.InsteadOf be signed anew. The keys that
// were made for it are used again; its answer stays in answers/.
func (v *vault) callOff(a *signatory, o order) error {
	id := v.cfg.InsteadOf
	if id == "" {
		return nil
	}
	if !orderID.MatchString(id) || id == o.ID {
		return ceremonyRefuses(CeremonyFormat, "an order is called off by its id, 32 hex digits, and not by its own")
	}
	signed, err := v.answer(id)
	if errors.Is(err, fs.ErrNotExist) {
		return ceremonyRefuses(CeremonyMissing, "no order %s was signed here", id)
	}
	if err != nil {
		return fmt.Errorf("sign order: %w", err)
	}
	for name, der := range signed.Certificates {
		if have := a.certs[name]; have != nil && string(have.Raw) == string(der) {
			delete(a.certs, name)
		}
	}
	return nil
}

// answer reads what was given for an order.
func (v *vault) answer(id string) (orderAnswer, error) {
	raw, err := readFile(filepath.Join(v.cfg.Dir, "answers", id+".json"), maxOrderBytes)
	if err != nil {
		return orderAnswer{}, err
	}
	return parseAnswer(raw)
}

// signedBefore refuses a certificate of a name that there is one of. A server that was
// taken over could have a second one for a key of its own.
func (v *vault) signedBefore(name string) error {
	files, err := filepath.Glob(filepath.Join(v.cfg.Dir, "answers", "*.json"))
	if err != nil {
		return fmt.Errorf("sign order: %w", err)
	}
	for _, file := range files {
		id := strings.TrimSuffix(filepath.Base(file), ".json")
		if signed, err := v.answer(id); err == nil && signed.Certificates[name] != nil {
			return ceremonyRefuses(CeremonyBefore, "certificate %s was signed here before, for order %s", name, id)
		}
	}
	return ceremonyRefuses(CeremonyBefore, "certificate %s was signed here before", name)
}

// numberLists sees to it that no list gets a number that one signed here has, also where
// the server never had that: its answer was lost, or too old to be imported. Numbers go
// up, by how much does not matter (RFC 5280 §5.2.3), but not so far that there is no next.
func (v *vault) numberLists(a *signatory, o order) error {
	a.listed = map[string]uint64{}
	for _, l := range o.Lists {
		last, err := v.lastList(l.Issuer)
		if err != nil {
			return fmt.Errorf("sign order: %w", err)
		}
		// Both ways: this vault may be a copy that was not used the last time.
		if max(last, l.After)-min(last, l.After) >= maxListGap {
			return ceremonyRefuses(CeremonyList, "list %d of %s is the last that was signed here, the order says %d", last, l.Issuer, l.After)
		}
		a.listed[l.Issuer] = last
	}
	return nil
}

// lastList is the number of the last list that was signed here; 0: none was.
func (v *vault) lastList(issuer string) (uint64, error) {
	raw, err := readFile(crlPath(v.cfg.Dir, issuer), maxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	last, err := x509.ParseRevocationList(raw)
	if err != nil || last.Number == nil || !last.Number.IsUint64() {
		return 0, fmt.Errorf("the last list of %s cannot be read: %v", issuer, err)
	}
	return last.Number.Uint64(), nil
}
