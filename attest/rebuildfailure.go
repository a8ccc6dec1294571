package attest

import (
	"slices"
	"strings"
	"time"
)

// RebuildFailureType is the predicate type of what a rebuilder says that could not
// repeat a build: the negative counterpart of its own provenance.
const RebuildFailureType = "https://github.com/hallmark-pki/hallmark/rebuild-failure/v1"

// RebuildReason says how a rebuild failed.
type RebuildReason string

// The reasons. Only the first two speak against the artifact.
const (
	// RebuildMismatch: two builds of the source agree with each other, and not with
	// the artifact.
	RebuildMismatch RebuildReason = "mismatch"
	// RebuildUnreproducible: two builds of the source differ, so that no build can
	// confirm the artifact.
	RebuildUnreproducible RebuildReason = "unreproducible"
	// RebuildBuildFailed: the recipe did not come to its end, or not to its outputs.
	RebuildBuildFailed RebuildReason = "build-failed"
	// RebuildFetchFailed: the source or an input could not be had, or was another.
	RebuildFetchFailed RebuildReason = "fetch-failed"
)

// Contradicts reports whether the reason speaks against the artifact. The others say
// that nothing was found out.
func (r RebuildReason) Contradicts() bool {
	return r == RebuildMismatch || r == RebuildUnreproducible
}

// RebuildFailure is a rebuilder's statement that it could not repeat a build. As JSON,
// all fields but job and diff required:
//
//	{"rebuilder": "https://rebuilder.example.org",
//	 "job": "the job at the signing service; absent where nobody gave one",
//	 "source": {"uri": "git+https://git.example.com/tool", "digest": {"gitCommit": "<hex>"}},
//	 "recipe": {"sha256": "<of the recipe document>"},
//	 "reason": "mismatch | unreproducible | build-failed | fetch-failed",
//	 "got": [{"name": "first/tool.deb", "digest": {"sha256": "<hex>"}}],
//	 "diff": "text, at most 64 KB",
//	 "startedOn": "RFC 3339", "finishedOn": "RFC 3339"}
//
// The statement has one subject with a sha256: the artifact. got is what was built
// instead: for mismatch at least one file and none with the artifact's sha256; for
// unreproducible at least two that differ; otherwise what there was. Unknown fields
// are ignored, because a negative statement that a reader drops over one would clear
// the artifact.
type RebuildFailure struct {
	Subject    Subject
	Rebuilder  string // URI, as in the scope
	Job        string
	Source     ResourceDescriptor
	Recipe     string // SHA-256 of the document, lower-case hex
	Reason     RebuildReason
	Got        []ResourceDescriptor
	Diff       string
	StartedOn  time.Time
	FinishedOn time.Time
}

type rebuildFailureV1 struct {
	Rebuilder  string               `json:"rebuilder"`
	Job        string               `json:"job,omitempty"`
	Source     ResourceDescriptor   `json:"source"`
	Recipe     map[string]string    `json:"recipe"`
	Reason     RebuildReason        `json:"reason"`
	Got        []ResourceDescriptor `json:"got,omitempty"`
	Diff       string               `json:"diff,omitempty"`
	StartedOn  time.Time            `json:"startedOn"`
	FinishedOn time.Time            `json:"finishedOn"`
}

// NewRebuildFailure writes a failure down. It refuses what ParseRebuildFailure would
// refuse.
func NewRebuildFailure(r RebuildFailure) (Statement, error) {
	s, err := newStatement([]Subject{r.Subject}, RebuildFailureType, rebuildFailureV1{
		Rebuilder: r.Rebuilder, Job: r.Job, Source: r.Source, Recipe: map[string]string{"sha256": r.Recipe}, Reason: r.Reason,
		Got: r.Got, Diff: r.Diff, StartedOn: r.StartedOn.UTC(), FinishedOn: r.FinishedOn.UTC(),
	})
	if err != nil {
		return Statement{}, err
	}
	if _, err := ParseRebuildFailure(s); err != nil {
		return Statement{}, err
	}
	return s, nil
}

