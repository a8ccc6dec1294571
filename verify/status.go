package verify

import (
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Status is a status bundle: what has happened since certificates were issued and
// assessments put in force. The CA signs it with a key of its own, so that no part of
// it can be held back or taken from an older one; see OpenStatus for the file.
type Status struct {
	// Number only goes up: of two bundles the one with the higher number is newer.
	Number uint64
	// IssuedAt is when it was made, NextUpdate when the next one will be there at the
	// latest. Past NextUpdate it proves no more that something is not revoked.
	IssuedAt, NextUpdate time.Time
	// CRLs are DER CertificateLists, none twice. An issuing CA's list comes in shards,
	// each of which is in here. CRLs of issuers this machine does not trust are carried
	// and never used.
	CRLs [][]byte
	// Assessments are those that ended before their time, sorted by Assessment, none twice.
	Assessments []Transition
	// Checkpoint is the transparency log's at that time, a C2SP signed note; nil: none.
	Checkpoint []byte
}

var statusFields = []string{"version", "number", "issued_at", "next_update", "crls", "assessments", "checkpoint"}

// ParseUnverifiedStatus reads a status bundle and checks its form, not its signature:
// to show it, never to decide. That each CRL has an issuer is checked here; signatures
// and times of CRLs when they are used.
func ParseUnverifiedStatus(raw []byte) (Status, error) {
	file, err := splitStatus(raw)
	if err != nil {
		return Status{}, fmt.Errorf("status bundle: %w", err)
	}
	s, err := parseStatus(file.payload)
	if err != nil {
		return Status{}, fmt.Errorf("status bundle: %w: %w", ErrStatusForm, err)
	}
	return s, nil
}

func parseStatus(raw []byte) (Status, error) {
	fields, err := readObject(raw, MaxStatusBytes, statusFields...)
	if err != nil {
		return Status{}, err
	}
	if err := version(fields, statusVersion); err != nil {
		return Status{}, err
	}
	for _, name := range statusFields {
		if _, ok := fields[name]; !ok {
			return Status{}, fmt.Errorf("field %q is missing", name)
		}
	}
	var s Status
	var errs [6]error
	var checkpoint string
	s.Number, errs[0] = field[uint64](fields, "number")
	s.IssuedAt, errs[1] = timeField(fields, "issued_at")
	s.NextUpdate, errs[2] = timeField(fields, "next_update")
	s.CRLs, errs[3] = blobs(fields, "crls", maxCRLs, maxCRLBytes)
	s.Assessments, errs[4] = transitions(fields["assessments"])
	checkpoint, errs[5] = field[string](fields, "checkpoint")
	if err := errors.Join(errs[:]...); err != nil {
		return Status{}, err
	}
	if checkpoint != "" {
		s.Checkpoint = []byte(checkpoint)
	}
	return s, s.check()
}

// check holds for a bundle however it was made.
func (s Status) check() error {
	switch {
	case s.Number == 0:
		return errors.New("no number")
	case s.IssuedAt.IsZero():
		return errors.New("no issue time")
	case !s.NextUpdate.After(s.IssuedAt):
		return errors.New("next_update is not after issued_at")
	case len(s.CRLs) > maxCRLs:
		return fmt.Errorf("%d CRLs, at most %d", len(s.CRLs), maxCRLs)
	case len(s.Assessments) > maxTransitions:
		return fmt.Errorf("%d assessments, at most %d", len(s.Assessments), maxTransitions)
	case len(s.Checkpoint) > maxCheckpointBytes:
		return fmt.Errorf("checkpoint of %d bytes, at most %d", len(s.Checkpoint), maxCheckpointBytes)
	}
	for i, der := range s.CRLs {
		if _, err := readCRLHead(der); err != nil {
			return fmt.Errorf("crls, item %d: %w", i, err)
		}
	}
	return checkTransitions(s.Assessments)
}

// payload is the first line of the file, in the one form that parsing followed by
// printing gives again.
func (s Status) payload() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	list := make([]transitionJSON, 0, len(s.Assessments))
	for _, t := range s.Assessments {
		list = append(list, transitionJSON{hex.EncodeToString(t.Assessment[:]), t.To, t.Effective.UTC().Truncate(time.Second), t.Level})
	}
	raw, err := json.Marshal(struct {
		Version     int              `json:"version"`
		Number      uint64           `json:"number"`
		IssuedAt    time.Time        `json:"issued_at"`
		NextUpdate  time.Time        `json:"next_update"`
		CRLs        []string         `json:"crls"`
		Assessments []transitionJSON `json:"assessments"`
		Checkpoint  string           `json:"checkpoint"`
	}{statusVersion, s.Number, s.IssuedAt.UTC().Truncate(time.Second), s.NextUpdate.UTC().Truncate(time.Second),
		encodeBlobs(s.CRLs), list, string(s.Checkpoint)})
	if err != nil {
		return nil, err
	}
	if _, err := parseStatus(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

type transitionJSON struct {
	Assessment string    `json:"assessment"`
	To         string    `json:"to"`
	Effective  time.Time `json:"effective"`
	Level      int       `json:"level,omitempty"`
}

// transitions reads the list strictly; that it is sorted, check looks at.
func transitions(raw json.RawMessage) ([]Transition, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, errors.New("field \"assessments\": not a list")
	}
	if len(items) > maxTransitions {
		return nil, fmt.Errorf("field \"assessments\": %d items, at most %d", len(items), maxTransitions)
	}
	var out []Transition
	for i, item := range items {
		t, err := parseTransition(item)
		if err != nil {
			return nil, fmt.Errorf("field \"assessments\", item %d: %w", i, err)
		}
		out = append(out, t)
	}
	return out, nil
}

func parseTransition(raw json.RawMessage) (Transition, error) {
	fields, err := readObject(raw, maxTransitionBytes, "assessment", "to", "effective", "level")
	if err != nil {
		return Transition{}, err
	}
	var t Transition
	digest, err := field[string](fields, "assessment")
	if err != nil {
		return Transition{}, err
	}
	sum, err := hex.DecodeString(digest)
	if err != nil || len(sum) != len(t.Assessment) || strings.ToLower(digest) != digest {
		return Transition{}, errors.New("assessment is not a SHA-256 in lower-case hex")
	}
	copy(t.Assessment[:], sum)
	if t.To, err = field[string](fields, "to"); err != nil {
		return Transition{}, err
	}
	if t.Effective, err = timeField(fields, "effective"); err != nil {
		return Transition{}, err
	}
	t.Level, err = field[int](fields, "level")
	return t, err
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
