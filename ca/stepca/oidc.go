package stepca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/templates"
	"github.com/smallstep/certificates/authority/provisioner"
)

// Issuer is an OpenID Connect issuer whose tokens the administrator has decided to
// take. Taken is only what an identity on record names by issuer and subject.
type Issuer struct {
	Name     string         // the provisioner's
	Issuer   string         // claim iss, https; its configuration is at <issuer>/.well-known/openid-configuration
	ClientID string         // claim aud
	Roots    *x509.CertPool // of the issuer's TLS certificate; nil takes the system's
}

// issuer holds an Issuer's keys. They are read when a token first asks for them, so
// that an issuer which is down does not keep the CA from starting, and again when they
// are old or do not fit.
type issuer struct {
	Issuer
	now    func() time.Time
	client *http.Client

	mu    sync.Mutex
	ready *provisioner.OIDC
	read  time.Time // when ready was made
	tried time.Time // when that was last tried
}

func newIssuer(c Issuer, now func() time.Time) (*issuer, error) {
	if c.Name == "" || c.ClientID == "" {
		return nil, errors.New("name or client id is missing")
	}
	if _, err := OIDCIdentity(c.Issuer, "anybody"); err != nil {
		return nil, err
	}
	return &issuer{Issuer: c, now: now, client: &http.Client{
		Timeout: issuerTimeout,
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (i *issuer) endpoint() string {
	return strings.TrimSuffix(i.Issuer.Issuer, "/") + "/.well-known/openid-configuration"
}

// authorize checks a token with the keys at hand, and once more with the issuer's
// newest if they may have changed.
func (i *issuer) authorize(ctx context.Context, a *Authority, token string) ([]provisioner.SignOption, error) {
	p, err := i.keys(a, issuerAge)
	if err != nil {
		return nil, err
	}
	options, err := p.AuthorizeSign(ctx, token)
	if err == nil {
		return options, nil
	}
	newer, fetchErr := i.keys(a, issuerPause)
	if fetchErr != nil || newer == p {
		return nil, err
	}
	return newer.AuthorizeSign(ctx, token)
}

// keys returns a provisioner whose keys were read at most age ago, or, while the
// issuer does not answer, the last that could be read.
func (i *issuer) keys(a *Authority, age time.Duration) (*provisioner.OIDC, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if i.ready != nil && now.Sub(i.read) < age {
		return i.ready, nil
	}
	if now.Sub(i.tried) >= issuerPause {
		p, err := i.provisioner(a)
		i.tried = i.now() // it may have taken longer than the pause, and others stand in line
		if err == nil {
			i.ready, i.read = p, now
		} else {
			a.log.Warn("OIDC issuer does not answer", "issuer", i.Issuer.Issuer, "error", err)
		}
	}
	if i.ready == nil {
		return nil, fmt.Errorf("OIDC issuer %s: its keys cannot be read now", i.Name)
	}
	return i.ready, nil
}

func (i *issuer) provisioner(a *Authority) (*provisioner.OIDC, error) {
	text, err := templates.StepTokenTemplate(a.marker)
	if err != nil {
		return nil, err
	}
	common := a.common
	common.HTTPClient = i.client
	p := &provisioner.OIDC{
		Type: "OIDC", Name: i.Name, ClientID: i.ClientID, ConfigurationEndpoint: i.endpoint(), Claims: claims(), Options: options(text),
	}
	return p, p.Init(common)
}

// bounded cuts answers off: smallstep reads them to their end.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, fmt.Errorf("%s is not an https URL", r.URL.Redacted())
	}
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxIssuerBytes), resp.Body}
	return resp, nil
}