// ParseRebuildFailure reads the predicate of a rebuild failure v1. Errors: WrongType
// for another predicate, BadStatement for another number of subjects than one,
// BadPredicate for a field that is missing, of the wrong form, or at odds with the
// reason.
func ParseRebuildFailure(s Statement) (RebuildFailure, error) {
	if s.PredicateType != RebuildFailureType {
		return RebuildFailure{}, refuse(WrongType, "predicateType", "%.64q is not %s", s.PredicateType, RebuildFailureType)
	}
	if len(s.Subject) != 1 || s.Subject[0].Digest["sha256"] == "" {
		return RebuildFailure{}, refuse(BadStatement, "subject", "want one, with a sha256")
	}
	if err := CheckJSON(s.Predicate, MaxEnvelope, MaxDepth); err != nil {
		return RebuildFailure{}, err
	}
	var err error
	f := readFields(BadPredicate, "predicate", s.Predicate, &err)
	r := RebuildFailure{
		Subject: s.Subject[0], Rebuilder: f.required("rebuilder"), Job: f.text("job"), Recipe: f.digest("recipe")["sha256"],
		Reason: RebuildReason(f.required("reason")), Diff: f.textUpTo("diff", MaxRebuildDiff),
		StartedOn: f.time("startedOn"), FinishedOn: f.time("finishedOn"),
	}
	if raw := f.raw("source"); raw != nil {
		r.Source = f.descriptor("predicate.source", raw)
	}
	for _, raw := range f.list("got", maxRebuildGot) {
		r.Got = append(r.Got, f.descriptor("predicate.got", raw))
	}
	r.check(f)
	if err != nil {
		return RebuildFailure{}, err
	}
	return r, nil
}

// check holds the fields against each other.
func (r RebuildFailure) check(f fields) {
	if r.Source.URI == "" || !hasCommit(r.Source) {
		f.fail("predicate.source", "needs a uri and the digest of a commit")
	}
	if r.Recipe == "" {
		f.fail("predicate.recipe", "has no sha256")
	}
	// In UTC, a year of four digits may become one of five, which cannot be written.
	if r.StartedOn.Year() < 1 || r.StartedOn.IsZero() || r.FinishedOn.Before(r.StartedOn) || r.FinishedOn.Year() > 9999 {
		f.fail("predicate.finishedOn", "the times are missing or in the wrong order")
	}
	var digests []string
	for _, g := range r.Got {
		if g.Name == "" || g.Digest["sha256"] == "" {
			f.fail("predicate.got", "needs a name and a sha256 each")
		}
		digests = append(digests, g.Digest["sha256"])
	}
	slices.Sort(digests)
	digests = slices.Compact(digests)
	switch r.Reason {
	case RebuildMismatch:
		if len(digests) == 0 || slices.Contains(digests, r.Subject.Digest["sha256"]) {
			f.fail("predicate.got", "a mismatch shows what was built, and none of it is the artifact")
		}
	case RebuildUnreproducible:
		if len(digests) < 2 {
			f.fail("predicate.got", "what is unreproducible came out in two ways")
		}
	case RebuildBuildFailed, RebuildFetchFailed:
	default:
		f.fail("predicate.reason", "%.64q is not known", string(r.Reason))
	}
}

// ClipDiff cuts a diff to what fits into a statement, at a line's end where there is
// one, and replaces what is not text, so that the result may be shown on a terminal.
func ClipDiff(text string) string {
	text = strings.ToValidUTF8(text, "?")
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return '?'
		}
		return r
	}, text)
	if len(text) <= MaxRebuildDiff {
		return text
	}
	const cut = "… (cut)\n"
	text = text[:MaxRebuildDiff-len(cut)]
	if end := strings.LastIndexByte(text, '\n'); end > 0 {
		text = text[:end+1]
	}
	return strings.ToValidUTF8(text, "") + cut
}
