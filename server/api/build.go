package api

import "time"

// BuildGroup sums up the certificates for single builds of one vendor that were issued
// on one day (UTC) in one tier and rest on the same assessments.
type BuildGroup struct {
	Group       string    `json:"group" doc:"its name: vendor, day, tier and assessments"`
	Vendor      string    `json:"vendor"`
	Day         string    `json:"day" doc:"yyyy-mm-dd"`
	Tier        string    `json:"tier"`
	Claims      []Claim   `json:"claims" doc:"of one of them; others may claim less"`
	Assessments []string  `json:"assessments"`
	Issued      int       `json:"issued"`
	Valid       int       `json:"valid"`
	Expired     int       `json:"expired" doc:"and not revoked"`
	Revoked     int       `json:"revoked"`
	FirstHour   time.Time `json:"first_hour" doc:"hour in which the first was issued"`
	LastHour    time.Time `json:"last_hour" doc:"hour in which the last was issued"`
	NotAfter    time.Time `json:"not_after" doc:"when the last ends"`
}
