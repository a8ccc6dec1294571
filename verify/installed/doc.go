// Package installed answers: what is installed on this machine, and with which
// signature did it get in?
//
// Package managers keep what they installed but not the file that it came in, so a
// signature cannot be judged again later. Whoever judges a package before it is
// installed writes a Record here, with the signature itself. Nothing in a record is
// believed: who asks later judges the signature over the digest again, by the trust,
// status and policy of that day. What rests on the record alone is that the package
// of this name and version had this digest; the folder is root's for that reason.
//
// # The folder
//
// One file for each package, manager:name:architecture.json, in the folder that
// DefaultDir names. The file's name is made from names that have been checked, never
// taken from outside. Its content is JSON in the one form that History.Marshal writes;
// whatever differs from that form in a single byte is refused:
//
//	{"version":1,
//	 "manager":"dpkg","package":"hello","architecture":"amd64",
//	 "installations":[                    newest first, 1 to 4
//	  {"version":"2.10-3",                as the package manager writes it
//	   "digest":"sha256:2cf2...",         of the bytes that are signed
//	   "signature":"MIIR...",             CMS, DER in base64; "" for a package without one
//	   "verdict":"valid",                 what was said then; for people
//	   "codes":[],                        the reasons of that verdict
//	   "policy":"sha256:9e10...",         the policy file of then; "" for the built-in one
//	   "at":"2026-01-02T15:04:05Z"}]}     the machine's clock
//
// Earlier installations stay because a record is written before the package manager
// unpacks, which may still fail, and because what a machine once ran matters after an
// incident.
package installed
