// Package probe answers: does what an auditor found some months ago still hold?
//
// An auditor may attach probes to findings: checks that a machine can repeat. A probe
// has a kind, built in here, and parameters, fixed when the assessment is signed. Kinds
// lists the kinds with their parameters, Validate judges parameters when an assessment
// is checked, and Runner.Run looks now. docs/probes.md is the page for auditors and
// vendors.
//
// There are three outcomes. Passed: it still holds. Failed: we were told, by the place
// that the auditor named, something that contradicts the finding. Unknown: we could not
// tell, because nobody answered, or we were sent where we do not go, or a tool is
// missing here. Nothing that a probe says raises a level.
//
// Addresses in parameters were written by strangers: everything is fetched under the
// rules of package outbound, by git as well.
//
// # The key-challenge protocol
//
// The prober sends
//
//	POST <url>
//	Content-Type: application/vnd.hallmark.key-challenge+json
//
//	{"url":"<url>","nonce":"<43 characters of base64url>"}
//
// where nonce is 32 fresh random bytes, without padding, and the body is exactly these
// bytes: no white space, no line break at the end. The answer has a status of 200 to
// 299 and as its body a DSSE envelope of at most 64 KiB with
//
//	payloadType  application/vnd.hallmark.key-challenge+json
//	payload      the bytes of the request's body, unchanged
//	signatures   one by the builder's key, of a kind and form that package attest takes
//
// Whoever answers should refuse a body whose url is not its own address: otherwise a
// stranger could have the challenge of another place answered here. The payload type
// keeps the signature from being taken for one over a statement, which has another.
package probe

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
)

// Outcome is what a run of a probe came to.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Unknown Outcome = "unknown" // could not tell
)

// Result is an outcome with its reason.
type Result struct {
	Outcome Outcome
	// Detail is one line of printable ASCII, at most 500 bytes, that says what was seen
	// or what was wrong. It may quote what strangers sent.
	Detail string
	// Seen is what to hand to the next run of the same probe as last; may be empty. A
	// run that did not pass returns the last that it was given.
	Seen string
}

// Kind is a built-in check.
type Kind struct {
	Name       string
	Summary    string
	Parameters []Parameter

	run func(ctx context.Context, r *Runner, with map[string]string, last string) Result
}

// Parameter is a text that a probe of a kind is given.
type Parameter struct {
	Name     string
	Summary  string
	Required bool

	// check returns what is wrong with a value, or "".
	check func(value string) string
}

// Problem is what is wrong with a probe in an assessment.
type Problem struct {
	Parameter string // empty when the kind itself is wrong
	Detail    string
}

// Kinds returns the kinds in the order of their names.
func Kinds() []Kind {
	return []Kind{documentDigest(), gitBranch(), inTotoLayout(), keyChallenge(), vsa()}
}

func find(name string) (Kind, bool) {
	kinds := Kinds()
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// Validate says everything that is wrong with the parameters of a probe: an unknown
// kind or parameter, one that is missing, or a value that is malformed. None means
// that it can be run. It asks nobody.
func Validate(kind string, with map[string]string) []Problem {
	k, ok := find(kind)
	if !ok {
		return []Problem{{Detail: fmt.Sprintf("unknown kind %q", clip(kind))}}
	}
	var problems []Problem
	known := map[string]bool{}
	for _, p := range k.Parameters {
		known[p.Name] = true
		value, given := with[p.Name]
		switch {
		case !given && p.Required:
			problems = append(problems, Problem{p.Name, "is required"})
		case !given:
		case value == "":
			problems = append(problems, Problem{p.Name, "is empty"})
		case len(value) > maxValue:
			problems = append(problems, Problem{p.Name, fmt.Sprintf("is %d bytes long, at most %d", len(value), maxValue)})
		default:
			if wrong := p.check(value); wrong != "" {
				problems = append(problems, Problem{p.Name, wrong})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(with)) {
		if !known[name] {
			problems = append(problems, Problem{clip(name), "is not a parameter of " + kind})
		}
	}
	return problems
}

// Runner runs probes. The zero value works and is the strict one. It is safe for
// concurrent use; each run of git-branch takes a process, memory and a scratch folder,
// so who schedules many bounds how many run at once.
type Runner struct {
	// Outbound says what may be reached. Where its MaxBytes or Timeout is zero, each
	// kind has a bound of its own.
	Outbound outbound.Policy
	// RootsPEM are the certificates of Outbound.RootCAs in PEM: git checks the server's
	// certificate itself, and a pool does not give its certificates away. It is needed
	// where Outbound.RootCAs is set.
	RootsPEM []byte
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand makes challenges; nil means crypto/rand.
	Rand io.Reader
	// Git is the git program, a path or a name in PATH; empty means "git".
	Git string
	// Scratch is the folder for what git fetches, which is removed after each run; empty
	// means the system's folder for temporary files.
	Scratch string

	// depth replaces shallowDepth in tests.
	depth int
}

// Run looks whether a probe's finding still holds. last is Seen of the last run that
// passed, or empty. It returns Unknown where Validate has something to say.
func (r *Runner) Run(ctx context.Context, kind string, with map[string]string, last string) Result {
	k, ok := find(kind)
	if problems := Validate(kind, with); len(problems) > 0 || !ok {
		p := problems[0]
		return Result{Unknown, clip("probe cannot be run: " + p.Parameter + " " + p.Detail), last}
	}
	result := k.run(ctx, r, with, last)
	if result.Outcome != Passed {
		result.Seen = last
		if err := ctx.Err(); err != nil {
			result.Outcome, result.Detail = Unknown, "stopped: "+err.Error()
		}
	}
	result.Detail = clip(result.Detail)
	return result
}

func (r *Runner) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// policy is Outbound with a kind's bounds where it has none.
func (r *Runner) policy(maxBytes int64, timeout time.Duration) outbound.Policy {
	p := r.Outbound
	if p.MaxBytes <= 0 {
		p.MaxBytes = maxBytes
	}
	if p.Timeout <= 0 {
		p.Timeout = timeout
	}
	if p.UserAgent == "" {
		p.UserAgent = "hallmark-probe"
	}
	return p
}
