package sign

import (
	"encoding/hex"
	"fmt"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/sign/gate"
)

// format returns the format that a request asks for.
func (s *Service) format(r Request) (format.Format, *Refusal) {
	f, err := format.Find(s.c.Formats, format.Kind(r.Format))
	if err != nil {
		refusal := refuse(CodeRequest, "", "%s is none that this service signs", quote(r.Format))
		refusal.Field = "format"
		return nil, refusal
	}
	if d, ok := f.(interface {
		Describe(mediaType string, size int64) format.Format
	}); ok {
		f = d.Describe(r.MediaType, r.Size)
	} else if r.MediaType != "" || r.Size != 0 {
		refusal := refuse(CodeRequest, "", "a %s signature says nothing about media type and size", f.Kind())
		refusal.Field = "media_type"
		return nil, refusal
	}
	return f, nil
}

// toBeSigned builds what is signed from the digest: whatever else the client may have,
// none of it gets under the signature.
func (s *Service) toBeSigned(r Request) (format.ToBeSigned, error) {
	f, refusal := s.format(r)
	if refusal != nil {
		return format.ToBeSigned{}, refusal
	}
	tbs, err := f.ToBeSigned(r.signed())
	if err != nil {
		return format.ToBeSigned{}, fmt.Errorf("format %s: %w", f.Kind(), err)
	}
	return tbs, nil
}

// signed is the digest that is signed.
func (r Request) signed() [32]byte {
	if r.Signed == ([32]byte{}) {
		return r.Digest
	}
	return r.Signed
}

// checkFormat holds the two digests against the format: where what is signed is the
// artifact itself there is one digest, and elsewhere there must be two.
func (s *Service) checkFormat(r Request) *Refusal {
	f, refusal := s.format(r)
	if refusal != nil {
		return refusal
	}
	var problem string
	switch {
	case f.Algorithm() == format.SHA256 && r.signed() != r.Digest:
		problem = fmt.Sprintf("a %s signature signs the artifact's own digest and no other", f.Kind())
	case f.Algorithm() != format.SHA256 && r.Signed == ([32]byte{}):
		problem = fmt.Sprintf("a %s signature signs the %s, which is required", f.Kind(), f.Algorithm())
	default:
		return s.checkContent(f, r)
	}
	refusal = refuse(CodeRequest, "", "%s", problem)
	refusal.Field = "signed"
	return refusal
}

// build is a request as the gate sees it.
func (s *Service) build(r Request) gate.Build {
	b := gate.Build{Digest: hex.EncodeToString(r.Digest[:]), Product: r.Product, Commit: r.Commit}
	algorithm := s.algorithm(r)
	if algorithm == format.SHA256 {
		return b
	}
	b.Signed = gate.Hash{Algorithm: algorithm, Hex: hex.EncodeToString(r.Signed[:])}
	if r.Computed {
		b.Also = map[string]string{b.Signed.Algorithm: b.Signed.Hex}
	}
	return b
}

// algorithm is the name of the digest that is signed, of a request that was checked.
func (s *Service) algorithm(r Request) string {
	f, refusal := s.format(r)
	if refusal != nil {
		return format.SHA256
	}
	return f.Algorithm()
}

// digests are an artifact's digests as in-toto subjects have them.
func (s *Service) digests(r Request) map[string]string {
	all := map[string]string{format.SHA256: hex.EncodeToString(r.Digest[:])}
	if algorithm := s.algorithm(r); algorithm != format.SHA256 {
		all[algorithm] = hex.EncodeToString(r.Signed[:])
	}
	return all
}

// signedName is what was signed, for the record: "" where that is the artifact's SHA-256.
func (s *Service) signedName(r Request) string {
	if algorithm := s.algorithm(r); algorithm != format.SHA256 {
		return algorithm + ":" + hex.EncodeToString(r.Signed[:])
	}
	return ""
}

// checkContent asks the format before the gate is asked: what cannot be signed is the
// caller's mistake.
func (s *Service) checkContent(f format.Format, r Request) *Refusal {
	if _, err := f.ToBeSigned(r.signed()); err != nil {
		refusal := refuse(CodeRequest, "", "%v", err)
		refusal.Field = "media_type"
		return refusal
	}
	return nil
}
