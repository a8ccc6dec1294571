package format

import (
	"errors"
	"io"
)

// layout says which bytes of a file are signed and where its signature is.
type layout struct {
	signed    int64 // the signed bytes are [0, signed)
	signature int64 // offset of the signature's first byte, 0 when there is none
	length    int64 // of the signature
}

// readDeb walks the member headers of a package of size bytes.
func readDeb(r io.ReaderAt, size int64) (layout, error) {
	at := int64(len(arMagic))
	for n := 0; at < size; n++ {
		if n == maxMembers {
			return layout{}, refuse(TooManyMembers, at, "more than %d", maxMembers)
		}
		if size-at < headerBytes {
			return layout{}, refuse(TrailingBytes, at, "%d bytes after the last member", size-at)
		}
		m, err := readMember(r, at, size)
		if err != nil {
			return layout{}, err
		}
		if m.name == memberName {
			return signatureAt(r, m, size)
		}
		at = m.end()
	}
	return layout{signed: size}, nil
}

// signatureAt checks the signature's member and that nothing follows it.
func signatureAt(r io.ReaderAt, m member, size int64) (layout, error) {
	switch {
	case m.size == 0:
		return layout{}, refuse(SignatureEmpty, m.offset, "member %q has no bytes", memberName)
	case m.size > MaxSignatureBytes:
		return layout{}, refuse(SignatureTooLarge, m.offset, "%d bytes, at most %d", m.size, MaxSignatureBytes)
	case string(m.header[:]) != string(signatureHeader(int(m.size))):
		return layout{}, refuse(SignatureHeader, m.offset, "%q", m.header[:])
	case m.end() != size:
		return layout{}, afterSignature(r, m.end(), size)
	}
	if err := checkHidden(r, m.body(), size, size); err != nil {
		return layout{}, err
	}
	return layout{signed: m.offset, signature: m.body(), length: m.size}, nil
}

// afterSignature names what stands behind the signature; all of it refuses.
func afterSignature(r io.ReaderAt, at, size int64) error {
	if size-at >= headerBytes {
		next, err := readMember(r, at, size)
		var malformed *Error
		switch {
		case err != nil && !errors.As(err, &malformed):
			return err
		case err == nil && next.name == memberName:
			return refuse(TwoSignatures, at, "a second member %q", memberName)
		case err == nil:
			return refuse(SignatureNotLast, at, "member %q follows", next.name)
		}
	}
	return refuse(BytesAfterSignature, at, "%d bytes", size-at)
}
