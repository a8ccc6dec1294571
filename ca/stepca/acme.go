package stepca

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
	"github.com/smallstep/certificates/acme"
	acmeapi "github.com/smallstep/certificates/acme/api"
	acmenosql "github.com/smallstep/certificates/acme/db/nosql"
	"github.com/smallstep/certificates/authority/provisioner"
)

// acmeName is the name of the one ACME provisioner: its directory is at
// /acme/device/directory.
const acmeName = "device"

// ACMEDirectory is the path of the ACME directory (RFC 8555 §7.1.1).
const ACMEDirectory = "/acme/" + acmeName + "/directory"

// ACME says whose hardware is believed. Every account is bound to a vendor by a key
// that an officer or a person of the vendor has handed out, and the only challenge is
// device-attest-01: the manufacturer of a token vouches that the key was made in it
// and cannot leave it. (draft-ietf-acme-device-attest)
type ACME struct {
	// AttestationRoots are PEM certificates of manufacturers; at least one. smallstep's
	// built-in ones are not used: whose hardware is good enough is the administrator's word.
	AttestationRoots []byte
	// Formats of attestation: "step" (YubiKey PIV), "apple". None takes "step". "tpm" is
	// refused: smallstep accepts an attestation key that names no device.
	Formats []string
}

// ACMEKeyValidity is how long a new key waits for its account.
const ACMEKeyValidity = 7 * 24 * time.Hour

// NewACMEKey makes a key for one account of a vendor. person is of the vendor, or ""
// when an officer hands the key out on the CA's behalf.
func NewACMEKey(vendor, person, by string, now time.Time) store.ACMEKey {
	var id [12]byte
	secret := make([]byte, 32)
	rand.Read(id[:]) // never fails
	rand.Read(secret)
	// Hex: one that begins with a hyphen would be taken for a flag where it is typed.
	return store.ACMEKey{
		ID: hex.EncodeToString(id[:]), Vendor: vendor, Person: person, Secret: secret,
		CreatedAt: now.UTC(), CreatedBy: by, ExpiresAt: now.UTC().Add(ACMEKeyValidity),
	}
}

// acmeServer is smallstep's ACME over our store.
type acmeServer struct {
	a      *Authority
	config ACME
	db     *acmenosql.DB
	nonces *nonces
	now    func() time.Time
}

func newACMEServer(a *Authority, c ACME, now func() time.Time) (*acmeServer, error) {
	if len(c.AttestationRoots) == 0 {
		return nil, errors.New("no attestation roots")
	}
	if len(c.Formats) == 0 {
		c.Formats = []string{string(provisioner.STEP)}
	}
	for _, format := range c.Formats {
		if format != string(provisioner.STEP) && format != string(provisioner.APPLE) {
			return nil, errors.New("attestation format " + format + " is not one of step, apple")
		}
	}
	db, err := acmenosql.New(&keyValue{store: a.store})
	if err != nil {
		return nil, err
	}
	s := &acmeServer{a: a, config: c, db: db, nonces: newNonces(), now: now}
	_, err = s.provisioner()
	return s, err
}

// provisioner makes the provisioner of one request. Its template is empty, and so
// refuses, until the request's account is known.
func (s *acmeServer) provisioner() (*provisioner.ACME, error) {
	p := &provisioner.ACME{
		ID: "acme/" + acmeName, Type: "ACME", Name: acmeName, RequireEAB: true,
		Challenges: []provisioner.ACMEChallenge{provisioner.DEVICE_ATTEST_01}, AttestationRoots: s.config.AttestationRoots,
		Claims: claims(), Options: options(`{"subject":{}}`),
	}
	for _, f := range s.config.Formats {
		p.AttestationFormats = append(p.AttestationFormats, provisioner.ACMEAttestationFormat(f))
	}
	return p, p.Init(s.a.common)
}

// handler serves RFC 8555 under /acme/device/, but for revocation and change of the
// account's key, which have no route.
func (s *acmeServer) handler() http.Handler {
	router := chi.NewRouter()
	router.Route("/acme", func(r chi.Router) { acmeapi.Route(offered{r}) })
	return ofKeySize(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.provisioner()
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		ctx := acme.NewContext(r.Context(), &acmeDB{DB: s.db, server: s, provisioner: p}, acme.NewClient(),
			linker{acme.NewLinker(r.Host, "/acme")}, nil)
		router.ServeHTTP(w, r.WithContext(acme.NewProvisionerContext(ctx, p)))
	}))
}

// offered leaves out the routes that do not pass the gate.
type offered struct{ chi.Router }

// MethodFunc implements smallstep's api.Router.
func (o offered) MethodFunc(method, pattern string, h http.HandlerFunc) {
	for _, kind := range []acme.LinkType{acme.RevokeCertLinkType, acme.KeyChangeLinkType} {
		if strings.Contains(pattern, "/"+kind.String()) {
			return
		}
	}
	o.Router.MethodFunc(method, pattern, h)
}

// linker takes the provisioner that the handler has put into the context; smallstep's
// own would look for it among those the process started with.
type linker struct{ acme.Linker }

// Middleware implements acme.Linker.
func (linker) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if chi.URLParam(r, "provisionerID") != acmeName {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// acmeDB is smallstep's ACME store for one request: keys of external account binding
// are our records, and nonces are in memory.
type acmeDB struct {
	*acmenosql.DB
	server      *acmeServer
	provisioner *provisioner.ACME
	challenges  int // made by this request
}

var _ acme.DB = (*acmeDB)(nil)

// GetAccount finds an account and the vendor behind it. With it the request's
// certificate template is complete: what is signed is for whoever is behind this
// account. An account behind which nobody stands any more is as if deactivated.
func (d *acmeDB) GetAccount(ctx context.Context, id string) (*acme.Account, error) {
	account, err := d.DB.GetAccount(ctx, id)
	if err != nil {
		return nil, err
	}
	return account, d.behind(ctx, account)
}

// GetAccountByKeyID is the same by the account's key.
func (d *acmeDB) GetAccountByKeyID(ctx context.Context, kid string) (*acme.Account, error) {
	account, err := d.DB.GetAccountByKeyID(ctx, kid)
	if err != nil {
		return nil, err
	}
	return account, d.behind(ctx, account)
}

func (d *acmeDB) behind(ctx context.Context, account *acme.Account) error {
	err := d.server.a.store.View(ctx, func(r store.Reader) error {
		_, err := boundKey(r, account.ID)
		return err
	})
	if isRefusal(err) {
		account.Status = acme.StatusDeactivated
		return nil
	}
	if err != nil {
		return err
	}
	d.provisioner.Options.X509.Template, err = templates.StepKnownTemplate(d.server.a.marker, account.ID)
	return err
}
