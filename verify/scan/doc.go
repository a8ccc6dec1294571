// Package scan answers two questions about a whole machine: would what is installed be
// let in today, and what of it came from there?
//
// The first is Packages: each installed package's recorded signature is judged again, by
// the trust, status and policy of today. The second is Blast, for the day on which a
// vendor's key or build system turns out to be somebody else's: which packages did that
// vendor, that certificate or that assessment bring here, and since when.
//
// Both work offline, on what package installed reads. A package without a record is
// never passed over in silence: it is in the answer, with a state of its own.
package scan
