package format

import (
	"crypto/sha256"
	"encoding/asn1"

	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// authenticode builds what Microsoft's document "Windows Authenticode Portable
// Executable Signature Format" has signed: a SpcIndirectDataContent that names the kind
// of digest by an OID, with a value that says nothing today, and the digest.
//
//	SpcIndirectDataContent ::= SEQUENCE {
//	  data          SEQUENCE { type OBJECT IDENTIFIER, value ANY DEFINED BY type },
//	  messageDigest SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING } }
func authenticode(kind asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation, digest [sha256.Size]byte) (ToBeSigned, error) {
	var body cryptobyte.Builder
	sequence(&body, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(kind)
		value(b)
	})
	sequence(&body, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(ext.SHA256())
			b.AddASN1NULL()
		})
		b.AddASN1OctetString(digest[:])
	})
	content, err := body.Bytes()
	if err != nil {
		return ToBeSigned{}, err
	}
	var whole, purpose, opus cryptobyte.Builder
	sequence(&whole, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	sequence(&purpose, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(ext.SPCIndividualPurpose()) })
	sequence(&opus, func(*cryptobyte.Builder) {})
	return ToBeSigned{
		Envelope: CMS, ContentType: ext.SPCIndirectData(), Timestamp: ext.SPCTimeStampToken(),
		Content: whole.BytesOrPanic(),
		// RFC 2315 §9.3: the contents octets alone are digested.
		Digest: sha256.Sum256(content),
		Attributes: []Attribute{
			{ext.SPCStatementType(), purpose.BytesOrPanic()},
			{ext.SPCOpusInfo(), opus.BytesOrPanic()}, // Windows wants it there, empty as it is
		},
	}, nil
}

func sequence(b *cryptobyte.Builder, f cryptobyte.BuilderContinuation) {
	b.AddASN1(cbasn1.SEQUENCE, f)
}

// obsoleteLink is a SpcLink to a file called "<<<Obsolete>>>", which Microsoft's own
// tools write wherever a link has no use.
func obsoleteLink(b *cryptobyte.Builder) {
	b.AddASN1(contextTag(2).Constructed(), func(b *cryptobyte.Builder) {
		b.AddASN1(contextTag(0), func(b *cryptobyte.Builder) {
			for _, c := range "<<<Obsolete>>>" {
				b.AddUint16(uint16(c))
			}
		})
	})
}

func contextTag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }

// padded is a signature in a field whose size is a multiple of eight.
func padded(signature []byte) []byte {
	return append(signature[:len(signature):len(signature)], make([]byte, (8-len(signature)%8)%8)...)
}

// unpadded cuts the padding from a signature. Nothing signs the padding, so it is zeros,
// and only as many as there must be.
func unpadded(field []byte, offset int64) ([]byte, error) {
	in := cryptobyte.String(field)
	var der cryptobyte.String
	if !in.ReadASN1Element(&der, cbasn1.SEQUENCE) {
		return nil, refuse(SignatureHeader, offset, "no DER SEQUENCE of its size")
	}
	if len(in) >= 8 {
		return nil, refuse(BytesAfterSignature, offset+int64(len(der)), "%d bytes behind the signature in its own field", len(in))
	}
	for _, b := range in {
		if b != 0 {
			return nil, refuse(BytesAfterSignature, offset+int64(len(der)), "padding that is not zero")
		}
	}
	return der, nil
}
