// Package keys answers: where does the private key live, and how do I sign with it?
//
// A person names a key by one text, its URI. Open finds the key and returns
// something that signs; Close gives it back.
//
//	assessment.key             a file: PEM, PKCS #8 and what else pemutil reads, maybe encrypted
//	file:assessment%20key.pem  the same, as a URI: file:relative, file:/absolute, file:///absolute
//	-                          PEM on standard input
//	pkcs11:token=audits;object=assessment?module-path=/usr/lib/softhsm/libsofthsm2.so
//	awskms:key-id=1234abcd-…;region=eu-central-1
//	azurekms:name=root;vault=keys
//	cloudkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1
//	tpmkms:name=builder;storage-directory=/var/lib/hallmark/tpm
//	ssh-agent:SHA256:3mQ…      a key held by the ssh-agent at $SSH_AUTH_SOCK, by its fingerprint
//	ssh-agent:quill@example    the same, by its comment
//
// A text that begins with no scheme known here is a file name. The other schemes of
// go.step.sm/crypto/kms (yubikey, softkms, …) are refused by name: they are not
// compiled in. Generate makes a key where a URI says, on a token or in a service.
//
// # PKCS #11
//
// The URI is that of RFC 7512. Attributes of the path say which token and which key;
// all of those given must match:
//
//	token, manufacturer, model, serial   as the token says of itself
//	slot-id                              the slot's number, decimal
//	object                               CKA_LABEL of the private key
//	id                                   CKA_ID: percent-encoded bytes (%01%a2) or, without any
//	                                     percent sign, hex (01a2), as pkcs11-tool prints it
//	type                                 may be given, and must be "private"
//
// Attributes of the query (module-path is read in the path too, where step's tools
// write it):
//
//	module-path   the PKCS #11 library; without it, p11-kit's proxy, which has all
//	              modules that the system has configured
//	pin-source    a file with the PIN: a path or a file: URI. Its line end is dropped
//	pin-value     the PIN itself, which other users of the machine can read in the
//	              list of processes: pin-source, or being asked, is better
//
// An attribute that is not in these lists, or given twice, is refused: what is not
// understood could have been what tells two keys apart.
//
// Exactly one token and one private key on it must match. None, or several, is
// refused, and the error lists what is there. The PIN goes to the token only after
// one token was found and only if it asks for a login; a PIN that is known to be
// locked is not tried. Each signature is verified under the public key before it is
// handed out, so that a token whose public object belongs to another key is found by
// us, and not by whoever relies on the signature.
//
// RSA and ECDSA keys work. Ed25519 on a token does not, and neither do PIN pads. A binary built without cgo loads no module and refuses
// pkcs11: URIs with NotCompiledIn.
//
// A module is a C library with one state for each process. Keys of one token share
// one login and one pool of at most maxSessions sessions, which ends with the last of
// them; a signature waits for a session no longer than signPatience (Busy). Use modules
// through this package alone: what another user of the same library in this process
// does to it is repaired, not prevented.
//
// A token may go away and come back, or forget the login. Signing fails with TokenLost
// meanwhile, and each further call looks for the token again: the same one by label,
// serial, manufacturer and model, in whatever slot. It logs in with the PIN that the key
// was opened with, which is in memory for as long as a key of the token is open. Go's
// memory is collected: copies of it that were handed to the library cannot be erased.
// A PIN that the token refuses is never tried again (WrongPIN, LockedPIN), and it is
// not tried while the token says that one try is left. A key that is then another one
// is refused (KeyChanged). A module that does not see the token by itself is restarted,
// but not beneath another of its tokens that works, and not more often than each
// restartPause. A call into a module that does not return cannot be broken off; it
// holds its session.
//
// # Services
//
// Attributes stand in the path, separated by ";", or behind a question mark, separated
// by "&"; values are percent-encoded. Those of each scheme are in docs/keys.md; others,
// and the same one twice, are refused. No attribute has a secret in it: the libraries
// take credentials from the environment, from files, and from the machine that they
// run on. Each signature is verified before it is handed out, and each is a call of its
// own, so that there is nothing to recover.
//
// # ssh-agent
//
// An agent signs messages, not digests (draft-ietf-sshm-ssh-agent §3.6), so these
// keys are crypto.MessageSigners whose Sign refuses; crypto.SignMessage does the
// right thing. ECDSA P-256 (SHA-256) and P-384 (SHA-384), RSA (PKCS #1 v1.5 with
// SHA-256 or SHA-512) and Ed25519 work. Refused: ed25519-sk and ecdsa-sk, which sign
// a counter and flags around the message, so that no plain signature comes out; DSA;
// P-521; certificates, beside which the agent lists the key itself. The agent may ask
// its user for each signature (ssh-add -c).
//
// Functions and keys are safe for concurrent use. Errors are *Error.
package keys
