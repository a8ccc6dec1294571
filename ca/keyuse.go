package ca

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/store"
)

// keyUseTable says which vendor a key belongs to, by the SHA-256 of its SPKI. It
// exists beside the certificates' index by key so that issuing the thousandth
// certificate for a key costs what the first did, and so that two vendors who bring
// one key at the same moment meet in one record.
const keyUseTable = "key_use"

const keyUseVersion = 1

type keyUse struct {
	Vendor      string `json:"vendor"`                // who was first announced a certificate for it
	Compromised string `json:"compromised,omitempty"` // serial number of a certificate revoked for keyCompromise
}

// keyIsFree refuses a key that is another vendor's, or that was ever revoked as
// compromised, whoever had it (CABF Code Signing BR section 6.1.1.3).
func keyIsFree(r store.Reader, spki, vendor string) error {
	use, _, err := readKeyUse(r, spki)
	if err != nil {
		return err
	}
	return use.free(vendor)
}

func (use keyUse) free(vendor string) error {
	switch {
	case use.Compromised != "":
		return refuse(CodeKeyCompromised, "make a new key", "the key was revoked as compromised (certificate %s)", use.Compromised)
	case use.Vendor != "" && use.Vendor != vendor:
		return refuse(CodeKeyInUse, "make a key of your own", "the key is in another vendor's certificate")
	}
	return nil
}

// claimKey makes a free key the vendor's.
func claimKey(tx store.Tx, spki, vendor string) error {
	use, found, err := readKeyUse(tx, spki)
	if err != nil {
		return err
	}
	if err := use.free(vendor); err != nil || found {
		return err
	}
	use.Vendor = vendor
	return writeKeyUse(tx, spki, use)
}

// blockKey notes that a key is compromised, for good.
func blockKey(tx store.Tx, cert store.Certificate) error {
	use, _, err := readKeyUse(tx, cert.SPKISHA256)
	if err != nil {
		return err
	}
	if use.Vendor == "" {
		use.Vendor = cert.Vendor
	}
	use.Compromised = cert.Serial
	return writeKeyUse(tx, cert.SPKISHA256, use)
}

func readKeyUse(r store.Reader, spki string) (use keyUse, found bool, err error) {
	raw, err := r.GetRaw(keyUseTable, spki)
	if errors.Is(err, store.ErrNotFound) {
		return keyUse{}, false, nil
	}
	if err != nil {
		return keyUse{}, false, fmt.Errorf("read use of key %s: %w", spki, err)
	}
	if use, ok := plainKeyUse(raw); ok {
		return use, true, nil
	}
	var envelope struct {
		Version int    `json:"v"`
		Data    keyUse `json:"d"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil || envelope.Version != keyUseVersion {
		return keyUse{}, false, fmt.Errorf("read use of key %s: version %d: %w", spki, envelope.Version, errors.Join(err, errors.New("not a record this program knows")))
	}
	return envelope.Data, true, nil
}

// plainKeyUse reads a record that says whose the key is and no more, as nearly all do.
func plainKeyUse(raw []byte) (use keyUse, ok bool) {
	rest, begins := strings.CutPrefix(string(raw), `{"d":{"vendor":"`)
	vendor, ends := strings.CutSuffix(rest, `"},"v":1}`)
	return keyUse{Vendor: vendor}, begins && ends && !strings.ContainsAny(vendor, `"\`)
}

func writeKeyUse(tx store.Tx, spki string, use keyUse) error {
	raw, err := json.Marshal(map[string]any{"v": keyUseVersion, "d": use})
	if err != nil {
		return fmt.Errorf("encode use of key: %w", err)
	}
	if err := tx.PutRaw(keyUseTable, spki, raw); err != nil {
		return fmt.Errorf("record use of key %s: %w", spki, err)
	}
	return nil
}
