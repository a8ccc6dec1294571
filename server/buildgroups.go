package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

type buildGroupsInput struct {
	PageQuery
	Vendor string `query:"vendor" maxLength:"63"`
	State  string `query:"state" enum:"valid,expired,revoked" doc:"groups in which at least one is"`
}

// listBuildGroups sums up certificates for single builds without reading them: it reads
// the store's tally, and one certificate of each group to tell what they say.
func (s *Server) listBuildGroups(ctx context.Context, in *buildGroupsInput) (*body[api.Page[api.BuildGroup]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	prefix, after := "", in.After
	if vendor != "" {
		prefix = vendor + "/"
	}
	if after != "" {
		after += behindGroup
	}
	page := api.Page[api.BuildGroup]{Items: []api.BuildGroup{}}
	err = s.Store.View(ctx, func(r store.Reader) error {
		groups, next, err := s.sumGroups(r, prefix, after, in.State)
		if err != nil {
			return err
		}
		for i := range groups {
			if err := s.describe(r, &groups[i]); err != nil {
				return err
			}
		}
		page.Items, page.Next = append(page.Items[:0], groups...), next
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer(page), nil
}

// behindGroup makes of a group's name a value that stands behind all of its counts.
const behindGroup = "/~"

// sumGroups adds up the counts of each group, of one page at most, and returns the cursor
// of the next.
func (s *Server) sumGroups(r store.Reader, prefix, after, state string) (groups []api.BuildGroup, next string, err error) {
	now := s.Now()
	var sum api.BuildGroup
	finish := func() {
		if sum.Group != "" && (state == "" || map[string]int{"valid": sum.Valid, "expired": sum.Expired, "revoked": sum.Revoked}[state] > 0) {
			groups = append(groups, sum)
		}
	}
	read := 0
	for n, err := range store.Certificates.Tally(r, "group", prefix, after) {
		if err != nil {
			return nil, "", err
		}
		t, ok := store.ParseGroupTally(n.Value)
		if !ok {
			return nil, "", errors.New("tally of certificates on record: " + n.Value)
		}
		if t.Group != sum.Group {
			finish()
			if len(groups) == pageSize || read >= maxTallied {
				return groups, sum.Group, nil
			}
			sum = api.BuildGroup{Group: t.Group, FirstHour: t.Hour}
		}
		read++
		count(&sum, t, n.Count, now)
	}
	finish()
	return groups, "", nil
}

// count adds certificates of one hour, end and state.
func count(sum *api.BuildGroup, t store.GroupTally, n int, now time.Time) {
	sum.Issued += n
	switch {
	case t.Revoked:
		sum.Revoked += n
	case now.After(t.NotAfter):
		sum.Expired += n
	default:
		sum.Valid += n
	}
	if t.Hour.After(sum.LastHour) {
		sum.LastHour = t.Hour
	}
	if t.NotAfter.After(sum.NotAfter) {
		sum.NotAfter = t.NotAfter
	}
}

// describe says what the certificates of a group have in common, read off one of them.
func (s *Server) describe(r store.Reader, g *api.BuildGroup) error {
	for rec, err := range store.Certificates.By(r, "group", g.Group) {
		if err != nil {
			return err
		}
		one, err := s.apiCertificate(rec)
		if err != nil {
			return err
		}
		g.Vendor, g.Tier, g.Claims, g.Day = rec.Vendor, rec.Tier, one.Claims, rec.IssuedAt.UTC().Format(time.DateOnly)
		g.Assessments = slices.Sorted(slices.Values(rec.Assessments))
		return nil
	}
	return errors.New("group of certificates " + g.Group + " is counted and has none")
}

// certificateRecords chooses the records of a list of certificates: those of one build or
// of a group, all that are for single builds, or else those that are not.
func (in *certificatesInput) records(vendor string) func(store.Reader) seq[store.Certificate] {
	return func(r store.Reader) seq[store.Certificate] {
		switch {
		case in.Build != "":
			return store.Certificates.ByAfter(r, "build", in.Build, in.After)
		case in.Group != "" && vendor != "" && !strings.HasPrefix(in.Group, vendor+"/"):
			return func(func(store.Certificate, error) bool) {} // another vendor's
		case in.Group != "":
			return store.Certificates.ByAfter(r, "group", in.Group, in.After)
		case in.Builds && vendor != "":
			return store.Certificates.Along(r, "group", vendor+"/", entryOf(in.After))
		case in.Builds:
			return store.Certificates.Along(r, "group", "", entryOf(in.After))
		case vendor != "":
			return store.Certificates.ByAfter(r, "kept", vendor, in.After)
		}
		return store.Certificates.Along(r, "kept", "", entryOf(in.After))
	}
}

// cursor is where a list of certificates goes on behind c.
func (in *certificatesInput) cursor(vendor string, c store.Certificate) string {
	switch {
	case in.Build != "" || in.Group != "":
		return c.Serial
	case in.Builds:
		return c.BuildGroup() + "/" + c.Serial
	case vendor != "":
		return c.Serial
	}
	return c.Vendor + "/" + c.Serial
}

// entryOf reads a cursor: an index's value and a key. Whatever the text is, it is a place
// in the list's order.
func entryOf(cursor string) store.Entry {
	i := strings.LastIndexByte(cursor, '/')
	if i < 0 {
		return store.Entry{}
	}
	return store.Entry{Value: cursor[:i], Key: cursor[i+1:]}
}
