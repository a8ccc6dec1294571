package ca

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hallmark-pki/hallmark/templates"
	"github.com/smallstep/certificates/api"
	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
)

// stepProvisioner is the name of the one provisioner: tokens signed with a client
// certificate of the operator CA.
const stepProvisioner = "hallmark"

// StepOptions says how the step-compatible API is reached.
type StepOptions struct {
	DNSNames []string // hosts in the audience of tokens: https://<host>[:port]/1.0/sign; at least one
}

// StepAuthority is smallstep's Authority with this CA as its certificate service.
type StepAuthority struct {
	authority *authority.Authority
	ca        *CA
}

// NewStepAuthority embeds smallstep's Authority: it authenticates tokens of the
// stock step client (X5C, with a vendor's client certificate) and remembers used
// ones in our store. Whether a certificate is issued, and what it says, is decided
// by the gate.
func (c *CA) NewStepAuthority(o StepOptions) (*StepAuthority, error) {
	if len(o.DNSNames) == 0 {
		return nil, errors.New("step authority: no DNS names")
	}
	x5c, err := c.x5cProvisioner()
	if err != nil {
		return nil, fmt.Errorf("step authority: %w", err)
	}
	a, err := authority.NewEmbedded(
		authority.WithConfig(&config.Config{
			DNSNames:        o.DNSNames,
			AuthorityConfig: &config.AuthConfig{Provisioners: provisioner.List{x5c}, Claims: x5c.Claims},
		}),
		authority.WithX509CAService(c.CertificateService()),
		authority.WithX509RootCerts(c.operator.cert),
		authority.WithDatabase(&stepDB{store: c.store, now: c.now}),
		authority.WithQuietInit(),
	)
	if err != nil {
		return nil, fmt.Errorf("step authority: %w", err)
	}
	return &StepAuthority{authority: a, ca: c}, nil
}

// x5cProvisioner has claims that leave validity to the gate: smallstep's own
// default is a day, and its ceiling would cut everything to that.
func (c *CA) x5cProvisioner() (*provisioner.X5C, error) {
	text, err := templates.StepTemplate(c.stepMarker)
	if err != nil {
		return nil, err
	}
	yes, no := true, false
	longest := &provisioner.Duration{Duration: MaxValidity}
	return &provisioner.X5C{
		Type: "X5C", Name: stepProvisioner,
		Roots: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.operator.cert.Raw}),
		Claims: &provisioner.Claims{
			MinTLSDur: &provisioner.Duration{Duration: minValidity}, MaxTLSDur: longest, DefaultTLSDur: longest,
			DisableRenewal: &yes, AllowRenewalAfterExpiry: &no, DisableSmallstepExtensions: &yes, EnableSSHCA: &no,
		},
		Options: &provisioner.Options{X509: &provisioner.X509Options{Template: text}},
	}, nil
}

// Authority returns smallstep's Authority, for Authorize and SignWithContext.
func (s *StepAuthority) Authority() *authority.Authority { return s.authority }

// Shutdown stops the Authority. The CA and its store stay open.
func (s *StepAuthority) Shutdown() error { return s.authority.Shutdown() }

// Handler serves what the step client needs to ask for a certificate: /1.0/sign,
// /sign, /health, /version, /roots, /provisioners and /root/<sha256>, the first
// ones also under /1.0. There is no route to renew, rekey or revoke.
func (s *StepAuthority) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/1.0"} {
		mux.HandleFunc("POST "+prefix+"/sign", api.Sign)
		mux.HandleFunc("GET "+prefix+"/health", api.Health)
		mux.HandleFunc("GET "+prefix+"/version", api.Version)
		mux.HandleFunc("GET "+prefix+"/roots", api.Roots)
		mux.HandleFunc("GET "+prefix+"/provisioners", s.provisioners)
		mux.HandleFunc("GET "+prefix+"/root/{sha256}", s.root)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxStepBodyBytes)
		mux.ServeHTTP(w, r.WithContext(authority.NewContext(r.Context(), s.authority)))
	})
}

// provisioners lists the one provisioner. smallstep's own handler would show its
// template as well, and with it the marker that makes our requests ours.
func (s *StepAuthority) provisioners(w http.ResponseWriter, _ *http.Request) {
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.operator.cert.Raw})
	s.answer(w, map[string]any{
		"provisioners": []any{map[string]any{"type": "X5C", "name": stepProvisioner, "roots": roots}},
		"nextCursor":   "",
	})
}

// root answers `step ca bootstrap --fingerprint`, which trusts nothing yet and
// checks the digest itself.
func (s *StepAuthority) root(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(strings.ReplaceAll(r.PathValue("sha256"), "-", ""), s.ca.OperatorRootFingerprint()) {
		http.NotFound(w, r)
		return
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.operator.cert.Raw})
	s.answer(w, map[string]string{"ca": string(text)})
}

func (s *StepAuthority) answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.ca.log.Error("answer step request", "error", err)
	}
}
