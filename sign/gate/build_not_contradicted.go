package gate

// ruleNotContradicted is the id of the rule by which a rebuilder's negative statement
// refuses a build.
const ruleNotContradicted = "build.not-contradicted"

// buildNotContradicted: no rebuilder of the scope has said, as its last word, that the
// artifact is not what its source builds to. No framework lists it, since none has a
// word for negative evidence; a signature over such a build would be over a known lie.
// A rebuild that did not come to an end says nothing, and counts for nothing.
func buildNotContradicted() rule {
	return rule{
		id:      ruleNotContradicted,
		basic:   true,
		satisfy: "find out why the rebuild differs; if the rebuilder was wrong, have it rebuild and say so",
		judge: func(e *exhibit) finding {
			for _, f := range e.quorum.failures {
				if f.failure.Reason.Contradicts() {
					return e.fail("rebuilder "+quote(f.rebuilder.ID)+" of "+quote(f.rebuilder.Operator)+" says: "+string(f.failure.Reason), f.digest)
				}
			}
			return e.pass("no rebuilder of the scope contradicts")
		},
	}
}
