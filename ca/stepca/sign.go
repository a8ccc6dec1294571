package stepca

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/smallstep/certificates/api"
	"github.com/smallstep/certificates/api/read"
	"github.com/smallstep/certificates/api/render"
	"github.com/smallstep/certificates/authority/provisioner"
	"github.com/smallstep/certificates/errs"
	"go.step.sm/crypto/jose"
)

// sign is smallstep's POST /1.0/sign but for the choice of the provisioner: smallstep
// knows those that the process started with, and keys on record come and go.
func (a *Authority) sign(w http.ResponseWriter, r *http.Request) {
	var body api.SignRequest
	if err := read.JSON(r.Body, &body); err != nil {
		render.Error(w, r, errs.BadRequestErr(err, "error reading request body"))
		return
	}
	if csr := body.CsrPEM.CertificateRequest; csr != nil {
		if err := keySize(csr.PublicKey); err != nil {
			render.Error(w, r, errs.BadRequestErr(err, "%s", err.Error()))
			return
		}
	}
	if err := body.Validate(); err != nil {
		render.Error(w, r, err)
		return
	}
	ctx := provisioner.NewContextWithMethod(r.Context(), provisioner.SignMethod)
	options, err := a.authorize(ctx, body.OTT)
	if err != nil {
		a.log.InfoContext(ctx, "step request refused", "error", err)
		render.Error(w, r, unauthorized(err))
		return
	}
	// The body's templateData stays behind: nothing of ours is rendered from it.
	chain, err := a.authority.SignWithContext(ctx, body.CsrPEM.CertificateRequest,
		provisioner.SignOptions{NotBefore: body.NotBefore, NotAfter: body.NotAfter}, options...)
	if err != nil {
		a.log.InfoContext(ctx, "step request refused", "error", err)
		render.Error(w, r, errs.ForbiddenErr(err, "error signing certificate"))
		return
	}
	var answer api.SignResponse
	for _, cert := range chain {
		answer.CertChainPEM = append(answer.CertChainPEM, api.NewCertificate(cert))
	}
	answer.ServerPEM, answer.CaPEM = answer.CertChainPEM[0], answer.CertChainPEM[1]
	answer.TLSOptions = a.authority.GetTLSOptions()
	render.JSONStatus(w, r, &answer, http.StatusCreated)
}

// authorize checks a token: who signed it, for whom, for when, and that it comes for
// the first time. It is used up only after all else holds, so that nobody without a
// key can use up another's or fill the store.
func (a *Authority) authorize(ctx context.Context, token string) ([]provisioner.SignOption, error) {
	signed, err := signedPart(token)
	if err != nil {
		return nil, err
	}
	if err := tokenSize(token); err != nil {
		return nil, err
	}
	p, check, err := a.choose(ctx, token)
	if err != nil {
		return nil, err
	}
	options, err := check(ctx, token)
	if err != nil {
		return nil, err
	}
	fresh, err := a.tokens.UseToken(p+" "+signed, token)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return nil, refuse(ca.CodeProvisioner, "make a new token", "the token has been used already")
	}
	return options, nil
}

// unauthorized tells a refusal of ours as it is. What smallstep's provisioners say stays
// in the log: it would tell a forger how far they got.
func unauthorized(err error) error {
	if r := ca.IsRefusal(err); r != nil {
		return errs.UnauthorizedErr(r, errs.WithMessage("%s", r.Error()))
	}
	return errs.UnauthorizedErr(err)
}

// choose finds the provisioner that a token names, by the record or the configuration
// alone, and returns its name with what checks the token.
func (a *Authority) choose(ctx context.Context, token string) (string, func(context.Context, string) ([]provisioner.SignOption, error), error) {
	parsed, err := jose.ParseSigned(token)
	if err != nil {
		return "", nil, err
	}
	var claims jose.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return "", nil, err
	}
	switch {
	case claims.Issuer == x5cName:
		return x5cName, a.x5c.AuthorizeSign, nil
	case strings.HasPrefix(claims.Issuer, jwkPrefix):
		p, err := a.jwk(ctx, claims.Issuer)
		if err != nil {
			return "", nil, err
		}
		return p.Name, p.AuthorizeSign, nil
	}
	for _, i := range a.issuers {
		if claims.Issuer == i.Issuer.Issuer {
			return i.Name, func(ctx context.Context, token string) ([]provisioner.SignOption, error) {
				return i.authorize(ctx, a, token)
			}, nil
		}
	}
	return "", nil, refuse(ca.CodeProvisioner, "GET /1.0/provisioners lists them", "no provisioner stands behind the issuer %.100q", claims.Issuer)
}

// signedPart returns header and payload of a token in compact form (RFC 7515 §3.1).
// They are what a token is known by once it has been used: its signature can be
// rewritten by anybody (ECDSA's s and n-s), and so can blanks around it, or the bits that
// base64 leaves over in the last character, which the library ignores. So there is one
// spelling of each part.
func signedPart(token string) (string, error) {
	malformed := refuse(ca.CodeProvisioner, "", "the token is not a JWS in compact form")
	parts := strings.Split(token, ".")
	if len(parts) != 3 || strings.ContainsAny(token, "\r\n") { // which a strict decoder still passes over
		return "", malformed
	}
	for _, part := range parts {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return "", malformed
		}
	}
	return parts[0] + "." + parts[1], nil
}
