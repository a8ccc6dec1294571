package gate

import "github.com/hallmark-pki/hallmark/attest"

// sourceAutomatedSecurityTesting: CNCF, source.automated-security-testing: "test-result and
// vulns/SCAI attestations about the artefact or revision".
func sourceAutomatedSecurityTesting() rule {
	return rule{
		id:      "source.automated-security-testing",
		alone:   true,
		serves:  []string{"cncf-sscp-v1/source.automated-security-testing"},
		satisfy: "publish a test result (in-toto test-result v0.1) that passed and a vulnerability scan (vulns) of the artifact, by a builder, rebuilder or attestor of the scope",
		judge: func(e *exhibit) finding {
			tests, why := e.passedTests()
			if len(tests) == 0 {
				return e.fail("tests: " + why)
			}
			scans, why := e.technical(attest.VulnsV01, attest.VulnsV02)
			if len(scans) == 0 {
				return e.fail("scan: " + why)
			}
			return e.pass("tested and scanned", tests[0].digest, scans[0].digest)
		},
	}
}

// passedTests returns the test results about the artifact if there are any and none of
// them failed: a failure is not made good by another run's success.
func (e *exhibit) passedTests() (found []testimony, why string) {
	found, why = e.technical(attest.TestResultV01)
	for _, t := range found {
		if t.content.(attest.TestResult).Result == attest.Failed {
			return nil, "a test run failed"
		}
	}
	return found, why
}
