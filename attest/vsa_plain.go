package attest

import (
	"context"
	"crypto"
	"encoding/base64"
	"slices"
	"time"
)

// Signer signs with one key, whose name is worked out once. It is safe for concurrent
// use where the key is.
type Signer struct{ key signingKey }

// NewSigner refuses a key that Open would not accept (BadKey).
func NewSigner(s crypto.Signer) (*Signer, error) {
	k, err := newSigningKey(s)
	if err != nil {
		return nil, err
	}
	return &Signer{k}, nil
}

// SignVSA writes a summary and signs it: the same bytes that NewVSA, Marshal and Sign
// make, and refused is what they refuse. A summary of plain fields, as a signing service
// makes for each signature, is written and checked in one pass.
func (s *Signer) SignVSA(ctx context.Context, v VSA) ([]byte, error) {
	payload, ok := v.appendPlain(make([]byte, 0, plainCapacity))
	if !ok {
		statement, err := NewVSA(v)
		if err != nil {
			return nil, err
		}
		return SignStatement(ctx, statement, s.key.signer)
	}
	sig, err := s.key.Sign(ctx, pae(PayloadType, payload))
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Err: err}
	}
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(payload))+plainCapacity)
	out = append(out, `{"payloadType":"`+PayloadType+`","payload":"`...)
	out = base64.StdEncoding.AppendEncode(out, payload)
	out = append(out, `","signatures":[{"keyid":"`...)
	out = append(out, s.key.id...)
	out = append(out, `","sig":"`...)
	out = base64.StdEncoding.AppendEncode(out, sig)
	return append(out, `"}]}`...), nil
}

const (
	// plainCapacity is what a summary takes, and an envelope without its payload. A guess:
	// what is larger is moved once.
	plainCapacity = 2 << 10
	// maxPlain bounds the items of each list of a plain summary, and its texts. With it no
	// plain summary comes near what ParseStatement and ParseVSA bound.
	maxPlain     = 16
	maxPlainText = 1 << 10
)

// appendPlain writes the statement of a summary; ok is false for one that needs more care:
// unusual fields, text that JSON escapes, or anything that NewVSA may refuse.
func (v VSA) appendPlain(b []byte) (out []byte, ok bool) {
	w := plain{b, true}
	w.claim(len(v.VerifierVersions) == 0 && len(v.DependencyLevels) == 0)
	w.claim(v.VerifierID != "" && v.ResourceURI != "" && (v.Result == Passed || v.Result == Failed))
	w.claim(len(v.Subjects) > 0 && len(v.Subjects) <= maxPlain && len(v.InputAttestations) <= maxPlain && len(v.VerifiedLevels) <= maxPlain)
	w.claim(v.ConfirmBy.IsZero() || v.Result == Passed && len(v.VerifiedLevels) == 0)
	if !w.ok {
		return b, false
	}
	w.raw(`{"_type":"` + StatementType + `","subject":[`)
	for i, s := range v.Subjects {
		w.comma(i)
		w.claim(s.URI == "" && len(s.Digest) > 0)
		w.descriptor(s.Name, "", s.Digest)
	}
	w.raw(`],"predicateType":"` + VSAType + `","predicate":{"verifier":{"id":`)
	w.text(v.VerifierID)
	w.raw(`},"timeVerified":`)
	w.time(v.TimeVerified)
	w.raw(`,"resourceUri":`)
	w.text(v.ResourceURI)
	w.raw(`,"policy":`)
	w.resource(v.Policy)
	for i, d := range v.InputAttestations {
		if i == 0 {
			w.raw(`,"inputAttestations":[`)
		}
		w.comma(i)
		w.resource(d)
	}
	if len(v.InputAttestations) > 0 {
		w.raw(`]`)
	}
	w.raw(`,"verificationResult":"` + v.Result + `","verifiedLevels":[`)
	for i, level := range v.VerifiedLevels {
		w.comma(i)
		w.claim(level != "")
		w.text(level)
	}
	w.raw(`]`)
	if v.SLSAVersion != "" {
		w.raw(`,"slsaVersion":`)
		w.text(v.SLSAVersion)
	}
	if !v.ConfirmBy.IsZero() {
		w.raw(`,"` + ConfirmByField + `":`)
		w.time(v.ConfirmBy.UTC().Truncate(time.Second))
	}
	w.raw(`}}`)
	return w.b, w.ok
}

// plain writes JSON as encoding/json would, as long as there is nothing special about it.
type plain struct {
	b  []byte
	ok bool
}

func (w *plain) claim(ok bool)   { w.ok = w.ok && ok }
func (w *plain) raw(text string) { w.b = append(w.b, text...) }

func (w *plain) comma(i int) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
}

// text is for printable ASCII that encoding/json leaves as it is.
func (w *plain) text(s string) {
	w.claim(len(s) <= maxPlainText)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			w.ok = false
			return
		}
	}
	w.b = append(append(append(w.b, '"'), s...), '"')
}

// time is for years that RFC 3339 can say.
func (w *plain) time(t time.Time) {
	t = t.UTC()
	w.claim(!t.IsZero() && t.Year() > 0 && t.Year() <= 9999)
	w.b = append(t.AppendFormat(append(w.b, '"'), time.RFC3339Nano), '"')
}

func (w *plain) resource(d ResourceDescriptor) {
	w.claim(len(d.Content) == 0 && d.DownloadLocation == "" && d.MediaType == "" && len(d.Annotations) == 0)
	w.claim(d.Name != "" || d.URI != "" || len(d.Digest) > 0)
	w.descriptor(d.Name, d.URI, d.Digest)
}

func (w *plain) descriptor(name, uri string, digest map[string]string) {
	w.raw(`{`)
	sep := ""
	if name != "" {
		w.raw(`"name":`)
		w.text(name)
		sep = `,`
	}
	if uri != "" {
		w.raw(sep + `"uri":`)
		w.text(uri)
		sep = `,`
	}
	if len(digest) > 0 {
		w.claim(len(digest) <= maxPlain)
		w.raw(sep + `"digest":{`)
		w.digests(digest)
		w.raw(`}`)
	}
	w.raw(`}`)
}

func (w *plain) digests(digest map[string]string) {
	algorithms := make([]string, 0, 2)
	for algorithm := range digest {
		algorithms = append(algorithms, algorithm)
	}
	slices.Sort(algorithms)
	for i, algorithm := range algorithms {
		w.comma(i)
		w.claim(checkDigest(algorithm, digest[algorithm]) == "")
		w.text(algorithm)
		w.raw(`:`)
		w.text(digest[algorithm])
	}
}
