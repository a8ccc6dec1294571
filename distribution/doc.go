// Package distribution answers: how do a trust bundle and a status bundle reach ten
// thousand machines, over mirrors that nobody trusts, without an old one being passed
// off as new?
//
// As a repository of The Update Framework (TUF 1.0), which is a folder of signed files
// that any web server, mirror or USB stick can carry:
//
//	1.root.json 2.root.json …     who may sign what, each signed by the one before
//	timestamp.json                 which snapshot is the newest; short-lived
//	N.snapshot.json                which version of each list belongs together
//	N.targets.json                 trust.json: length and hash; and who signs for status.json
//	N.status.json                  status.json: length and hash
//	targets/HASH.trust.json        the trust bundle, package verify
//	targets/HASH.status.json       the status bundle
//
// Names with a number or a hash never change what they hold (consistent snapshots), so
// whoever copies the folder while it changes gets one state of it, if timestamp.json
// is copied last.
//
// # Keys
//
// Two P-256 keys to begin with, both the CA's own: "distribution" for root and targets,
// which change when the CA itself does, and "status" for what changes with each
// revocation (timestamp, snapshot and status.json, which targets hands over to a role
// of that name). Root and targets can be moved to keys that operators hold offline:
// NextRoot, Sign and ImportRoot.
//
// # Versions
//
// The versions of all but root are no less than the time in seconds, so that a store
// brought back from a backup does not give a number out twice. A root's version is that
// of the one before and one more, as TUF wants it.
//
// Advance is the whole of it: from what is published and what should be, the files to
// be written. It keeps nothing and writes nothing.
package distribution
