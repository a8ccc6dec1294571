package notify

import "slices"

// Events about signatures that were made before all evidence was there.
const (
	SignatureConfirmed    = "signature.confirmed"
	SignatureRevoked      = "signature.revoked"
	SignatureHeld         = "signature.held"
	SignatureWouldRevoke  = "signature.would_revoke"
	SignatureContradicted = "signature.contradicted"
)

func signatureTypes() []Type {
	signature := []Field{
		{Name: "signature", Kind: "text", Summary: "the id of the signature"},
		{Name: "vendor", Kind: "text", Summary: "the vendor's id"},
		{Name: "product", Kind: "text", Summary: "as in the audited scope"},
		{Name: "sha256", Kind: "text", Summary: "of what was signed, in hex"},
		{Name: "serial", Kind: "text", Summary: "its serial number in hex"},
	}
	incident := append(slices.Clone(signature),
		Field{Name: "incident", Kind: "text", Summary: "the id of the incident"},
		Field{Name: "cause", Kind: "text", Summary: "contradiction, deadline or officer"},
		Field{Name: "detail", Kind: "text", Summary: "what it found"})
	held := append(slices.Clone(incident),
		Field{Name: "held_by", Kind: "text", Summary: "the two officers, or storm-brake"},
		Field{Name: "held_until", Kind: "time", Summary: "then it is revoked, unless it was confirmed or an officer acted"})
	return []Type{
		{SignatureConfirmed, "a provisional signature is confirmed: all evidence is there", signature},
		{SignatureRevoked, "a provisional signature was not borne out, and its certificate is revoked", incident},
		{SignatureHeld, "its revocation waits for people, for a while", held},
		{SignatureWouldRevoke, "its certificate would be revoked if the CA did not only try that out", incident},
		{SignatureContradicted, "a rebuilder contradicts a signature that was confirmed before: it waits for an officer", incident},
	}
}
