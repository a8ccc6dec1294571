package verify

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// checkDER walks one value to its end and refuses what DER does not allow: lengths
// that are indefinite or longer than needed (X.690 §10.1), bytes left over,
// BOOLEANs other than 0x00 and 0xff, and INTEGERs with needless bytes. It does not
// look into OCTET STRINGs, nor at values behind implicit tags, whose type it cannot
// know; whoever reads those checks them.
//
// Everything that reads the value afterwards (the CMS library normalises BER
// before it parses) then sees the same bytes in the same places.
func checkDER(der []byte) error {
	in := cryptobyte.String(der)
	if err := walkDER(&in, 0); err != nil {
		return err
	}
	if !in.Empty() {
		return fmt.Errorf("%d bytes after the value", len(in))
	}
	return nil
}

func walkDER(in *cryptobyte.String, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	var body cryptobyte.String
	var tag cbasn1.Tag
	// cryptobyte takes only definite, minimal lengths and low tag numbers.
	if !in.ReadAnyASN1(&body, &tag) {
		return errors.New("not DER")
	}
	const constructed = 0x20
	if tag&constructed != 0 {
		for !body.Empty() {
			if err := walkDER(&body, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	switch tag {
	case cbasn1.BOOLEAN:
		if len(body) != 1 || body[0] != 0 && body[0] != 0xff {
			return errors.New("BOOLEAN not in DER")
		}
	case cbasn1.INTEGER:
		if len(body) == 0 || len(body) > 1 && (body[0] == 0 && body[1] < 0x80 || body[0] == 0xff && body[1] >= 0x80) {
			return errors.New("INTEGER not in DER")
		}
	case cbasn1.NULL:
		if len(body) != 0 {
			return errors.New("NULL with content")
		}
	case cbasn1.SEQUENCE &^ constructed, cbasn1.SET &^ constructed:
		return errors.New("primitive SEQUENCE or SET")
	}
	return nil
}
