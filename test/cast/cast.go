// Package cast is the people that tests of more than one package need, and what they
// sign: auditors quill and ada, officer olga, vendor acme, and an assessment of acme at
// any level.
package cast

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

// The cast by name.
const (
	Auditor   = "quill"
	Second    = "ada"
	Officer   = "olga"
	Vendor    = "acme"
	VendorURI = "https://acme.example"
)

// Cast holds everybody's key.
type Cast struct {
	Auditor, Second, Officer, Builder *ecdsa.PrivateKey
}

// New makes new keys.
func New() (*Cast, error) {
	c := new(Cast)
	for _, key := range []**ecdsa.PrivateKey{&c.Auditor, &c.Second, &c.Officer, &c.Builder} {
		var err error
		if *key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Seed puts everybody on record, accredited for these frameworks from a year before
// now until a year after.
func (c *Cast) Seed(tx store.Tx, now time.Time, frameworks ...string) error {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	client, err := x509.CreateCertificate(rand.Reader, template, template, c.Officer.Public(), c.Officer)
	if err != nil {
		return err
	}
	if err := errors.Join(
		store.Vendors.Put(tx, store.Vendor{ID: Vendor, URI: VendorURI, Organization: "Acme Ltd", Country: "DE"}),
		store.People.Put(tx, store.Person{ID: Auditor, Role: "auditor", Organization: "Quill LLP"}),
		store.People.Put(tx, store.Person{ID: Second, Role: "auditor", Organization: "Ada and Co"}),
		store.People.Put(tx, store.Person{ID: Officer, Role: "officer", Organization: "Example CA"}),
		store.ClientCertificates.Put(tx, store.ClientCertificate{Serial: "01", Person: Officer, DER: client, NotAfter: template.NotAfter}),
	); err != nil {
		return err
	}
	for auditor, key := range map[string]*ecdsa.PrivateKey{Auditor: c.Auditor, Second: c.Second} {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return err
		}
		sum := sha256.Sum256(der)
		if err := store.AuditorKeys.Put(tx, store.AuditorKey{SPKISHA256: hex.EncodeToString(sum[:]), Auditor: auditor, PublicKey: der}); err != nil {
			return err
		}
		for _, f := range frameworks {
			acc := store.Accreditation{Auditor: auditor, Framework: f, From: now.AddDate(-1, 0, 0), Until: now.AddDate(1, 0, 0)}
			if err := store.Accreditations.Put(tx, acc); err != nil {
				return err
			}
		}
	}
	return nil
}

// Assessment is acme's, at a level of a framework with one track, made at a time and
// good for a year.
func (c *Cast) Assessment(f audit.Framework, level int, at time.Time) (audit.Assessment, error) {
	track, ok := f.Track("")
	if !ok {
		return audit.Assessment{}, fmt.Errorf("%s has several tracks", f.ID)
	}
	builder, err := x509.MarshalPKIXPublicKey(c.Builder.Public())
	if err != nil {
		return audit.Assessment{}, err
	}
	at = at.UTC().Truncate(time.Second)
	a := audit.Assessment{
		Framework: f.Ref(track.ID), Vendor: audit.Party{ID: Vendor, URI: VendorURI, Organization: "Acme Ltd"},
		Auditor: audit.Party{ID: Auditor, Organization: "Quill LLP"}, Level: level, LevelID: track.LevelID(level),
		AssessedAt: at, ValidUntil: at.AddDate(1, 0, 0),
		Scope: audit.Scope{
			Products: []audit.Product{{Name: "tool"}}, Sources: []audit.Source{{URI: "https://git.acme.example/tool"}},
			Builders: []audit.Builder{{
				ID: "https://ci.acme.example/linux", BuildTypes: []string{"https://ci.acme.example/make/v1"},
				Properties: []string{audit.PropertyCompleteParameters, audit.PropertySourceFetched, audit.PropertyFixedEntryPoint},
				Keys:       []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: builder}))},
			}},
			Repositories: []string{"https://attestations.acme.example"},
		},
	}
	if level == len(track.Levels) {
		a.SecondAuditor = &audit.Party{ID: Second, Organization: "Ada and Co"}
	}
	for _, r := range track.Requirements {
		if r.FromLevel <= level {
			evidence := []attest.ResourceDescriptor{{URI: VendorURI + "/" + r.ID}}
			a.Findings = append(a.Findings, audit.Finding{Requirement: r.ID, Status: audit.Met, Evidence: evidence})
		}
	}
	return a, nil
}

// Sign signs an assessment as the auditors it names do.
func (c *Cast) Sign(ctx context.Context, a audit.Assessment) ([]byte, error) {
	envelope, err := audit.Sign(ctx, a, c.Auditor)
	if err != nil || a.SecondAuditor == nil {
		return envelope, err
	}
	return attest.AddSignature(ctx, envelope, c.Second)
}

// Countersign signs as the officer does.
func (c *Cast) Countersign(ctx context.Context, envelope []byte) ([]byte, error) {
	return attest.AddSignature(ctx, envelope, c.Officer)
}
