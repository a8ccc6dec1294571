package rebuild

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/store"
)

// Source is what a build is repeated from.
type Source struct {
	URI    string // of the repository, as in the audited scope or in provenance
	Commit string // git commit, 40 or 64 lower-case hex digits
}

// Request asks for a build to be repeated.
type Request struct {
	Vendor  string // Vendor.ID
	Product string // as in the audited scope; "": the only one that has a recipe for the source
	SHA256  string // of the artifact, lower-case hex
	// Source is what to build. Where it is zero, it is taken from Evidence: envelopes
	// about the artifact, of which provenance by a builder of the audited scope counts.
	// Where both name a source, it must be the same.
	Source   Source
	Evidence [][]byte
	// Operators is how many different operators to ask, one rebuilder each; 0: as the
	// Queue says.
	Operators int
	// Again asks those anew whose rebuild came to nothing: given up, or the build or its
	// fetching failed. What confirmed or contradicted stays.
	Again bool
	By    string // Person.ID of who asks
}

// Ask is Enqueue in a transaction of its own. Without Evidence it reads what the
// repository has.
func (q *Queue) Ask(ctx context.Context, r Request) ([]store.RebuildJob, error) {
	if refusal := r.check(); refusal != nil {
		return nil, refusal
	}
	if r.Evidence == nil {
		evidence, err := q.Repository.Get(ctx, r.Vendor, r.SHA256)
		if err != nil {
			return nil, fmt.Errorf("evidence about %s: %w", r.SHA256, err)
		}
		r.Evidence = evidence
	}
	var jobs []store.RebuildJob
	err := q.Store.Update(ctx, func(tx store.Tx) (err error) {
		jobs, err = q.Enqueue(ctx, tx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	q.Poke()
	return jobs, nil
}

// Enqueue asks the rebuilders of the audited scopes about a build, in the caller's
// transaction, and returns the job of each. A job that there is already stays as it is,
// so that asking twice is asking once. The error is a *Refusal where the answer is no.
// After the commit, call Poke.
func (q *Queue) Enqueue(_ context.Context, tx store.Tx, r Request) ([]store.RebuildJob, error) {
	if refusal := r.check(); refusal != nil {
		return nil, refusal
	}
	if err := activeVendor(tx, r.Vendor); err != nil {
		return nil, err
	}
	now := q.now()
	scopes, err := q.scopes(tx, r.Vendor, now)
	if err != nil {
		return nil, fmt.Errorf("ask rebuilders: %w", err)
	}
	if r.Source, err = r.source(scopes); err != nil {
		return nil, err
	}
	asked, refusal := r.choose(scopes, cmp.Or(r.Operators, q.Operators))
	if refusal != nil {
		return nil, refusal
	}
	jobs, err := r.put(tx, asked, now)
	if err != nil {
		return nil, fmt.Errorf("ask rebuilders: %w", err)
	}
	return jobs, nil
}

// source is what to build. A source that is not the one of the builder's provenance is
// refused: rebuilders would truly find that the artifact does not come out of it, and
// that can not be taken back.
func (r Request) source(scopes []audit.Scope) (Source, error) {
	proven, ok := sourceOf(scopes, r.Evidence, r.SHA256)
	switch {
	case !ok && r.Source == (Source{}):
		return Source{}, refuse(CodeSource, "push the builder's provenance first, or name source and commit",
			"no provenance on file by a builder of the audited scope says what %s was built from", r.SHA256)
	case ok && r.Source != (Source{}) && (r.Source.Commit != proven.Commit || !sameRepository(r.Source.URI, proven.URI)):
		return Source{}, refuse(CodeSource, "leave source and commit out", "the builder's provenance on file names %s at %s", quote(proven.URI), proven.Commit)
	case ok:
		return proven, nil
	}
	return r.Source, nil
}

// ask is one rebuilder that is to be asked, and for what.
type ask struct {
	product string
	audit.Rebuilder
	recipe string // the document
}

// choose finds who is to be asked: every rebuilder of the scopes that have a recipe for
// the build, or one of each of some operators.
func (r Request) choose(scopes []audit.Scope, operators int) ([]ask, *Refusal) {
	product, refusal := r.product(scopes)
	if refusal != nil {
		return nil, refusal
	}
	var all []ask
	inRecipe := false
	for _, s := range scopes {
		rec, ok := recipeIn(s, product, r.Source.URI)
		if !ok || !hasProduct(s, product) {
			continue
		}
		inRecipe = true
		for _, b := range s.Rebuilders {
			if !slices.ContainsFunc(all, func(a ask) bool { return a.ID == b.ID }) {
				all = append(all, ask{product, b, rec.Recipe})
			}
		}
	}
	switch {
	case !inRecipe:
		return nil, refuse(CodeRecipe, "have the auditor list a recipe in the scope of the next assessment",
			"no assessment in force has a recipe to rebuild %s from %s", quote(product), quote(r.Source.URI))
	case len(all) == 0:
		return nil, refuse(CodeNoRebuilder, "have the auditor list rebuilders in the scope of the next assessment",
			"the assessments in force name no rebuilder for %s", quote(product))
	}
	if operators == 0 {
		return all, nil
	}
	return r.oneEach(all, operators), nil
}

// oneEach takes one rebuilder of each operator, of so many operators. Which ones, the
// artifact's digest decides: the work spreads, and asking twice asks the same.
func (r Request) oneEach(all []ask, operators int) []ask {
	rank := func(a ask) string {
		sum := sha256.Sum256([]byte(r.SHA256 + "\n" + a.ID))
		return string(sum[:])
	}
	slices.SortFunc(all, func(a, b ask) int { return strings.Compare(rank(a), rank(b)) })
	var out []ask
	seen := map[string]bool{}
	for _, a := range all {
		if operator := audit.FoldOrganization(a.Operator); !seen[operator] && len(out) < operators {
			seen[operator] = true
			out = append(out, a)
		}
	}
	return out
}

// product is the one that is asked for, or the only one that it can be.
func (r Request) product(scopes []audit.Scope) (string, *Refusal) {
	if r.Product != "" {
		if !slices.ContainsFunc(scopes, func(s audit.Scope) bool { return hasProduct(s, r.Product) }) {
			return "", refuse(CodeScope, "", "no assessment in force names the product %s", quote(r.Product))
		}
		return r.Product, nil
	}
	var names []string
	for _, s := range scopes {
		for _, rec := range s.Recipes {
			if sameRepository(rec.Source, r.Source.URI) && !slices.Contains(names, rec.Product) {
				names = append(names, rec.Product)
			}
		}
	}
	switch len(names) {
	case 0:
		return "", refuse(CodeRecipe, "have the auditor list a recipe in the scope of the next assessment",
			"no assessment in force has a recipe to rebuild anything from %s", quote(r.Source.URI))
	case 1:
		return names[0], nil
	}
	return "", refuse(CodeRequest, "name one of them", "%s has recipes for several products: %s", quote(r.Source.URI), quote(strings.Join(names, ", "))).at("product")
}

// put writes the jobs that are not there yet, and puts those back in the queue that are
// to be asked anew.
func (r Request) put(tx store.Tx, asked []ask, now time.Time) ([]store.RebuildJob, error) {
	jobs := make([]store.RebuildJob, 0, len(asked))
	for _, a := range asked {
		want := store.RebuildJob{
			ID: jobID(r.Vendor, r.SHA256, a.ID), State: store.RebuildQueued, Vendor: r.Vendor, Product: a.product, SHA256: r.SHA256,
			SourceURI: r.Source.URI, SourceCommit: r.Source.Commit, Recipe: recipe.Digest([]byte(a.recipe)), Rebuilder: a.ID, Operator: a.Operator,
			CreatedAt: now, CreatedBy: r.By, AskedAt: now, NotBefore: now,
		}
		have, err := store.RebuildJobs.Get(tx, want.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, err
		case !r.Again || !mayBeAskedAnew(have):
			jobs = append(jobs, have)
			continue
		default:
			want.CreatedAt, want.CreatedBy = have.CreatedAt, have.CreatedBy
		}
		if err := checkRoom(tx, r.Vendor); err != nil {
			return nil, err
		}
		if err := store.RebuildRecipes.Put(tx, store.RebuildRecipe{SHA256: want.Recipe, Recipe: []byte(a.recipe)}); err != nil {
			return nil, err
		}
		if err := store.RebuildJobs.Put(tx, want); err != nil {
			return nil, err
		}
		event := store.NewEvent(now, r.By, "ask.rebuild", want.ID, map[string]string{"vendor": r.Vendor, "artifact": r.SHA256, "rebuilder": a.ID})
		if err := store.Events.Insert(tx, event); err != nil {
			return nil, err
		}
		jobs = append(jobs, want)
	}
	return jobs, nil
}

// mayBeAskedAnew reports whether a job came to nothing: asking again may help, and can
// not make a contradiction go away.
func mayBeAskedAnew(j store.RebuildJob) bool {
	return j.State == store.RebuildFailed ||
		j.State == store.RebuildDone && (j.Outcome == store.RebuildBuildFailed || j.Outcome == store.RebuildFetchFailed)
}

// checkRoom refuses a vendor that has too many jobs waiting.
func checkRoom(tx store.Tx, vendor string) error {
	for open, err := range store.RebuildJobs.Tally(tx, "open", vendor, "") {
		if err != nil {
			return err
		}
		if open.Value == vendor && open.Count >= maxOpen {
			return refuse(CodeFull, "wait until some are done", "vendor %s has %d jobs waiting", quote(vendor), open.Count)
		}
		break
	}
	return nil
}

// jobID names the one job of a vendor about an artifact for a rebuilder.
func jobID(vendor, artifact, rebuilder string) string {
	sum := sha256.Sum256([]byte(vendor + "\n" + artifact + "\n" + rebuilder))
	return hex.EncodeToString(sum[:16])
}

// check refuses a request whose fields cannot be meant.
func (r Request) check() *Refusal {
	for _, f := range []struct {
		name, value string
		most        int
		optional    bool
	}{
		{"vendor", r.Vendor, maxNameBytes, false},
		{"product", r.Product, maxNameBytes, true},
		{"source.uri", r.Source.URI, maxURIBytes, r.Source.Commit == ""},
		{"by", r.By, maxNameBytes, false},
	} {
		switch {
		case f.value == "" && !f.optional:
			return refuse(CodeRequest, "", "is required").at(f.name)
		case len(f.value) > f.most:
			return refuse(CodeRequest, "", "%d bytes, at most %d", len(f.value), f.most).at(f.name)
		case !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, unicode.IsControl):
			return refuse(CodeRequest, "", "has a control character or is not UTF-8").at(f.name)
		}
	}
	switch {
	case !isHex(r.SHA256, 64):
		return refuse(CodeRequest, "", "want 64 lower-case hex digits").at("sha256")
	case r.Source.URI != "" && !isHex(r.Source.Commit, 40) && !isHex(r.Source.Commit, 64):
		return refuse(CodeRequest, "", "want a git commit, 40 or 64 lower-case hex digits").at("source.commit")
	case r.Operators < 0:
		return refuse(CodeRequest, "", "is negative").at("operators")
	}
	return nil
}

func isHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}
