package gate

import (
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// testimony is a statement beside the provenance, by somebody the scope names for it.
type testimony struct {
	digest    string // SHA-256 of the envelope
	statement attest.Statement
	content   any
	// attestors are those of the scope that signed it, for this predicate type, as
	// indexes; others is true where a builder or a rebuilder did.
	attestors []int
	others    bool
	keys      []string // key ids of all of them
}

// isType is a condition on predicate types.
type isType func(predicateType string) bool

func typeIs(types ...string) isType {
	return func(t string) bool { return slices.Contains(types, t) }
}

// witnesses finds who of the scope signed a document and may state its type. Builders
// and rebuilders may state what is found out about an artifact; what is decided about
// it, or about a source, is for the attestors named.
func (f *file) witnesses(d signed, technical bool) (t testimony, ok bool) {
	t = testimony{digest: d.SHA256, statement: d.Statement}
	for _, id := range d.signers {
		i, is := f.attestors[id]
		if is && slices.Contains(f.scope.Attestors[i].Predicates, d.Statement.PredicateType) {
			if !slices.Contains(t.attestors, i) {
				t.attestors = append(t.attestors, i)
			}
			t.keys = append(t.keys, id)
			continue
		}
		_, rebuilder := f.rebuilders[id]
		if technical && (rebuilder || len(f.builders[id]) > 0) {
			t.others = true
			t.keys = append(t.keys, id)
		}
	}
	return t, len(t.keys) > 0
}

// about returns the testimonies of a type about the artifact and nothing else, and why
// others of that type do not count.
func (f *file) about(is isType, technical bool) (out []testimony, why string) {
	return f.testimonies(is, technical, f.build.only)
}

// testimonies is about for any subject: other says what else a statement is about, or "".
func (f *file) testimonies(is isType, technical bool, about func(attest.Statement) (other string)) (out []testimony, why string) {
	why = "no such statement about this digest"
	for _, d := range f.documents {
		if !is(d.Statement.PredicateType) {
			continue
		}
		t, ok := f.witnesses(d, technical)
		if !ok {
			why = "not signed by anybody whom the scope names for " + d.Statement.PredicateType
			continue
		}
		if other := about(d.Statement); other != "" {
			why = "the statement is " + other
			continue
		}
		var err error
		if t.content, err = d.read(); err != nil {
			why = "signed, but not readable: " + quote(err.Error())
			continue
		}
		out = append(out, t)
	}
	return out, why
}

// technical is about for what builders, rebuilders and attestors may all state.
func (f *file) technical(types ...string) ([]testimony, string) {
	return f.about(typeIs(types...), true)
}

// revision is a source that the provenance names, and its commit.
type revision struct {
	repository, ref string
	commit, tree    string
}

// revisions are the sources of the build, each with a commit; nil where one has none.
func (e *exhibit) revisions() []revision {
	if !e.sought {
		e.sources, e.sought = e.findRevisions(), true // several rules ask
	}
	return e.sources
}

func (e *exhibit) findRevisions() []revision {
	var out []revision
	for _, s := range e.provenance.Sources {
		r := revision{commit: commitOf(s), tree: s.Digest["gitTree"]}
		r.repository, r.ref = attest.SplitSource(s.URI)
		if r.commit == "" {
			return nil
		}
		out = append(out, r)
	}
	return out
}

// commitOf is the commit that a source is pinned to, "" if none.
func commitOf(s attest.ResourceDescriptor) string {
	if c := s.Digest["gitCommit"]; c != "" {
		return c
	}
	return s.Digest["sha1"]
}

// is reports whether every subject of a statement is this revision: its commit, or the
// tree that the provenance says the commit has.
func (r revision) is(s attest.Statement) bool {
	return !slices.ContainsFunc(s.Subject, func(sub attest.Subject) bool {
		for algorithm, d := range sub.Digest {
			switch algorithm {
			case "gitCommit", "sha1":
				if d != r.commit {
					return true
				}
			case "gitTree":
				if r.tree == "" || d != r.tree {
					return true
				}
			}
		}
		return sub.Digest["gitCommit"] == "" && sub.Digest["sha1"] == "" && sub.Digest["gitTree"] == ""
	})
}

// sameRepository compares how two statements name a repository.
func (r revision) sameRepository(uri string) bool {
	other, _ := attest.SplitSource(uri)
	return other == r.repository
}

// onRef reports whether a ref of a testimony is one on which the scope allows this
// revision, and the one it was built from where the provenance says which.
func (e *exhibit) onRef(r revision, ref string) bool {
	// A tag is built from what was reviewed on a branch; a branch from itself.
	if strings.HasPrefix(r.ref, "refs/heads/") && !onBranch(r.ref, []string{ref}) {
		return false
	}
	return slices.ContainsFunc(e.scope.Sources, func(a audit.Source) bool {
		audited, _ := attest.SplitSource(a.URI)
		return audited == r.repository && (len(a.Branches) == 0 || onBranch(ref, a.Branches))
	})
}

// aboutRevision returns the testimonies of a type about one revision of the source.
func (e *exhibit) aboutRevision(r revision, is isType) (out []testimony, why string) {
	why = "no such statement about commit " + r.commit
	for _, d := range e.documents {
		if !is(d.Statement.PredicateType) || !r.is(d.Statement) {
			continue
		}
		t, ok := e.witnesses(d, false)
		if !ok {
			why = "not signed by an attestor whom the scope names for " + d.Statement.PredicateType
			continue
		}
		var err error
		if t.content, err = d.read(); err != nil {
			why = "signed, but not readable: " + quote(err.Error())
			continue
		}
		out = append(out, t)
	}
	return out, why
}

// forEachRevision judges every source of the build by one condition; the digests are of
// the statements it rests on.
func (e *exhibit) forEachRevision(what string, judge func(revision) (digests []string, why string)) finding {
	if e.provenance == nil {
		return e.unread()
	}
	revisions := e.revisions()
	if len(revisions) == 0 {
		return e.fail("the provenance names no source with a commit")
	}
	var all []string
	for _, r := range revisions {
		digests, why := judge(r)
		if len(digests) == 0 {
			return e.fail(why, append(all, e.digest)...)
		}
		all = append(all, digests...)
	}
	return e.pass(what, all...)
}
