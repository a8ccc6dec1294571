// Package gate answers: may this build be signed, and if not, what is missing?
//
// Decide holds a build, which is one digest, against every assessment that the vendor's
// certificate rests on. An assessment says two things: its scope, who may state what
// about which products and sources; and its level, from which follows what one build
// must show: each requirement of the catalogue, at or below that level, that builds can
// show. The rules are in the files named after the requirement they serve; rule.go lists
// them.
//
// What counts is an envelope signed by somebody whom the scope names for that kind of
// statement, and nothing else: evidence about another artifact, by another signer, or
// about another build is as good as none. A build is granted when one piece of
// provenance satisfies every rule that reads it, and the statements beside it satisfy the
// others, under each of the assessments. Rebuilders are counted by their operators,
// reviewers by persons; keys are never counted.
//
// An envelope is parsed and verified once for all rules and assessments, and a Gate
// remembers both: see Opener. docs/evidence.md says which rule reads what.
package gate
