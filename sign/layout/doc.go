// Package layout answers: was this artifact made in the steps, and by the people, that an
// audited in-toto layout names?
//
// The layout and the links are documents from outside (in-toto specification 1.0 §4). A
// layout counts because the audited scope has its digest; its own signatures say nothing
// beyond that and are not looked at. A link counts under the keys that the layout gives
// its step. Inspections, sublayouts, certificates of functionaries and parameters are not
// done: a layout that wants one of them is refused, and never passed without.
//
// Reading is attest's, signatures are verified by the DSSE library, and artifact rules and
// their patterns are read by in-toto's own.
package layout
