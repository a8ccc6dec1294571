package rebuild

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/store"
)

// scopes returns the scopes of a vendor's assessments in force, as they were signed.
func (q *Queue) scopes(r store.Reader, vendor string, now time.Time) ([]audit.Scope, error) {
	records, err := q.opener.InForce(r, vendor, now)
	if err != nil {
		return nil, err
	}
	var out []audit.Scope
	for _, rec := range records {
		a, err := q.opener.Open(r, rec)
		if err != nil {
			// Not wrapped: it was accepted once, so this is a damaged record and no
			// refusal of anything the caller sent.
			return nil, fmt.Errorf("assessment %s on record: %v", rec.ID, err)
		}
		out = append(out, a.Scope)
	}
	return out, nil
}

// activeVendor refuses a vendor for whom nobody works.
func activeVendor(r store.Reader, id string) error {
	v, err := store.Vendors.Get(r, id)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeVendor, "", "no vendor %s", quote(id))
	}
	if err == nil && !v.SuspendedAt.IsZero() {
		return refuse(CodeVendor, "ask the CA why", "vendor %s is suspended", quote(id))
	}
	return err
}

func hasProduct(s audit.Scope, product string) bool {
	return slices.ContainsFunc(s.Products, func(p audit.Product) bool { return p.Name == product })
}

// recipeIn finds how a product is rebuilt from a source.
func recipeIn(s audit.Scope, product, uri string) (audit.Recipe, bool) {
	for _, r := range s.Recipes {
		if r.Product == product && sameRepository(r.Source, uri) {
			return r, true
		}
	}
	return audit.Recipe{}, false
}

func sameRepository(a, b string) bool {
	x, _ := attest.SplitSource(a)
	y, _ := attest.SplitSource(b)
	return x == y
}

// standing is what the scopes in force say about the rebuilder of a job.
type standing struct {
	operator string // as the scope spells it
	keys     []crypto.PublicKey
	recipe   bool // the job's recipe is one of the scope's
}

// standingOf looks a rebuilder up in the scopes that name the job's product. It is false
// where none names it.
func standingOf(scopes []audit.Scope, job store.RebuildJob) (standing, bool) {
	var s standing
	found := false
	for _, scope := range scopes {
		i := slices.IndexFunc(scope.Rebuilders, func(r audit.Rebuilder) bool { return r.ID == job.Rebuilder })
		if i < 0 || !hasProduct(scope, job.Product) || found && !sameOperator(s.operator, scope.Rebuilders[i].Operator) {
			continue
		}
		found, s.operator = true, scope.Rebuilders[i].Operator
		for _, text := range scope.Rebuilders[i].Keys {
			// One that does not parse verifies nothing.
			if key, err := attest.ParsePublicKey(text); err == nil && len(s.keys) < attest.MaxKeys {
				s.keys = append(s.keys, key)
			}
		}
		r, ok := recipeIn(scope, job.Product, job.SourceURI)
		s.recipe = s.recipe || ok && recipe.Digest([]byte(r.Recipe)) == job.Recipe
	}
	return s, found
}

func sameOperator(a, b string) bool { return audit.FoldOrganization(a) == audit.FoldOrganization(b) }
