package gate

import (
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
	"github.com/hallmark-pki/hallmark/audit"
)

// sourceSignedCommits: CNCF, source.signed-commits: "Commits and tags are signed and the
// signatures are checked outside the SCM. Check: signature on the built commit." The commit
// object itself is the evidence: its hash is the id that the provenance names, so who handed
// it in, and whose signature its envelope bears, says nothing.
func sourceSignedCommits() rule {
	return rule{
		id:     "source.signed-commits",
		source: true,
		serves: []string{"cncf-sscp-v1/source.signed-commits"},
		satisfy: "have a committer of the scope sign the commit that is built (git commit -S with gpg.format=ssh), " +
			"and push it with 'hallmark attest commit' and 'hallmark attest push'",
		judge: func(e *exhibit) finding {
			return e.forEachRevision("the commit is signed by a committer of the scope", e.signedCommit)
		},
	}
}

// signedCommit returns the envelope with a revision that a committer of its repository
// signed, or why there is none.
func (e *exhibit) signedCommit(r revision) (digests []string, why string) {
	why = "commit " + r.commit + " itself is not on file"
	for _, d := range e.documents {
		if d.Statement.PredicateType != gitcommit.PredicateType || !r.is(d.Statement) {
			continue
		}
		content, err := d.read()
		if err != nil {
			why = quote(err.Error())
			continue
		}
		if why = e.committed(r, content.(*gitcommit.Commit)); why == "" {
			return []string{d.SHA256}, ""
		}
	}
	return nil, why
}

// committed says why a commit does not count as a revision that a committer signed, or "".
func (e *exhibit) committed(r revision, c *gitcommit.Commit) (why string) {
	if r.tree != "" && r.tree != c.Tree {
		return "the provenance says that commit " + c.ID + " has tree " + quote(r.tree)
	}
	i, err := c.SignedBy(e.commitKeys)
	switch {
	case gitcommit.Is(err, gitcommit.UnknownKey):
		return quote(err.Error()) + ", which is no committer's of the scope"
	case err != nil:
		return quote(err.Error())
	}
	if by := e.committers[i]; !by.MayCommit(r.repository) {
		return "the scope does not name committer " + quote(by.ID) + " for " + quote(r.repository)
	}
	return ""
}

// readCommitters reads the keys of a scope that commits are signed with. One that does not
// parse verifies nothing.
func readCommitters(s audit.Scope) (keys []gitcommit.Key, owners []audit.Committer) {
	for _, c := range s.Committers {
		for _, text := range c.Keys {
			if k, err := gitcommit.ParseKey(text); err == nil {
				keys, owners = append(keys, k), append(owners, c)
			}
		}
	}
	return keys, owners
}
