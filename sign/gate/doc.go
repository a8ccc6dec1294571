// Package gate answers: may this build be signed, and if not, what is missing?
//
// Decide holds a build, which is one digest, against the scope of every assessment
// that the vendor's certificate rests on. The rules are in the files named after the
// requirement they serve; gate.go lists them. What counts is an envelope signed with
// a builder key of that scope and nothing else: evidence about another artifact, by
// another signer, or about another build is as good as none. A build is granted when
// one envelope satisfies every rule, under each of the assessments.
package gate
