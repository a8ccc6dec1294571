package audit

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
)

// Committer is somebody whose signed commits count: a person, or a service that merges.
type Committer struct {
	ID string `json:"id" yaml:"id"` // one entry each; the id of an attestor says that it is the same person
	// Sources are the repositories of the scope whose commits count; none: all of them.
	Sources []string `json:"sources,omitempty" yaml:"sources"`
	// Keys are what commits are signed with: lines of OpenSSH .pub files.
	Keys []string `json:"keys" yaml:"keys"`
}

// DraftCommitter is a Committer whose keys may lie in files.
type DraftCommitter struct {
	Committer `yaml:",inline"`
	KeyFiles  []string `yaml:"key_files"` // OpenSSH .pub files
}

// MayCommit reports whether the committer's commits to a repository count.
func (c Committer) MayCommit(repository string) bool {
	return len(c.Sources) == 0 || slices.ContainsFunc(c.Sources, func(s string) bool { return repositoryOf(s) == repositoryOf(repository) })
}

// validateCommitters checks those whose commits count. A builder or rebuilder is none: what
// is built is somebody else's work.
func (s Scope) validateCommitters(p *problems, at string, keys keyOwners) {
	p.scopeCount(at+".committers", len(s.Committers), 0)
	seen := unique{}
	for _, b := range s.Builders {
		seen[b.ID] = true
	}
	for _, r := range s.Rebuilders {
		seen[r.ID] = true
	}
	for i, c := range s.Committers {
		at := fmt.Sprintf("%s.committers[%d]", at, i)
		p.line(at+".id", c.ID)
		p.noWildcard(at+".id", c.ID)
		seen.add(p, CodeScope, at+".id", c.ID)
		p.scopeCount(at+".sources", len(c.Sources), 0)
		sources := unique{}
		for j, uri := range c.Sources {
			field := fmt.Sprintf("%s.sources[%d]", at, j)
			if !slices.ContainsFunc(s.Sources, func(source Source) bool { return repositoryOf(source.URI) == repositoryOf(uri) }) {
				p.add(CodeScope, field, "the scope has no source %q", clip(uri))
			}
			sources.add(p, CodeScope, field, repositoryOf(uri))
		}
		keys.checkCommits(p, at+".keys", "attestor "+c.ID, c.Keys)
	}
}

// checkCommits is check for keys that commits are signed with. A key that is somebody
// else's outside OpenSSH is found as well.
func (o keyOwners) checkCommits(p *problems, at, owner string, keys []string) {
	p.scopeCount(at, len(keys), 1)
	here := unique{}
	for i, text := range keys {
		field := fmt.Sprintf("%s[%d]", at, i)
		key, err := gitcommit.ParseKey(text)
		if err != nil {
			p.add(CodeKey, field, "%v", err)
			continue
		}
		here.add(p, CodeKey, field, key.ID())
		o.claim(p, field, owner, key.ID())
		if key.Public() == nil {
			continue
		}
		if id, err := attest.KeyID(key.Public()); err == nil {
			o.claim(p, field, owner, id)
		}
	}
}

func (d *Draft) resolveCommitters(files fs.FS) {
	d.Scope.Committers = slices.Clone(d.Scope.Committers)
	for i := range d.Scope.Committers {
		c := &d.Scope.Committers[i]
		c.Keys, c.KeyFiles = d.readKeys(files, fmt.Sprintf("scope.committers[%d]", i), c.Keys, c.KeyFiles), nil
		for j := range c.Keys {
			c.Keys[j] = strings.TrimSpace(c.Keys[j])
		}
	}
}

func (w *draftWriter) committers(committers []Committer) {
	w.section("Whose signed commits count, where the framework asks for signed commits. keys are lines of OpenSSH .pub files; with sources, only commits to those repositories.",
		"committers", len(committers), "- id: ada\n  key_files: [ada.pub]")
	for _, c := range committers {
		w.line("  - id: %s", quote(c.ID))
		w.optional("    sources: ", c.Sources)
		w.keys(c.Keys)
	}
}
