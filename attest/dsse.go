package attest

import "strconv"

// envelopeJSON and signatureJSON are an envelope as it is written, DSSE 1.0, envelope.md.
type envelopeJSON struct {
	PayloadType string          `json:"payloadType"`
	Payload     []byte          `json:"payload"`
	Signatures  []signatureJSON `json:"signatures"`
}

type signatureJSON struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// pae is the pre-authentication encoding, which is what is signed: DSSE 1.0, protocol.md.
//
// This line and the loop over keys in verify are all of DSSE that is used here. The
// library for it links an SSH implementation whose set-up costs each verifier's start
// more than a signature does; tests hold the results against it.
func pae(payloadType string, payload []byte) []byte {
	out := make([]byte, 0, len("DSSEv1  18446744073709551615  18446744073709551615 ")+len(payloadType)+len(payload))
	out = append(out, "DSSEv1 "...)
	out = append(strconv.AppendInt(out, int64(len(payloadType)), 10), ' ')
	out = append(append(out, payloadType...), ' ')
	out = append(strconv.AppendInt(out, int64(len(payload)), 10), ' ')
	return append(out, payload...)
}
