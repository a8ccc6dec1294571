// Package compat has other people's tools judge what hallmark makes: which of them take
// our certificates, signatures, timestamps, lists and OCSP answers as they are, which
// refuse what is to be refused, and where does one judge otherwise than it should?
//
// Its test is a matrix, tool by case. Each case names what the tool is to say and, where
// it prints one, the reason. The outcome is docs/compatibility.md, which the test writes
// with -update and compares otherwise. Everything runs against one CA with its public
// endpoints on a loopback port; no tool is changed or configured beyond what the page says.
package compat
