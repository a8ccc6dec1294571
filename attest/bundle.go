package attest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// bundleType begins the media types of Sigstore bundles, "…bundle+json;version=0.1" and
// "…bundle.v0.3+json".
const bundleType = "application/vnd.dev.sigstore.bundle"

// IsBundle reports whether a JSON text claims to be a Sigstore bundle.
func IsBundle(raw []byte) bool {
	var claim struct {
		MediaType string `json:"mediaType"`
	}
	return len(raw) <= MaxEnvelope && json.Unmarshal(raw, &claim) == nil && strings.HasPrefix(claim.MediaType, bundleType)
}

// AsEnvelope returns the envelope in a Sigstore bundle (see FromBundle), and anything else
// as it is.
func AsEnvelope(raw []byte) ([]byte, error) {
	if !IsBundle(raw) {
		return raw, nil
	}
	return FromBundle(raw)
}

// FromBundle takes the DSSE envelope out of a Sigstore bundle (0.1 to 0.3) and puts the
// certificate and the RFC 3161 timestamps of its one signature beside it, in the form
// that UnverifiedDocument.Certified reads. What the transparency log says is left behind:
// it is not checked here, and nobody may think it was. Nothing has been verified. Errors:
// TooLarge, Malformed, NoSignature for a bundle without envelope.
func FromBundle(raw []byte) ([]byte, error) {
	if err := CheckJSON(raw, MaxEnvelope, MaxDepth); err != nil {
		return nil, err
	}
	var err error
	f := readFields(Malformed, "", raw, &err)
	if !strings.HasPrefix(f.text("mediaType"), bundleType) {
		f.fail("mediaType", "not a Sigstore bundle")
	}
	material := f.sub("verificationMaterial")
	chain := material.certificates()
	var stamps []map[string]string
	for _, raw := range material.sub("timestampVerificationData").list("rfc3161Timestamps", maxTimestamps) {
		g := readFields(Malformed, "verificationMaterial.timestampVerificationData", raw, &err)
		stamps = append(stamps, map[string]string{"type": "tsp", "data": base64.StdEncoding.EncodeToString(g.base64("signedTimestamp"))})
	}
	if err == nil && f.raw("dsseEnvelope") == nil {
		return nil, refuse(NoSignature, "dsseEnvelope", "the bundle holds no envelope")
	}
	e := f.sub("dsseEnvelope")
	signatures := e.list("signatures", MaxSignatures)
	if err == nil && len(signatures) != 1 {
		return nil, refuse(NoSignature, "dsseEnvelope.signatures", "%d, a bundle has one", len(signatures))
	}
	if err != nil {
		return nil, err
	}
	s := readFields(Malformed, "dsseEnvelope.signatures", signatures[0], &err)
	object := map[string]any{"keyid": s.text("keyid"), "sig": s.text("sig")}
	if len(chain) > 0 {
		object["certificate"], object["intermediates"] = chain[0], chain[1:]
	}
	if len(stamps) > 0 {
		object["timestamps"] = stamps
	}
	out, marshal := json.Marshal(map[string]any{"payloadType": e.text("payloadType"), "payload": e.text64("payload"), "signatures": []any{object}})
	if err != nil {
		return nil, err
	}
	if marshal != nil {
		return nil, &Error{Reason: Malformed, Err: marshal}
	}
	if _, err := ParseEnvelope(out); err != nil {
		return nil, err
	}
	return out, nil
}

// certificates returns the certificates of a bundle's verification material, leaf first,
// DER in base64: one in 0.3, a chain before.
func (f fields) certificates() []string {
	var out []string
	if one := f.sub("certificate"); one.m != nil {
		out = append(out, base64.StdEncoding.EncodeToString(one.base64("rawBytes")))
	}
	for _, raw := range f.sub("x509CertificateChain").list("certificates", maxCertificates) {
		g := readFields(f.reason, f.at("x509CertificateChain"), raw, f.err)
		out = append(out, base64.StdEncoding.EncodeToString(g.base64("rawBytes")))
	}
	return out
}

// text64 is text without the bound on names: a payload is as long as an envelope may be.
func (f fields) text64(name string) string {
	var s string
	if v := f.raw(name); v != nil {
		f.decode(f.at(name), v, &s)
	}
	return s
}
