package verify

import (
	"context"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
)

// Finished is a signature in the form of some format, before there is a file that
// carries it.
type Finished struct {
	Name      string // for the verdict
	Digests   format.Digests
	Algorithm string            // of Digests.Signed
	Over      format.ToBeSigned // what the format signs of that digest
	Signature []byte            // a CMS, or a JWS where the format has one
}

// Finished judges a signature that was just made, as File will judge the file that carries
// it; the digests are the caller's word. Like Signature it does not catch panics.
func (v *Verifier) Finished(ctx context.Context, f Finished) Verdict {
	verdict, q := v.start(f.Name), v.inquire()
	s := subject{digests: f.Digests, algorithm: f.Algorithm, want: f.Over, signature: f.Signature}
	verdict.name(s)
	switch {
	case len(f.Signature) == 0:
		q.choose(&verdict)
		verdict.refuse(because(Unsigned, "no signature"))
	case f.Over.Envelope == format.JWS:
		s.want.Timestamp = oidTimeStampToken
		d, err := oci.ParsePayload(f.Over.Payload)
		if err != nil {
			verdict.refuse(explainLayout(err))
			break
		}
		q.manifest(ctx, &verdict, d, s)
	default:
		q.choose(&verdict)
		q.judge(ctx, &verdict, s)
	}
	q.except(&verdict)
	return verdict
}
