package gate

import "github.com/hallmark-pki/hallmark/attest"

// buildPolicyAdherence: CNCF, build.policy-adherence: "layout verification result or VSA with
// policy.digest", build.standard-pipelines.verified and artefacts.validate-step-signatures. An
// in-toto layout of the scope is verified here; or an attestor of the scope has verified a
// policy, which its summary names by digest.
func buildPolicyAdherence() rule {
	return rule{
		id:      "build.policy-adherence",
		alone:   true,
		serves:  []string{"cncf-sscp-v1/build.policy-adherence", "cncf-sscp-v1/build.standard-pipelines.verified", "cncf-sscp-v1/artefacts.validate-step-signatures"},
		satisfy: "follow an in-toto layout that the scope names, and publish it with a signed link for each step; or have an attestor of the scope verify the build's steps against a policy, and publish a PASSED verification summary that names the policy by digest",
		judge: func(e *exhibit) finding {
			shown, broken := e.followed()
			if len(shown) > 0 {
				return e.pass("the build follows a layout of the scope", shown...)
			}
			found, why := e.about(typeIs(attest.VSAType), false)
			for _, t := range found {
				v := t.content.(attest.VSA)
				switch {
				case v.Result != attest.Passed:
					why = "a verifier says " + v.Result
				case !strong(v.Policy.Digest):
					why = "the summary does not name its policy by digest"
				default:
					return e.pass("verified against policy "+quote(v.Policy.URI+v.Policy.Name), t.digest)
				}
			}
			if broken != "" {
				why = broken + "; and no summary instead: " + why
			}
			return e.fail(why)
		},
	}
}
