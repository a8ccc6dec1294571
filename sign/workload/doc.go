// Package workload answers: which build system of which vendor sent this token?
//
// A build system that runs at somebody else's place has no key of its own that is worth
// guarding. Its operator vouches for each of its runs instead, with an OpenID Connect
// token (a JWT, RFC 7519) that says which project runs and is good for minutes. A vendor
// says once how its tokens look, as a store.Machine: exactly this issuer, this audience,
// this subject, and these values of further claims. There are no patterns: a token that
// fits two machines, or none, is nobody's.
//
// What is checked of a token, in this order: its form; that a machine on record fits it
// (nothing is fetched for a token that fits none); the issuer's signature, with a key from
// its configuration (OpenID Connect Discovery 1.0 §4), by package oidc; issuer and audience
// again, expiry and "not before"; that it was issued within the last hour; that its jti, if
// it has one, has not been used more often than one run would.
//
// The issuer's keys are fetched by the rules of package outbound when a token first asks
// for them, kept for an hour, and fetched again at most once a minute when a signature does
// not verify. While an issuer does not answer, the keys that are there go on counting.
//
// The default audience names the vendor, so that a token made for one vendor says so and
// is of no use for another.
package workload
