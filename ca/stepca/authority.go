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
	"github.com/smallstep/certificates/api"
	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
)

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
	OIDC     []Issuer         // OpenID Connect issuers whose tokens are taken; none: no OIDC
	ACME     *ACME            // nil: no ACME
	Now      func() time.Time // nil takes time.Now. smallstep judges times by the machine's clock
	Log      *slog.Logger     // nil discards
}

// Authority is smallstep's Authority with a CA of ours as its certificate service.
// Safe for concurrent use.
type Authority struct {
	authority *authority.Authority
	ca        *ca.CA
	store     Store
	tokens    *tokenDB
	common    provisioner.Config // of every provisioner
	x5c       *provisioner.X5C
	issuers   []*issuer
	acme      *acmeServer // nil without
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
	a := &Authority{ca: c.CA, store: c.Store, tokens: &tokenDB{store: c.Store, now: c.Now}, log: c.Log, marker: newMarker()}
	if err := a.setProvisioners(c); err != nil {
		return nil, fmt.Errorf("step authority: %w", err)
	}
	var err error
	a.authority, err = authority.NewEmbedded(
		authority.WithConfig(&config.Config{DNSNames: c.DNSNames, AuthorityConfig: &config.AuthConfig{Claims: claims()}}),
		authority.WithX509CAService(&certificateService{ca: c.CA, store: c.Store, marker: a.marker}),
		authority.WithX509RootCerts(c.CA.OperatorRoot()),
		authority.WithDatabase(a.tokens),
		authority.WithQuietInit(),
	)
	if err != nil {
		return nil, fmt.Errorf("step authority: %w", err)
	}
	return a, nil
}

func (a *Authority) setProvisioners(c Config) error {
	a.common = provisioner.Config{Claims: config.GlobalProvisionerClaims, Audiences: audiences(c.DNSNames)}
	var err error
	if a.x5c, err = a.newX5C(); err != nil {
		return err
	}
	for i, conf := range c.OIDC {
		is, err := newIssuer(conf, c.Now)
		if err != nil {
			return fmt.Errorf("OIDC issuer %d: %w", i+1, err)
		}
		for _, other := range a.issuers {
			if other.Name == conf.Name || other.Issuer.Issuer == conf.Issuer {
				return fmt.Errorf("OIDC issuer %s is configured twice", conf.Name)
			}
		}
		if conf.Name == x5cName || strings.HasPrefix(conf.Name, jwkPrefix) || c.ACME != nil && conf.Name == acmeName {
			return fmt.Errorf("OIDC issuer: %s is another provisioner's name", conf.Name)
		}
		a.issuers = append(a.issuers, is)
	}
	if c.ACME != nil {
		if a.acme, err = newACMEServer(a, *c.ACME, c.Now); err != nil {
			return fmt.Errorf("ACME: %w", err)
		}
	}
	return nil
}

// audiences are smallstep's for signing, but for those of SSH and for the one that
// every smallstep CA in the world shares.
func audiences(hosts []string) provisioner.Audiences {
	all := (&config.Config{DNSNames: hosts}).GetAudiences()
	var out provisioner.Audiences
	for _, audience := range all.Sign {
		if strings.HasPrefix(audience, "https://") && !strings.HasSuffix(audience, "/ssh/sign") {
			out.Sign = append(out.Sign, audience)
		}
	}
	return out
}

func (a *Authority) operatorPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.ca.OperatorRoot().Raw})
}

// Shutdown stops the Authority. The CA and its store stay open.
func (a *Authority) Shutdown() error { return a.authority.Shutdown() }

// Patterns are those under which a mux should have Handler: the stock client asks
// below the root, others below /1.0.
func Patterns() []string {
	return []string{"/1.0/", "/acme/", "POST /sign", "GET /health", "GET /version", "GET /roots", "GET /provisioners", "GET /root/{sha256}"}
}

// Handler serves what the step client needs to ask for a certificate: /1.0/sign,
// /sign, /health, /version, /roots, /provisioners and /root/<sha256>, all also under
// /1.0; and, if configured, ACME under /acme/. There is no route to renew, rekey or
// revoke.
func (a *Authority) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/1.0"} {
		mux.HandleFunc("POST "+prefix+"/sign", a.sign)
		mux.HandleFunc("GET "+prefix+"/health", api.Health)
		mux.HandleFunc("GET "+prefix+"/version", api.Version)
		mux.HandleFunc("GET "+prefix+"/roots", api.Roots)
		mux.HandleFunc("GET "+prefix+"/provisioners", a.provisioners)
		mux.HandleFunc("GET "+prefix+"/root/{sha256}", a.root)
	}
	if a.acme != nil {
		mux.Handle("/acme/", a.acme.handler())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		mux.ServeHTTP(w, r.WithContext(authority.NewContext(r.Context(), a.authority)))
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
