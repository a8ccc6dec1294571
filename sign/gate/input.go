package gate

import (
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
)

// Inputs is what is on file about the inputs of a build: envelopes, by the keys that
// Gate.Inputs returned. A key that is not in it was not looked up, which is no better
// than nothing found.
type Inputs map[string][][]byte

// Inputs returns the keys under which evidence about the inputs of a build has to be
// looked up, where one of the assessments asks about each of them; at most MaxInputs. They
// are those of provenance that a builder of a scope has signed.
func (g *Gate) Inputs(evidence [][]byte, assessed []Assessed) []string {
	rolls, ring := g.rolls.of(assessed)
	var out []string
	seen := map[string]bool{}
	for _, r := range rolls {
		if !slices.ContainsFunc(r.asked, func(q asked) bool { return q.inputs }) {
			continue
		}
		f := &file{roll: r, documents: g.opener.open(evidence, ring), config: g.c}
		for _, e := range f.exhibits() {
			for _, in := range e.inputs() {
				if in.key != "" && !seen[in.key] && len(out) < MaxInputs {
					seen[in.key] = true
					out = append(out, in.key)
				}
			}
		}
	}
	return out
}

// input is something that a build used and that is none of its own source.
type input struct {
	name   string // for people: what the provenance calls it, and its digest
	key    string // under which evidence about it is filed; "" where it has no digest for that
	sha256 string // of a file, or
	commit string // of a repository
	// source: it is a revision of a repository below an origin of the scope, so that the
	// build itself makes whatever comes of it.
	source bool
}

// inputs are the inputs that the provenance lists, each once; nil without provenance.
func (e *exhibit) inputs() []input {
	if e.provenance == nil {
		return nil
	}
	var out []input
	seen, own := map[string]bool{}, e.ownSources()
	for _, d := range e.provenance.Dependencies {
		if e.isOwnSource(d, own) {
			continue
		}
		in := newInput(d, e.scope.Origins)
		if !seen[in.name] {
			seen[in.name] = true
			out = append(out, in)
		}
	}
	return out
}

// source is a repository at a commit.
type source struct{ repository, commit string }

func sourceOf(d attest.ResourceDescriptor) source {
	repository, _ := attest.SplitSource(d.URI)
	return source{repository, commitOf(d)}
}

// ownSources are what the build was started from. Provenance that does not say has a
// source in every repository among its dependencies, and those may be thousands.
func (e *exhibit) ownSources() map[source]bool {
	own := make(map[source]bool, len(e.provenance.Sources))
	for _, s := range e.provenance.Sources {
		if from := sourceOf(s); from.commit != "" {
			own[from] = true
		}
	}
	return own
}

// isOwnSource reports whether a dependency is what the build was started from, or in the
// audited scope like it.
func (e *exhibit) isOwnSource(d attest.ResourceDescriptor, own map[source]bool) bool {
	return own[sourceOf(d)] || outside(d, e.scope.Sources) == ""
}

func newInput(d attest.ResourceDescriptor, origins []string) input {
	text := d.Name
	for _, other := range []string{d.URI, d.DownloadLocation} {
		if text == "" {
			text = other
		}
	}
	in := input{name: quote(text), sha256: d.Digest["sha256"]}
	switch {
	case in.sha256 != "":
		in.key = in.sha256
		in.name += " sha256:" + in.sha256
	case commitOf(d) != "":
		repository, ok := revisionOf(d)
		if !ok {
			break // a SHA-1 of something else
		}
		in.commit = commitOf(d)
		in.key = attest.RevisionKey(in.commit)
		in.name += " gitCommit:" + in.commit
		in.source = below(repository, origins)
	}
	return in
}

// revisionOf returns the repository of a dependency that says that it is a revision of one.
func revisionOf(d attest.ResourceDescriptor) (repository string, ok bool) {
	for _, uri := range []string{d.DownloadLocation, d.URI} {
		if strings.HasPrefix(uri, "git+") {
			repository, _ = attest.SplitSource(uri)
			return repository, true
		}
	}
	return "", false
}
