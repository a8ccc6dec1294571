// Package lint answers: does this certificate say exactly what it should, before
// anyone signs it?
//
// Two collections of rules look at one certificate: those of zlint that can apply to
// code signing (RFCs, community rules, the CA/Browser Forum's Code Signing Baseline
// Requirements), and ours, one file each, listed by Rules. Each says one of:
//
//	not-applicable   the rule is about something else
//	not-in-force     the certificate begins before the rule's date
//	pass
//	warning, error   a finding
//
// The first two are not passes: a rule that never had anything to say has proved
// nothing, and tests count how many did.
//
// zlint's code-signing rules speak only of certificates that assert the CA/Browser
// Forum's reserved policy. A private CA must not assert it, so they look at a twin: the
// same certificate with that policy in front of its own.
//
// What a certificate should say depends on what it is for. Kind names the profiles of
// this CA; without being told, Read takes the kind that the content and the issuer
// suggest. A rule that compares with something it was not told (Context) is not
// applicable.
//
// Nothing here verifies a signature: what is linted before issuance was signed by a
// throwaway key.
package lint
