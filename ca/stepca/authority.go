package stepca

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
	"github.com/smallstep/certificates/api"
	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
)

// x5cName is the name of the provisioner for tokens signed with a client certificate
// of the operator CA.
const x5cName = "hallmark"

// Store is the part of a store driver that this package uses.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Config says what an Authority runs on.
type Config struct {
	CA       *ca.CA
	Store    Store            // the CA's
	DNSNames []string         // hosts in the audience of tokens: https://<host>[:port]/1.0/sign; at least one
	Now      func() time.Time // nil takes time.Now
	Log      *slog.Logger     // nil discards
}

// Authority is smallstep's Authority with a CA of ours as its certificate service.
// Safe for concurrent use.
type Authority struct {
	authority *authority.Authority
	ca        *ca.CA
	log       *slog.Logger
	marker    string
}

// New embeds smallstep's Authority: it authenticates tokens of the stock step client
// and remembers used ones in our store. Whether a certificate is issued, and what it
// says, is decided by the gate.
func New(c Config) (*Authority, error) {
	if len(c.DNSNames) == 0 || c.CA == nil || c.Store == nil {
		return nil, errors.New("step authority: no DNS names, CA or store")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &Authority{ca: c.CA, log: c.Log, marker: newMarker()}
	x5c, err := a.x5cProvisioner()
	if err != nil {
		return nil, fmt.Errorf("step authority: %w", err)
	}
	a.authority, err = authority.NewEmbedded(
		authority.WithConfig(&config.Config{
			DNSNames:        c.DNSNames,
			AuthorityConfig: &config.AuthConfig{Provisioners: provisioner.List{x5c}, Claims: x5c.Claims},
		}),
		authority.WithX509CAService(&certificateService{ca: c.CA, store: c.Store, marker: a.marker}),
		authority.WithX509RootCerts(c.CA.OperatorRoot()),
		authority.WithDatabase(&tokenDB{store: c.Store, now: c.Now}),
		authority.WithQuietInit(),
	)
	if err != nil {
		return nil, fmt.Errorf("step authority: %w", err)
	}
	return a, nil
}

// x5cProvisioner has claims that leave validity to the gate: smallstep's own
// default is a day, and its ceiling would cut everything to that.
func (a *Authority) x5cProvisioner() (*provisioner.X5C, error) {
	text, err := templates.StepTemplate(a.marker)
	if err != nil {
		return nil, err
	}
	yes, no := true, false
	longest := &provisioner.Duration{Duration: ca.MaxValidity}
	return &provisioner.X5C{
		Type: "X5C", Name: x5cName,
		Roots: a.operatorPEM(),
		Claims: &provisioner.Claims{
			MinTLSDur: &provisioner.Duration{Duration: minValidity}, MaxTLSDur: longest, DefaultTLSDur: longest,
			DisableRenewal: &yes, AllowRenewalAfterExpiry: &no, DisableSmallstepExtensions: &yes, EnableSSHCA: &no,
		},
		Options: &provisioner.Options{X509: &provisioner.X509Options{Template: text}},
	}, nil
}

func (a *Authority) operatorPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.ca.OperatorRoot().Raw})
}

// Shutdown stops the Authority. The CA and its store stay open.
func (a *Authority) Shutdown() error { return a.authority.Shutdown() }

// Handler serves what the step client needs to ask for a certificate: /1.0/sign,
// /sign, /health, /version, /roots, /provisioners and /root/<sha256>, the first
// ones also under /1.0. There is no route to renew, rekey or revoke.
func (a *Authority) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/1.0"} {
		mux.HandleFunc("POST "+prefix+"/sign", api.Sign)
		mux.HandleFunc("GET "+prefix+"/health", api.Health)
		mux.HandleFunc("GET "+prefix+"/version", api.Version)
		mux.HandleFunc("GET "+prefix+"/roots", api.Roots)
		mux.HandleFunc("GET "+prefix+"/provisioners", a.provisioners)
		mux.HandleFunc("GET "+prefix+"/root/{sha256}", a.root)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		mux.ServeHTTP(w, r.WithContext(authority.NewContext(r.Context(), a.authority)))
	})
}

// provisioners lists the one provisioner. smallstep's own handler would show its
// template as well, and with it the marker that makes our requests ours.
func (a *Authority) provisioners(w http.ResponseWriter, _ *http.Request) {
	a.answer(w, map[string]any{
		"provisioners": []any{map[string]any{"type": "X5C", "name": x5cName, "roots": a.operatorPEM()}},
		"nextCursor":   "",
	})
}

// root answers `step ca bootstrap --fingerprint`, which trusts nothing yet and
// checks the digest itself.
func (a *Authority) root(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(strings.ReplaceAll(r.PathValue("sha256"), "-", ""), a.ca.OperatorRootFingerprint()) {
		http.NotFound(w, r)
		return
	}
	a.answer(w, map[string]string{"ca": string(a.operatorPEM())})
}

func (a *Authority) answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.log.Error("answer step request", "error", err)
	}
}
