// Package secondopinion answers: does somebody else come to the same verdict? Beside it is
// second_opinion.py, a checker of proofs (package verify/proof) in another language that
// shares no code with the verifier; the test here runs it over every conformance vector.
package secondopinion
