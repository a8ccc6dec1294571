package store

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// groupDay is the layout of a day in the name of a group.
const groupDay = "20060102"

// groupAssessments is how many hex digits stand for the assessments in the name of a
// group: 64 bits, so that two of one vendor and day do not meet by chance.
const groupAssessments = 16

// BuildGroup names the group of certificates that a certificate for one build belongs
// to: those of one vendor, issued on one day (UTC), resting on the same assessments.
// "<vendor>/<yyyymmdd>/<16 hex digits>": of the assessment's id, or where it rests on
// several, of the SHA-256 over their ids, sorted, with a line feed after each. It is ""
// for a certificate that is not for one build.
func (c Certificate) BuildGroup() string {
	if c.Build == "" {
		return ""
	}
	ids := slices.Compact(slices.Sorted(slices.Values(c.Assessments)))
	name := strings.Join(ids, "\n") + "\n"
	if len(ids) == 1 && len(ids[0]) >= groupAssessments {
		name = ids[0]
	} else {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	return c.Vendor + "/" + c.IssuedAt.UTC().Format(groupDay) + "/" + c.Tier + "-" + name[:groupAssessments]
}

// GroupTally is a value of the tally "group" of certificates, taken apart.
type GroupTally struct {
	Group    string
	Hour     time.Time // in which they were issued
	NotAfter time.Time
	Revoked  bool
}

const (
	tallyGood    = "good"
	tallyRevoked = "revoked"
)

// groupTally is the value: the group, the hour of issue, notAfter and the state.
func groupTally(c Certificate) string {
	group := c.BuildGroup()
	if group == "" {
		return ""
	}
	state := tallyGood
	if c.Revocation != nil {
		state = tallyRevoked
	}
	return strings.Join([]string{group, TimeKey(c.IssuedAt.UTC().Truncate(time.Hour)), TimeKey(c.NotAfter), state}, "/")
}

// ParseGroupTally takes a value of the tally apart; ok is false for one that is none.
func ParseGroupTally(value string) (g GroupTally, ok bool) {
	parts := strings.Split(value, "/")
	if len(parts) != 6 {
		return g, false
	}
	hour, errHour := time.Parse(timeKey, parts[3])
	end, errEnd := time.Parse(timeKey, parts[4])
	if errHour != nil || errEnd != nil || parts[5] != tallyGood && parts[5] != tallyRevoked {
		return g, false
	}
	return GroupTally{strings.Join(parts[:3], "/"), hour, end, parts[5] == tallyRevoked}, true
}
