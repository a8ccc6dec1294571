// Package api says what travels between a hallmark server and its clients: the
// JSON bodies of the HTTP API under /v1, and a client for it.
//
// Times are RFC 3339 in UTC, digests and serial numbers lower-case hex, DER and
// DSSE envelopes base64 (standard alphabet). The OpenAPI document of the running
// server (/v1/openapi.json) is generated from these types. Errors are problem
// details (RFC 9457) of type Problem.
package api
