package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// TypeCMS is the media type of a signature that is answered as it is (RFC 7193 §2), and
// not in base64 as a member of Signature. It is for who asks for it by name in Accept, and
// for formats whose signature is CMS; what else there is to say is in the headers below.
// The verdicts of the rules are left out: all that had to pass did.
const TypeCMS = "application/cms"

// TypeCertificate is the media type of a certificate that is answered as it is (RFC 2585
// §4.1), and not in base64 as a member of Certificate. It is for who asks for it by name in
// Accept; what is certified stands in it, and where its issuer's certificate is.
const TypeCertificate = "application/pkix-cert"

// Wants reports whether an Accept header (RFC 9110 §12.5.1) names a media type.
func Wants(accept, mediaType string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(name), mediaType) {
			weight, weighed := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(parameters, " ", "")), "q=")
			return !weighed || strings.Trim(weight, "0.") != "" // q=0.000 is no as well
		}
	}
	return false
}

// postFor is Post that asks for an answer of a media type. Such a one is returned as it is,
// with its headers; any other is read into out, and raw is nil.
func (c *Client) postFor(ctx context.Context, path, mediaType string, in, out any) (raw []byte, h http.Header, err error) {
	req, err := c.newJSON(ctx, http.MethodPost, path, in)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", mediaType+", application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("reach server: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != mediaType {
		return nil, nil, readAnswer(resp, out)
	}
	err = readAnswer(resp, &raw)
	return raw, resp.Header, err
}

// Certify requests a certificate: Post to /v1/certificates, with nothing but the certificate
// (DER) as the answer, for who needs many. Where the tier wants an officer's approval, der is
// nil and waits says for what.
func (c *Client) Certify(ctx context.Context, in NewCertificate) (der []byte, waits *CertificateRequest, err error) {
	var out CertificateAnswer
	if der, _, err = c.postFor(ctx, "/v1/certificates", TypeCertificate, in, &out); der == nil && out.Certificate != nil {
		der = out.DER
	}
	return der, out.Request, err
}
