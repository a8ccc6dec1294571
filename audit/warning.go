package audit

import "fmt"

// signedCommits is the requirement of which a build's part is a commit that somebody signed.
const signedCommits = "source.signed-commits"

// Warnings are what is allowed and hardly meant: the vendor would find out when its first
// build is refused. Fields are named as in the assessment.
func (a Assessment) Warnings() []Problem { return warnings(a.Findings, a.Scope) }

// Warnings is Assessment.Warnings of a draft that has been through Resolve.
func (d Draft) Warnings() []Problem {
	findings := make([]Finding, len(d.Findings))
	for i, f := range d.Findings {
		findings[i] = f.finding()
	}
	return warnings(findings, d.Scope.scope())
}

func warnings(findings []Finding, scope Scope) []Problem {
	list := []Problem{}
	for i, f := range findings {
		if f.Requirement == signedCommits && f.Status == Met && len(scope.Committers) == 0 {
			list = append(list, Problem{
				Code: CodeScope, Field: fmt.Sprintf("findings[%d]", i),
				Detail: signedCommits + " is met, and the scope names no committers: the gate will refuse every build, since nobody's signed commits count",
				Hint:   "list those whose commits count under scope.committers, with their OpenSSH .pub files",
			})
		}
	}
	return list
}
