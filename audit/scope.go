package audit

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
)

// validate checks a scope: everything the gate will rely on is there, is named
// exactly and once, and nobody stands on two sides. at is the scope's own path.
func (s Scope) validate(p *problems, at, vendorOrganization string) {
	p.scopeCount(at+".products", len(s.Products), 1)
	products := unique{}
	for i, product := range s.Products {
		field := fmt.Sprintf("%s.products[%d].name", at, i)
		p.line(field, product.Name)
		p.noWildcard(field, product.Name)
		products.add(p, CodeScope, field, product.Name)
	}
	s.validateSources(p, at)
	keys := keyOwners{}
	s.validateBuilders(p, at, keys)
	s.validateRebuilders(p, at, keys, vendorOrganization)
	s.validateAttestors(p, at, keys)
	s.validateCommitters(p, at, keys)
	s.validateOrigins(p, at+".origins")
	s.validateRecipes(p, at)
	s.validateLayouts(p, at+".layouts")
	s.validateRepositories(p, at)
	p.scopeCount(at+".exclusions", len(s.Exclusions), 0)
	exclusions := unique{}
	for i, text := range s.Exclusions {
		field := fmt.Sprintf("%s.exclusions[%d]", at, i)
		p.text(field, text, true)
		exclusions.add(p, CodeScope, field, text)
	}
}

// validateRepositories checks the URLs as strictly as a certificate will.
func (s Scope) validateRepositories(p *problems, at string) {
	at += ".repositories"
	p.scopeCount(at, len(s.Repositories), 1)
	if len(s.Repositories) > ext.MaxURLs {
		p.add(CodeScope, at, "has %d entries, a certificate holds %d", len(s.Repositories), ext.MaxURLs)
	}
	seen := unique{}
	for i, u := range s.Repositories {
		field := fmt.Sprintf("%s[%d]", at, i)
		before := len(*p)
		p.httpsURL(field, u)
		seen.add(p, CodeScope, field, strings.TrimSuffix(u, "/"))
		if _, err := (ext.AttestationRepository{URLs: []string{u}}).Marshal(); err != nil && len(*p) == before {
			p.add(CodeValue, field, "%v", err)
		}
	}
}

// validateOrigins checks the places that dependencies may come from.
func (s Scope) validateOrigins(p *problems, at string) {
	p.scopeCount(at, len(s.Origins), 0)
	seen := unique{}
	for i, u := range s.Origins {
		field := fmt.Sprintf("%s[%d]", at, i)
		p.httpsURL(field, u)
		seen.add(p, CodeScope, field, strings.TrimSuffix(u, "/"))
	}
}

// validateLayouts checks the digests of layouts.
func (s Scope) validateLayouts(p *problems, at string) {
	p.scopeCount(at, len(s.Layouts), 0)
	seen := unique{}
	for i, d := range s.Layouts {
		field := fmt.Sprintf("%s[%d]", at, i)
		if len(d) != 2*sha256.Size || strings.Trim(d, "0123456789abcdef") != "" {
			p.add(CodeValue, field, "not a SHA-256 in lower-case hex; hallmark attest layout FILE prints it")
		}
		seen.add(p, CodeScope, field, d)
	}
}

func (s Scope) validateSources(p *problems, at string) {
	p.scopeCount(at+".sources", len(s.Sources), 1)
	seen := unique{}
	for i, source := range s.Sources {
		at := fmt.Sprintf("%s.sources[%d]", at, i)
		p.httpsURL(at+".uri", strings.TrimPrefix(source.URI, "git+"))
		seen.add(p, CodeScope, at+".uri", repositoryOf(source.URI))
		p.names(at+".branches", source.Branches)
	}
}

// repositoryOf is a source's URI without the ways of writing the same repository: an
// entry for all branches and one for some would contradict each other.
func repositoryOf(uri string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(uri, "git+"), "/"), ".git")
}

func (s Scope) validateBuilders(p *problems, at string, keys keyOwners) {
	p.scopeCount(at+".builders", len(s.Builders), 1)
	seen, identities := unique{}, identityOwners{}
	for i, b := range s.Builders {
		at := fmt.Sprintf("%s.builders[%d]", at, i)
		p.httpsURL(at+".id", b.ID)
		seen.add(p, CodeScope, at+".id", b.ID)
		p.names(at+".build_types", b.BuildTypes)
		p.properties(at+".properties", b.Properties)
		p.names(at+".entry_points", b.EntryPoints)
		p.names(at+".parameters", b.Parameters)
		least := 1
		if len(b.Identities) > 0 {
			least = 0
		}
		keys.check(p, at+".keys", "a builder", b.Keys, least)
		identities.check(p, at+".identities", b, keys)
	}
}

func (s Scope) validateRebuilders(p *problems, at string, keys keyOwners, vendorOrganization string) {
	p.scopeCount(at+".rebuilders", len(s.Rebuilders), 0)
	seen := unique{}
	for _, b := range s.Builders {
		seen[b.ID] = true // what a builder repeats of its own proves nothing
	}
	for i, r := range s.Rebuilders {
		at := fmt.Sprintf("%s.rebuilders[%d]", at, i)
		p.httpsURL(at+".id", r.ID)
		seen.add(p, CodeScope, at+".id", r.ID)
		p.line(at+".operator", r.Operator)
		p.noWildcard(at+".operator", r.Operator)
		if sameOrganization(r.Operator, vendorOrganization) {
			p.add(CodeConflict, at+".operator", "is the vendor itself: a rebuilder is run by somebody else")
		}
		keys.check(p, at+".keys", "rebuilder operator "+foldOrganization(r.Operator), r.Keys, 1)
	}
}

// keyOwners remembers in whose name each key was given: a key that speaks for two
// owners would let one of them stand in for both.
type keyOwners map[string]string

func (o keyOwners) check(p *problems, at, owner string, keys []string, least int) {
	p.scopeCount(at, len(keys), least)
	here := unique{}
	for i, text := range keys {
		field := fmt.Sprintf("%s[%d]", at, i)
		id, err := keyID(text)
		if err != nil {
			p.add(CodeKey, field, "%v", err)
			continue
		}
		here.add(p, CodeKey, field, id)
		o.claim(p, field, owner, id)
	}
}

func (o keyOwners) claim(p *problems, field, owner, id string) {
	if other, ok := o[id]; ok && other != owner {
		p.add(CodeKey, field, "key %s is also that of %s", id, other)
	}
	o[id] = owner
}

// keyID parses a key of a scope, of a kind and size that attest accepts, and names it.
func keyID(text string) (string, error) {
	key, err := attest.ParsePublicKey(text)
	if err != nil {
		return "", err
	}
	return attest.KeyID(key)
}
