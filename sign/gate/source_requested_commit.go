package gate

// sourceRequestedCommit: the build is of the very commit that the caller named. Provenance of
// an older build of the same product is as genuine as that of the newest; only who asks for
// the signature knows which one is meant, so a pipeline names its commit, and what was
// replayed from another one is refused. Asked where a commit was named; a custom rule can
// demand that it is (docs/evidence.md).
func sourceRequestedCommit() rule {
	return rule{
		id:      "source.requested-commit",
		basic:   true,
		satisfy: "build the commit that is to be signed, or name the one that was built",
		needs:   func(e *exhibit) bool { return e.build.Commit != "" },
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			for _, s := range e.provenance.Sources {
				if commitOf(s) == e.build.Commit {
					return e.pass("built from commit " + quote(e.build.Commit))
				}
			}
			return e.fail("not built from commit " + quote(e.build.Commit))
		},
	}
}
