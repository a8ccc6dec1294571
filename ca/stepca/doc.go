// Package stepca answers the question: how does a vendor get a certificate with the
// stock step client, or any other that speaks smallstep's API, and still meet the gate?
//
// smallstep's Authority is embedded. It authenticates: tokens, their signatures,
// audiences and times. Whether a certificate is issued, and what it says, is decided
// by ca.Issue alone, which the Authority reaches as its certificate service. Of a
// request two things pass through: who asks, as the authenticated token says, and the
// public key. Names, validity beyond the gate's, key usages, extensions and CA:TRUE in
// token or CSR reach no certificate.
//
// Nothing is renewed, re-keyed or revoked here: /renew, /rekey and /revoke are not
// mounted, because they would ask smallstep's records and not the gate.
package stepca
