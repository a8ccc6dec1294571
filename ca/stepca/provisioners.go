package stepca

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
	"github.com/smallstep/certificates/api/render"
	"github.com/smallstep/certificates/authority/provisioner"
	"go.step.sm/crypto/jose"
)

// x5cName is the name of the provisioner for tokens signed with a client certificate
// of the operator CA.
const x5cName = "hallmark"

// claims leave validity to the gate: smallstep's own default is a day, and its ceiling
// would cut everything to that.
func claims() *provisioner.Claims {
	yes, no := true, false
	longest := &provisioner.Duration{Duration: ca.MaxValidity}
	return &provisioner.Claims{
		MinTLSDur: &provisioner.Duration{Duration: minValidity}, MaxTLSDur: longest, DefaultTLSDur: longest,
		DisableRenewal: &yes, AllowRenewalAfterExpiry: &no, DisableSmallstepExtensions: &yes, EnableSSHCA: &no,
	}
}

func options(template string) *provisioner.Options {
	return &provisioner.Options{X509: &provisioner.X509Options{Template: template}}
}

func (a *Authority) newX5C() (*provisioner.X5C, error) {
	text, err := templates.StepTemplate(a.marker)
	if err != nil {
		return nil, err
	}
	p := &provisioner.X5C{Type: "X5C", Name: x5cName, Roots: a.operatorPEM(), Claims: claims(), Options: options(text)}
	return p, p.Init(a.common)
}

// newJWK makes the provisioner of one key on record. It lives for one request: the
// record decides, not what was read when the process started.
func (a *Authority) newJWK(rec store.VendorIdentity) (*provisioner.JWK, error) {
	text, err := templates.StepKnownTemplate(a.marker, rec.ID)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(rec)
	if err != nil {
		return nil, err
	}
	p := &provisioner.JWK{Type: "JWK", Name: rec.ID, Key: key, Claims: claims(), Options: options(text)}
	return p, p.Init(a.common)
}

func keyOf(rec store.VendorIdentity) (*jose.JSONWebKey, error) {
	key := new(jose.JSONWebKey)
	if err := json.Unmarshal(rec.JWK, key); err != nil {
		return nil, fmt.Errorf("key of identity %s: %w", rec.ID, err)
	}
	key.KeyID = rec.ID[len(jwkPrefix):]
	return key, nil
}

// provisioners lists what the step client may choose from. smallstep's own handler
// would show templates as well, and with them the marker that makes our requests ours.
// Keys are listed without their vendors: the client asks which key identifier to put
// into a token.
func (a *Authority) provisioners(w http.ResponseWriter, r *http.Request) {
	after := r.URL.Query().Get("cursor")
	list, next := []any{}, ""
	if after == "" {
		list = a.configured()
	}
	err := a.store.View(r.Context(), func(r store.Reader) error {
		n := 0
		for rec, err := range store.VendorIdentities.All(r, after) {
			if err != nil {
				return err
			}
			if n++; n > listPage {
				break
			}
			next = rec.ID
			if rec.Kind != store.IdentityJWK {
				continue
			}
			key, err := keyOf(rec)
			if err != nil {
				return err
			}
			list = append(list, map[string]any{"type": "JWK", "name": rec.ID, "key": key})
		}
		if n <= listPage {
			next = ""
		}
		return nil
	})
	if err != nil {
		render.Error(w, r, err)
		return
	}
	a.answer(w, map[string]any{"provisioners": list, "nextCursor": next})
}

func (a *Authority) configured() []any {
	list := []any{map[string]any{"type": "X5C", "name": x5cName, "roots": a.operatorPEM()}}
	for _, i := range a.issuers {
		list = append(list, map[string]any{
			"type": "OIDC", "name": i.Name, "clientID": i.ClientID, "clientSecret": "", "configurationEndpoint": i.endpoint(),
		})
	}
	if a.acme != nil {
		list = append(list, map[string]any{"type": "ACME", "name": acmeName, "requireEAB": true})
	}
	return list
}

// jwk finds the provisioner of a key by its name, which is the identity's id.
func (a *Authority) jwk(ctx context.Context, id string) (*provisioner.JWK, error) {
	var rec store.VendorIdentity
	err := a.store.View(ctx, func(r store.Reader) (err error) { rec, err = identity(r, id); return err })
	if err == nil && rec.Kind != store.IdentityJWK {
		err = refuse(ca.CodeProvisioner, "", "%s is no key", id)
	}
	if err != nil {
		return nil, err
	}
	return a.newJWK(rec)
}
