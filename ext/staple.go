package ext

import (
	"slices"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Tags of Staple's fields, all optional.
var (
	tagVSA      = asn1.Tag(0).ContextSpecific()
	tagReceipts = asn1.Tag(1).ContextSpecific().Constructed()
	tagCRLs     = asn1.Tag(2).ContextSpecific().Constructed()
)

// Staple is what a signature carries so that a file can be judged without a network. It
// is the one value of an unsigned attribute of the signature (RFC 5652 §5.3), so nothing
// in it is trusted for being there: each part has a signature of its own. At least one
// part is present; a signature with nothing to staple has no such attribute. What is in
// a part is judged by its own parser, not here.
type Staple struct {
	VSA      []byte   // SLSA verification summary in a DSSE envelope, JSON; may be absent
	Receipts [][]byte // log inclusion proofs, c2sp.org/tlog-proof@v1 text, at most MaxReceipts
	CRLs     [][]byte // certificate lists, DER, RFC 5280 §5, at most MaxCRLs
}

// ParseStaple reads the value of a staple attribute. The error is a *ParseError. The
// result shares memory with der; Marshal of it gives der again.
func ParseStaple(der []byte) (Staple, error) {
	fields, err := readObject(der, MaxStapleBytes, "staple")
	if err != nil {
		return Staple{}, err
	}
	s, err := parseStapleFields(fields)
	if err != nil {
		return Staple{}, err
	}
	if err := s.check(); err != nil {
		return Staple{}, err
	}
	return s, nil
}

// Staple ::= SEQUENCE {
//
//	version   Version,
//	vsa       [0] VSA OPTIONAL,
//	receipts  [1] SEQUENCE SIZE (1..maxReceipts) OF Receipt OPTIONAL,
//	crls      [2] SEQUENCE SIZE (1..maxCRLs) OF CRL OPTIONAL }
func parseStapleFields(in cryptobyte.String) (Staple, error) {
	var s Staple
	var err error
	if in.PeekASN1Tag(tagVSA) {
		if s.VSA, err = parseVSA(&in); err != nil {
			return Staple{}, err
		}
	}
	if in.PeekASN1Tag(tagReceipts) {
		if s.Receipts, err = readBlobs(&in, tagReceipts, MaxReceipts, "receipts"); err != nil {
			return Staple{}, err
		}
	}
	if in.PeekASN1Tag(tagCRLs) {
		if s.CRLs, err = readBlobs(&in, tagCRLs, MaxCRLs, "crls"); err != nil {
			return Staple{}, err
		}
	}
	return s, atEnd(in, "staple")
}

// VSA ::= OCTET STRING (SIZE (1..maxVSABytes))
//
// An empty one is refused here: it would print as an absent one.
func parseVSA(in *cryptobyte.String) ([]byte, error) {
	v, err := readValue(in, tagVSA, "vsa")
	if err != nil {
		return nil, err
	}
	return v, checkBlob(v, MaxVSABytes, "vsa")
}

// Marshal prints the value of a staple attribute. It refuses what ParseStaple would
// refuse, with the same *ParseError.
func (s Staple) Marshal() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return marshalObjectAbout(s.room(), MaxStapleBytes, "staple", func(b *cryptobyte.Builder) {
		if len(s.VSA) > 0 {
			b.AddASN1(tagVSA, func(b *cryptobyte.Builder) { b.AddBytes(s.VSA) })
		}
		addBlobs(b, tagReceipts, s.Receipts)
		addBlobs(b, tagCRLs, s.CRLs)
	})
}

// room is about what a staple takes.
func (s Staple) room() int {
	const header = 6 // identifier and length of anything that fits
	n := 4*header + len(s.VSA)
	for _, blob := range slices.Concat(s.Receipts, s.CRLs) {
		n += header + len(blob)
	}
	return n
}

// addBlobs appends an optional list of OCTET STRINGs.
func addBlobs(b *cryptobyte.Builder, tag asn1.Tag, blobs [][]byte) {
	if len(blobs) == 0 {
		return
	}
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, blob := range blobs {
			b.AddASN1OctetString(blob)
		}
	})
}

func (s Staple) check() error {
	if len(s.VSA) == 0 && len(s.Receipts) == 0 && len(s.CRLs) == 0 {
		return refuse(ReasonEmpty, "staple", "nothing is stapled")
	}
	if len(s.VSA) > 0 {
		if err := checkBlob(s.VSA, MaxVSABytes, "vsa"); err != nil {
			return err
		}
	}
	// Receipt ::= OCTET STRING (SIZE (1..maxReceiptBytes))
	if err := checkBlobs(s.Receipts, MaxReceipts, MaxReceiptBytes, "receipts"); err != nil {
		return err
	}
	// CRL ::= OCTET STRING (SIZE (1..maxCRLBytes))
	return checkBlobs(s.CRLs, MaxCRLs, MaxCRLBytes, "crls")
}

func checkBlobs(blobs [][]byte, most, mostBytes int, field string) error {
	if err := checkCount(len(blobs), 0, most, field); err != nil {
		return err
	}
	for i, blob := range blobs {
		if err := checkBlob(blob, mostBytes, field+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

func checkBlob(blob []byte, most int, field string) error {
	if len(blob) == 0 {
		return refuse(ReasonEmpty, field, "no bytes")
	}
	if len(blob) > most {
		return refuse(ReasonTooLong, field, "%d bytes, at most %d", len(blob), most)
	}
	return nil
}
