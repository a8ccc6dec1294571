package attest

import (
	"context"
	"crypto"
	"encoding/base64"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/plainjson"
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
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(payload))+plainEnvelope)
	out = append(out, `{"payloadType":"`+PayloadType+`","payload":"`...)
	out = base64.StdEncoding.AppendEncode(out, payload)
	out = append(out, `","signatures":[{"keyid":"`...)
	out = append(out, s.key.id...)
	out = append(out, `","sig":"`...)
	out = base64.StdEncoding.AppendEncode(out, sig)
	return append(out, `"}]}`...), nil
}

const (
	// plainCapacity is what a summary takes, and plainEnvelope what is around it. Guesses:
	// what is larger is moved once.
	plainCapacity = 2 << 10
	plainEnvelope = 512
	// maxPlain bounds the items of each list of a plain summary, and its texts. With it no
	// plain summary comes near what ParseStatement and ParseVSA bound.
	maxPlain     = 16
	maxPlainText = 1 << 10
)

// appendPlain writes the statement of a summary; ok is false for one that needs more care:
// unusual fields, text that JSON escapes, or anything that NewVSA may refuse.
func (v VSA) appendPlain(b []byte) (out []byte, ok bool) {
	w := plain{plainjson.Writer{B: b, OK: true, HTML: true}}
	w.claim(len(v.VerifierVersions) == 0 && len(v.DependencyLevels) == 0)
	w.claim(v.VerifierID != "" && v.ResourceURI != "" && (v.Result == Passed || v.Result == Failed))
	w.claim(len(v.Subjects) > 0 && len(v.Subjects) <= maxPlain && len(v.InputAttestations) <= maxPlain && len(v.VerifiedLevels) <= maxPlain)
	w.claim(v.ConfirmBy.IsZero() || v.Result == Passed && len(v.VerifiedLevels) == 0)
	if !w.OK {
		return b, false
	}
	w.Raw(`{"_type":"` + StatementType + `","subject":[`)
	for i, s := range v.Subjects {
		w.comma(i)
		w.claim(s.URI == "" && len(s.Digest) > 0)
		w.descriptor(s.Name, "", s.Digest)
	}
	w.text(`],"predicateType":"`+VSAType+`","predicate":{"verifier":{"id":`, v.VerifierID)
	w.time(`},"timeVerified":`, v.TimeVerified)
	w.text(`,"resourceUri":`, v.ResourceURI)
	w.Raw(`,"policy":`)
	w.resource(v.Policy)
	for i, d := range v.InputAttestations {
		if i == 0 {
			w.Raw(`,"inputAttestations":[`)
		}
		w.comma(i)
		w.resource(d)
	}
	if len(v.InputAttestations) > 0 {
		w.Raw(`]`)
	}
	w.Raw(`,"verificationResult":"` + v.Result + `","verifiedLevels":[`)
	for i, level := range v.VerifiedLevels {
		w.comma(i)
		w.claim(level != "")
		w.text("", level)
	}
	w.Raw(`]`)
	if v.SLSAVersion != "" {
		w.text(`,"slsaVersion":`, v.SLSAVersion)
	}
	if !v.ConfirmBy.IsZero() {
		w.time(`,"`+ConfirmByField+`":`, v.ConfirmBy.UTC().Truncate(time.Second))
	}
	w.Raw(`}}`)
	return w.B, w.OK
}

// plain is the Writer with what summaries are held to beside it.
type plain struct{ plainjson.Writer }

func (w *plain) claim(ok bool) { w.OK = w.OK && ok }

func (w *plain) comma(i int) {
	if i > 0 {
		w.Raw(",")
	}
}

func (w *plain) text(before, s string) {
	w.claim(len(s) <= maxPlainText)
	w.Member(before, s)
}

func (w *plain) time(before string, t time.Time) {
	w.claim(!t.IsZero() && t.UTC().Year() > 0)
	w.Time(before, t.UTC())
}

func (w *plain) resource(d ResourceDescriptor) {
	w.claim(len(d.Content) == 0 && d.DownloadLocation == "" && d.MediaType == "" && len(d.Annotations) == 0)
	w.claim(d.Name != "" || d.URI != "" || len(d.Digest) > 0)
	w.descriptor(d.Name, d.URI, d.Digest)
}

func (w *plain) descriptor(name, uri string, digest map[string]string) {
	w.Raw(`{`)
	sep := ""
	if name != "" {
		w.text(`"name":`, name)
		sep = `,`
	}
	if uri != "" {
		w.text(sep+`"uri":`, uri)
		sep = `,`
	}
	if len(digest) > 0 {
		w.claim(len(digest) <= maxPlain)
		w.Raw(sep + `"digest":{`)
		w.digests(digest)
		w.Raw(`}`)
	}
	w.Raw(`}`)
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
		w.text("", algorithm)
		w.text(`:`, digest[algorithm])
	}
}
