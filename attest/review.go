package attest

import (
	"strings"
	"time"
)

// Predicate types of statements about a change to a source repository.
const (
	// gittuf's: one person's approval, signed by that person; and what a code review
	// system reports, signed by the system.
	ReferenceAuthorizationV01 = "https://gittuf.dev/reference-authorization/v0.1"
	ReferenceAuthorizationV02 = "https://gittuf.dev/reference-authorization/v0.2"
	PullRequestApprovalV01    = "https://gittuf.dev/github-pull-request-approval/v0.1"
	// SLSA source-tool's, with the name it had before version 1.
	SourceProvenanceV1    = "https://github.com/slsa-framework/source-tool/source-provenance/v1"
	SourceProvenanceDraft = "https://github.com/slsa-framework/slsa-source-poc/source-provenance/v1-draft"
)

// ControlReview is what source-tool calls the control that every change is reviewed.
const ControlReview = "REVIEW_ENFORCED"

// Review is one view over the approvals of a change that gittuf writes. The subject of
// the statement is what was approved: a tree, a commit, or what a tag points to.
type Review struct {
	TargetRef string // e.g. "refs/heads/main", never empty
	From      string // the revision before, may be all zeroes
	Target    string // the tree or object approved; one of the subjects' digests
	// Approvers are the ids of those who approved, as the review system knows them. Nil
	// for a reference authorization: there the approver is who signed.
	Approvers []string
}

// IsReview reports whether ParseReview knows a predicate type.
func IsReview(predicateType string) bool {
	return predicateType == ReferenceAuthorizationV01 || predicateType == ReferenceAuthorizationV02 || predicateType == PullRequestApprovalV01
}

// ParseReview reads an approval. An approver who dismissed the approval again does not
// count; an approval by nobody is refused, and so is one whose target is not among the
// subjects. Errors: WrongType, BadPredicate.
func ParseReview(s Statement) (Review, error) {
	var err error
	f, refusal := predicate(s, &err, ReferenceAuthorizationV02, ReferenceAuthorizationV01, PullRequestApprovalV01)
	if refusal != nil {
		return Review{}, refusal
	}
	r := Review{TargetRef: f.required("targetRef"), From: f.text("fromID"), Target: f.text("targetID")}
	if r.Target == "" { // version 0.1
		r.From, r.Target = f.text("fromRevisionID"), f.text("targetTreeID")
	}
	if r.Target == "" || !s.names(r.Target) {
		f.fail("predicate.targetID", "missing, or not what the statement is about")
	}
	if s.PredicateType == PullRequestApprovalV01 {
		dismissed := f.strings("dismissedApprovers", maxApprovers)
		for _, a := range f.strings("approvers", maxApprovers) {
			if a = person(a); a != "" && !containsPerson(r.Approvers, a) && !containsPerson(dismissed, a) {
				r.Approvers = append(r.Approvers, a)
			}
		}
		if len(r.Approvers) == 0 {
			f.fail("predicate.approvers", "nobody")
		}
	}
	if err != nil {
		return Review{}, err
	}
	return r, nil
}

// person is the part of a review system's account that stays when it is renamed:
// gittuf writes "name+number".
func person(account string) string {
	if i := strings.LastIndexByte(account, '+'); i > 0 && i+1 < len(account) && strings.Trim(account[i+1:], "0123456789") == "" {
		return account[i:]
	}
	return strings.ToLower(account)
}

func containsPerson(list []string, who string) bool {
	for _, a := range list {
		if person(a) == who {
			return true
		}
	}
	return false
}

// names reports whether one of the subjects has this digest, whatever the algorithm.
func (s Statement) names(digest string) bool {
	for _, sub := range s.Subject {
		for _, d := range sub.Digest {
			if d == digest {
				return true
			}
		}
	}
	return false
}

// SourceProvenance says how a revision came onto a branch: SLSA source-tool's
// predicate. The subject is the commit.
type SourceProvenance struct {
	Repository string // URI, never empty
	Branch     string // e.g. "refs/heads/main", never empty
	Previous   string // the commit before
	Activity   string // e.g. "pr_merge"
	Actor      string // who pushed it
	CreatedOn  time.Time
	Controls   map[string]time.Time // names of controls enforced, and since when
}

// IsSourceProvenance reports whether ParseSourceProvenance knows a predicate type.
func IsSourceProvenance(predicateType string) bool {
	return predicateType == SourceProvenanceV1 || predicateType == SourceProvenanceDraft
}

// ParseSourceProvenance reads source provenance. Field names come in the two spellings
// of protobuf's JSON. Errors: WrongType, BadPredicate.
func ParseSourceProvenance(s Statement) (SourceProvenance, error) {
	var err error
	f, refusal := predicate(s, &err, SourceProvenanceV1, SourceProvenanceDraft)
	if refusal != nil {
		return SourceProvenance{}, refusal
	}
	p := SourceProvenance{
		Repository: f.either("repoUri", "repo_uri"), Branch: f.text("branch"), Previous: f.either("prevCommit", "prev_commit"),
		Activity: f.either("activityType", "activity_type"), Actor: f.text("actor"), Controls: map[string]time.Time{},
	}
	if p.CreatedOn = f.time("createdOn"); p.CreatedOn.IsZero() {
		p.CreatedOn = f.time("created_on")
	}
	if p.Repository == "" || p.Branch == "" || p.CreatedOn.IsZero() {
		f.fail("predicate", "repository, branch and time are required")
	}
	for _, raw := range f.list("controls", maxLevels) {
		g := readFields(f.reason, "predicate.controls", raw, f.err)
		p.Controls[g.required("name")] = g.time("since")
	}
	if err != nil {
		return SourceProvenance{}, err
	}
	return p, nil
}

// either reads a text under one of two names; both at once are refused.
func (f fields) either(one, other string) string {
	a, b := f.text(one), f.text(other)
	if a != "" && b != "" {
		f.fail(f.at(other), "stands beside %s", one)
	}
	if a != "" {
		return a
	}
	return b
}
