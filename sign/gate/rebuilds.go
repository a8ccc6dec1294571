package gate

import (
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// quorum is what rebuilders say about an artifact.
type quorum struct {
	reproductions []rebuild
	failures      []rebuild // the last word of rebuilders that could not
}

// rebuild is the signed outcome of one rebuilder.
type rebuild struct {
	digest    string // SHA-256 of the envelope
	rebuilder audit.Rebuilder
	commits   []string
	finished  time.Time
	failure   *attest.RebuildFailure
}

// rebuilderOf returns the rebuilder of the scope that signed a document.
func (f *file) rebuilderOf(d signed) (audit.Rebuilder, bool) {
	for _, id := range d.signers {
		if i, ok := f.rebuilders[id]; ok {
			return f.scope.Rebuilders[i], true
		}
	}
	return audit.Rebuilder{}, false
}

// isRebuild tells the provenance of a rebuilder from that of a builder, by the keys
// alone.
func (f *file) isRebuild(d signed) bool {
	_, is := f.rebuilderOf(d)
	return is && !slices.ContainsFunc(d.signers, func(id string) bool { return len(f.builders[id]) > 0 })
}

// countRebuilds reads the outcomes of rebuilders about the artifact. Operators count and
// not keys or rebuilders: two machines of one organisation see the same mistakes. A
// failure stands until the same rebuilder says later that it succeeded.
func (f *file) countRebuilds() quorum {
	var q quorum
	for _, d := range f.documents {
		r, ok := f.rebuilderOf(d)
		if !ok || f.build.only(d.Statement) != "" {
			continue
		}
		content, err := d.read()
		if err != nil {
			continue
		}
		one := rebuild{digest: d.SHA256, rebuilder: r}
		switch c := content.(type) {
		case attest.Provenance:
			if c.BuilderID != r.ID || c.Version != "1" {
				continue
			}
			one.finished = c.FinishedOn
			for _, s := range c.Dependencies {
				if commit := commitOf(s); commit != "" {
					one.commits = append(one.commits, commit)
				}
			}
			q.reproductions = append(q.reproductions, one)
		case attest.RebuildFailure:
			if c.Rebuilder == r.ID {
				one.finished, one.failure = c.FinishedOn, &c
				q.failures = append(q.failures, one)
			}
		}
	}
	q.failures = slices.DeleteFunc(q.failures, func(failed rebuild) bool {
		return slices.ContainsFunc(q.reproductions, func(r rebuild) bool {
			return r.rebuilder.ID == failed.rebuilder.ID && r.finished.After(failed.finished)
		})
	})
	return q
}

// reproduced returns the rebuilds that confirm an exhibit: from the same commits, one
// for each operator, and the operators.
func (e *exhibit) reproduced() (operators, digests []string) {
	if e.provenance == nil {
		return nil, nil
	}
	revisions := e.revisions()
	folded := map[string]bool{}
	for _, r := range e.quorum.reproductions {
		same := len(revisions) > 0
		for _, rev := range revisions {
			same = same && slices.Contains(r.commits, rev.commit)
		}
		// A failure that stands is this rebuilder's last word.
		failed := slices.ContainsFunc(e.quorum.failures, func(o rebuild) bool { return o.rebuilder.ID == r.rebuilder.ID })
		name := audit.FoldOrganization(r.rebuilder.Operator)
		if !same || failed || folded[name] {
			continue
		}
		folded[name] = true
		operators, digests = append(operators, r.rebuilder.Operator), append(digests, r.digest)
	}
	slices.Sort(operators)
	return operators, digests
}

// needed is how many operators must have reproduced a build under this assessment.
func (f *file) needed() int {
	a := f.assessed.Assessment
	return f.config.Policy.quorum(a.Framework.ID, a.Framework.Track, a.Level, len(f.assessed.Track.Levels))
}

// confirmed reports whether enough operators reproduced the build. Their rebuilds had
// only what the provenance names, and no network: that output is the same shows more
// than any flag.
func (e *exhibit) confirmed() (digests []string, ok bool) {
	operators, digests := e.reproduced()
	return digests, len(operators) >= e.needed()
}
