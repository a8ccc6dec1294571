// Package interchange answers: how does an assessment reach those who do not run this
// program, and what may an auditor do with what others have signed?
//
// # Out
//
// An accepted assessment goes out in two forms. Neither replaces the signed
// assessment: both name it by its id, the SHA-256 of its DSSE payload.
//
//   - [VSA] makes a SLSA verification summary v1 as an in-toto statement, for frameworks
//     whose levels are values of its verifiedLevels (SLSA v1.x: SLSA_BUILD_LEVEL_3). The
//     older ladder's SLSA_LEVEL_3 is not one of them, and other values may not begin
//     with SLSA_, so every other framework is refused rather than given a name.
//   - [CycloneDX] writes a CycloneDX 1.6 document with the catalogue as a standard and
//     the findings as declarations, for any framework.
//
// # The summary
//
//	subject            the vendor, as in the assessment: its URI and the SHA-256 of it
//	verifier.id        the CA
//	timeVerified       when the CA accepted the assessment
//	resourceUri        the vendor's URI
//	policy             the catalogue: its URI (or one given) and the SHA-256 of the file
//	inputAttestations  the assessment: its id, and where to get it if it is published
//	verifiedLevels     the one level reached; the levels below it go without saying
//	slsaVersion        the framework's version
//
// The subject is the vendor and no file: an auditor has looked at how software is made,
// not at what was made. What says that one file came out of it is the summary that the
// signing service makes for that file. The predicate knows neither scope nor end of
// validity: they stand in the assessment that inputAttestations names, and no summary is
// made of one that has ended.
//
// # The CycloneDX document
//
//	definitions.standards[0]            the track of the framework
//	  .requirements[]                   every requirement: identifier, title, text
//	  .levels[]                         each with the requirements that it demands
//	declarations.targets.organizations  the vendor
//	declarations.assessors              the auditor, and the second one if there is one
//	declarations.evidence               every piece of evidence once
//	declarations.claims                 one per finding
//	declarations.attestations           one per assessor, with a map of all requirements
//
// In the map a requirement that is met has its claim and the score 1; one that is not
// met has it as a counter claim, with the score 0, and so has one without a finding,
// which counts as not met. One that is justified has a claim and no score: the
// framework takes the reason in place of conformance, and a number would say something
// that the auditor did not. Confidence is left out because auditors do not state it, and
// affirmation because nobody has affirmed this very document: what was signed is the
// assessment, to which externalReferences leads.
//
// The same assessment gives the same bytes, the serial number included: a UUID of
// version 8 made of the assessment's id.
//
// # In
//
// [Import] verifies a DSSE envelope that somebody else has signed and makes evidence of
// it. It never makes a finding: what a verification summary says about a level is
// somebody's word, which the auditor weighs like any other.
package interchange
