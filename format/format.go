package format

import (
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"io"
)

// Format is one way in which an artifact carries its signature, in four steps. The
// client opens the artifact and takes its digests; the service builds what is to be
// signed from a digest alone; the client embeds the signature, after taking the digest
// anew; the verifier opens the signed artifact, builds what must have been signed once
// more, and compares.
//
// Values are safe for concurrent use.
type Format interface {
	// Kind names the format in requests, in records and on the command line.
	Kind() Kind
	// Algorithm is the name under which an in-toto subject states the digest that is
	// signed. "sha256" says that it is the one that evidence is filed under. Any other
	// must stand in the same subject, beside its sha256, or have been computed by the
	// service from the artifact's bytes.
	Algorithm() string
	// Detect reports whether what is at path is of this format, by its content alone.
	Detect(path string) (bool, error)
	// Open opens an artifact and checks its structure. One that is malformed, or of
	// another format, gives an *Error. The caller must Close it.
	Open(path string) (Artifact, error)
	// ToBeSigned builds what a signature over a digest signs.
	ToBeSigned(digest [sha256.Size]byte) (ToBeSigned, error)
	// Attach puts a signature where the artifact carries it, as the function Attach does.
	Attach(path string, signature []byte, o Options) (string, error)
}

// Artifact is an open artifact.
type Artifact interface {
	io.Closer
	// Digests reads the artifact.
	Digests() (Digests, error)
	// Signature returns the signature inside the artifact or beside it, which nobody
	// has looked at yet, or ErrUnsigned.
	Signature() ([]byte, error)
}

// Digests are an artifact's two names. They are the same where the signed bytes are the
// artifact as it was before it was signed.
type Digests struct {
	// SHA256 is what evidence is filed under: all bytes of the artifact, but for a
	// signature at its end that leaves them untouched.
	SHA256 [sha256.Size]byte
	// Signed is what is signed, under the format's Algorithm.
	Signed [sha256.Size]byte
}

// Algorithms of Digests.Signed, as in-toto subjects name them.
const (
	// SHA256 is the SHA-256 of the artifact itself.
	SHA256 = "sha256"
	// Authenticode is the SHA-256 that Windows takes of programs, cabinets and installer
	// packages; of the last with the names of their streams.
	Authenticode = "authenticodeSha256"
	// JARSignatureFile is the SHA-256 of a JAR's signature file in the one form that
	// it has here.
	JARSignatureFile = "jarSignatureFileSha256"
)

// Envelope is the form of a signature.
type Envelope string

const (
	CMS Envelope = "cms" // SignedData, RFC 5652 §5
	JWS Envelope = "jws" // RFC 7515
)

// ToBeSigned is what a signature signs, without what depends on signer and time.
type ToBeSigned struct {
	Envelope Envelope

	// Of a CMS: its content type, the content that it brings along, DER, nil when it is
	// detached, and the digest of the content, which is the message-digest attribute.
	ContentType asn1.ObjectIdentifier
	Content     []byte
	Digest      [sha256.Size]byte
	// Attributes are signed attributes besides those that every signature has.
	Attributes []Attribute
	// Timestamp is the unsigned attribute that holds the token of RFC 3161 §2.4.2.
	Timestamp asn1.ObjectIdentifier

	// Of a JWS: its payload and the payload's media type.
	Payload   []byte
	MediaType string
}

// Attribute is an attribute of a CMS signature with its only value, DER.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Value []byte
}

// Files returns the formats of files in the order in which they are to be asked: the
// last one takes whatever the others do not.
func Files() []Format {
	var all []Format
	for _, f := range files() {
		all = append(all, f)
	}
	return all
}

// Find returns the format of a kind.
func Find(formats []Format, kind Kind) (Format, error) {
	for _, f := range formats {
		if f.Kind() == kind {
			return f, nil
		}
	}
	return nil, fmt.Errorf("format %.32q: %w", kind, refuse(UnknownFormat, -1, "there is none of that name"))
}

// Detect returns the first of the formats that takes what is at path.
func Detect(formats []Format, path string) (Format, error) {
	for _, f := range formats {
		is, err := f.Detect(path)
		if err != nil {
			return nil, err
		}
		if is {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", path, refuse(UnknownFormat, -1, "none of the formats fits its content"))
}
