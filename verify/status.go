package verify

import (
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Status is a status bundle: what has happened to certificates since they were
// issued. The file is not signed; each CRL in it is. Its file is one JSON object,
// all fields required:
//
//	{"version": 1,
//	 "issued_at": "2026-01-02T15:04:05Z",   when it was put together, for people
//	 "crls": ["MII..."]}                    DER CertificateLists, base64, none twice
//
// An issuing CA's list comes in shards, each of which is in here. CRLs of issuers this machine does not trust are carried and never used.
type Status struct {
	IssuedAt time.Time
	CRLs     [][]byte
	// Assessments are those that ended before their time, sorted by Assessment, none twice.
	Assessments []Transition
}

var statusFields = []string{"version", "issued_at", "crls"}

// ParseStatus reads a status bundle of at most 64 MiB with at most 16384 CRLs. It
// checks the form of the bundle and that each CRL has an issuer; signatures and
// times are checked when a CRL is used.
func ParseStatus(raw []byte) (Status, error) {
	s, err := parseStatus(raw)
	if err != nil {
		return Status{}, fmt.Errorf("status bundle: %w", err)
	}
	return s, nil
}

func parseStatus(raw []byte) (Status, error) {
	fields, err := readObject(raw, maxStatusBytes, statusFields...)
	if err != nil {
		return Status{}, err
	}
	if err := version(fields); err != nil {
		return Status{}, err
	}
	for _, name := range statusFields {
		if _, ok := fields[name]; !ok {
			return Status{}, fmt.Errorf("field %q is missing", name)
		}
	}
	var s Status
	if s.IssuedAt, err = timeField(fields, "issued_at"); err != nil {
		return Status{}, err
	}
	if s.CRLs, err = blobs(fields, "crls", maxCRLs, maxCRLBytes); err != nil {
		return Status{}, err
	}
	for i, der := range s.CRLs {
		if _, err := readCRLHead(der); err != nil {
			return Status{}, fmt.Errorf("crls, item %d: %w", i, err)
		}
	}
	return s, nil
}

// Marshal writes the bundle on one line, in the one form that ParseStatus followed
// by Marshal gives again.
func (s Status) Marshal() ([]byte, error) {
	if s.IssuedAt.IsZero() {
		return nil, errors.New("status bundle: no issue time")
	}
	raw, err := json.Marshal(struct {
		Version  int       `json:"version"`
		IssuedAt time.Time `json:"issued_at"`
		CRLs     []string  `json:"crls"`
	}{1, s.IssuedAt.UTC().Truncate(time.Second), encodeBlobs(s.CRLs)})
	if err != nil {
		return nil, fmt.Errorf("status bundle: %w", err)
	}
	raw = append(raw, '\n')
	if _, err := ParseStatus(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// crlHead is what says whether a CRL is worth parsing.
type crlHead struct {
	issuer []byte   // DER name
	urls   []string // none: no issuing distribution point, or one that parsing will refuse
}

// readCRLHead finds a CRL's issuer and distribution points without reading its entries,
// so that a bundle of many shards costs only what the file at hand needs. RFC 5280 §5.1.
// Nothing is believed yet: the signature is checked over the same bytes.
func readCRLHead(der []byte) (crlHead, error) {
	in := cryptobyte.String(der)
	var list, tbs, issuer cryptobyte.String
	ok := in.ReadASN1(&list, cbasn1.SEQUENCE) && in.Empty() &&
		list.ReadASN1(&tbs, cbasn1.SEQUENCE) &&
		tbs.SkipOptionalASN1(cbasn1.INTEGER) &&
		tbs.SkipASN1(cbasn1.SEQUENCE) &&
		tbs.ReadASN1Element(&issuer, cbasn1.SEQUENCE)
	if !ok {
		return crlHead{}, errors.New("not a DER CertificateList")
	}
	return crlHead{issuer: issuer, urls: distributionPoints(tbs)}, nil
}

// distributionPoints reads on from thisUpdate.
func distributionPoints(tbs cryptobyte.String) []string {
	var extensions, all cryptobyte.String
	var present bool
	var tag cbasn1.Tag
	for !tbs.Empty() && !tbs.PeekASN1Tag(contextTag(0)) { // times and entries
		var skipped cryptobyte.String
		if !tbs.ReadAnyASN1Element(&skipped, &tag) {
			return nil
		}
	}
	if !tbs.ReadOptionalASN1(&extensions, &present, contextTag(0)) || !present || !extensions.ReadASN1(&all, cbasn1.SEQUENCE) {
		return nil
	}
	for !all.Empty() {
		var one, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !all.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) {
			return nil
		}
		if !oid.Equal(oidIssuingDistributionPoint) {
			continue
		}
		if !one.SkipOptionalASN1(cbasn1.BOOLEAN) || !one.ReadASN1(&value, cbasn1.OCTET_STRING) {
			return nil
		}
		scope, err := parseScope(value)
		if err != nil {
			return nil
		}
		return scope.urls
	}
	return nil
}
