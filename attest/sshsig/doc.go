// Package sshsig answers: did this key of OpenSSH sign this text, and for this purpose?
//
// A signature is what "ssh-keygen -Y sign -n NAMESPACE" writes and what git puts into
// commits with gpg.format=ssh (PROTOCOL.sshsig of OpenSSH), in its armour. The namespace
// keeps what was signed for one purpose from counting for another. Keys are those of
// OpenSSH's .pub files, in memory, in an agent or in a security key (ed25519-sk,
// ecdsa-sk), which must have been touched. Taken are Ed25519, ECDSA with P-256 and P-384,
// and RSA of 2048 bits and more with SHA-2: no DSA, no SHA-1, no certificates.
//
// Reading the wire format and verifying are golang.org/x/crypto/ssh's.
package sshsig
