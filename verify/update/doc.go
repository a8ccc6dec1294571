// Package update answers: how does a machine that judges signatures get newer trust and
// status bundles, from a server, a mirror or a USB stick that it does not trust?
//
// A Source is a folder of files (package distribution has the layout), and nothing it
// says is believed for coming from there. Updater follows the client workflow of The
// Update Framework (go-tuf's updater, TUF 1.0 §5) from the newest root that the machine
// knows, keeps what was verified in its state folder so that nothing older is taken
// later, and hands out two files: the trust bundle and the status bundle. Before they
// are written, the status bundle must open under the trust bundle that it came with,
// and its number must not be lower than that of the bundle that is there.
//
// The first root is taken by Add: it shows a fingerprint to be compared with what the
// CA's administrator says, and writes nothing unless that is confirmed.
//
// # On disk
//
//	STATE/root.json timestamp.json snapshot.json targets.json status.json
//	STATE/source.json      {"url": "https://…"} or {"folder": "/…"}: where Update looks by itself
//	STATE/lock             held while an update runs
//
// Everything is written as package durable does it. The trust bundle is written before
// the status bundle: whoever reads between the two finds an old status bundle, which
// opens under the new trust bundle or is refused, and the next update repairs it.
package update
