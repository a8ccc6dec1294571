package server

import (
	"regexp"
	"slices"
)

// ownNames are under which the CA itself stands in records: who did it without a human.
var ownNames = []string{"ca", "hallmark", "init", "rebuild", "step", "storm-brake"}

// acmeNames are those of keys of ACME accounts, as records have them. Compiled once.
var acmeNames = regexp.MustCompile(`^acme-[0-9a-f]{24}$`)

// checkName refuses an id for a person or machine that would read, in the audit trail, as
// if the CA had done what they did.
func checkName(id string) error {
	if slices.Contains(ownNames, id) || acmeNames.MatchString(id) {
		return invalid("id", id+" is how the CA names itself in its records", "choose another name")
	}
	return nil
}
