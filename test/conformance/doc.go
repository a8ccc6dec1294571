// Package conformance answers: what do other projects' test suites say about the
// verifier? It drives the verifier's own code with their certificates, lists, responses,
// tokens, proofs and files, and holds what came of each case against what its authors
// expect.
//
// A case that they accept and the verifier refuses must be listed, by name and with the
// reason, in testdata/SUITE.txt; an entry that no longer applies fails, so that the lists
// can only shrink. A case that they refuse and the verifier accepts fails the tests, unless
// it is outside: to be refused for something that this verifier is never asked, such as a
// TLS server's host name. Those are listed by name as well.
//
// docs/conformance.md is made from all that: go test ./test/conformance -update. The
// suites are no part of the source tree; see package corpora.
package conformance
