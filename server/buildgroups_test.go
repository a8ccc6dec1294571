package server

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// signBuild signs the world's artifact with a certificate for it alone.
func (w *world) signBuild() string {
	w.t.Helper()
	var out api.Signature
	w.must("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello", PerBuild: true}, &out)
	return out.Serial
}

func (w *world) storeUpdate(fn func(store.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// TestBuildGroups: lists sum up certificates for single builds, page by page, and a vendor
// sees its own.
func TestBuildGroups(t *testing.T) {
	w := newWorld(t)
	serial := w.signBuild()
	second := w.signBuild()
	w.must("acme", "POST", "/v1/certificates/"+second+"/revoke", api.NewRevocation{Reason: "superseded"}, nil)

	groups := listAll[api.BuildGroup](w, "olga", "/v1/certificate-groups?")
	if len(groups) != 1 || groups[0].Vendor != "acme" || groups[0].Issued != 2 || groups[0].Valid != 1 || groups[0].Revoked != 1 || len(groups[0].Claims) != 1 {
		t.Fatalf("groups %+v", groups)
	}
	name := groups[0].Group
	for path, want := range map[string]int{
		"/v1/certificates?":                           1,
		"/v1/certificates?vendor=acme":                1,
		"/v1/certificates?builds=true":                2,
		"/v1/certificates?vendor=acme&builds=true":    2,
		"/v1/certificates?builds=true&state=revoked":  1,
		"/v1/certificates?group=" + name:              2,
		"/v1/certificates?group=" + name + "x":        0,
		"/v1/certificates?build=sha256:" + w.artifact: 2,
	} {
		if got := listAll[api.Certificate](w, "olga", path); len(got) != want {
			t.Errorf("%s: %d certificates, want %d", path, len(got), want)
		}
	}
	var one api.Certificate
	w.must("acme", "GET", "/v1/certificates/"+serial, nil, &one)
	if one.KeyHeldBy != "nobody" || one.Build != "sha256:"+w.artifact {
		t.Errorf("shown as %+v", one)
	}
	for _, path := range []string{"/v1/certificate-groups?", "/v1/certificates?builds=true", "/v1/certificates?group=" + name, "/v1/certificates?build=sha256:" + w.artifact} {
		if got := listAll[map[string]any](w, "beta", path); len(got) != 0 {
			t.Errorf("beta sees %d of acme's at %s", len(got), path)
		}
	}
}

// listAll follows a list's pages.
func listAll[T any](w *world, who, path string) (all []T) {
	w.t.Helper()
	for after, pages := "", 0; ; pages++ {
		var page api.Page[T]
		w.must(who, "GET", path+"&after="+after, nil, &page)
		all = append(all, page.Items...)
		if page.Next == "" || pages > 100 {
			return all
		}
		after = page.Next
	}
}

// TestManyBuildGroups: more groups, and more certificates, than a page holds.
func TestManyBuildGroups(t *testing.T) {
	w := newWorld(t)
	serial := w.signBuild()
	const days, perDay = pageSize + 10, 2
	w.storeUpdate(func(tx store.Tx) error {
		rec, err := store.Certificates.Get(tx, serial)
		if err != nil {
			return err
		}
		for i := range days * perDay {
			next := rec
			next.Serial = fmt.Sprintf("0f%06x", i)
			next.IssuedAt = rec.IssuedAt.Add(-time.Duration(1+i/perDay) * 24 * time.Hour)
			next.NotAfter = next.IssuedAt.Add(time.Hour)
			if err := store.Certificates.Put(tx, next); err != nil {
				return err
			}
		}
		return nil
	})
	groups := listAll[api.BuildGroup](w, "olga", "/v1/certificate-groups?")
	sum, seen := 0, map[string]bool{}
	for _, g := range groups {
		seen[g.Group] = true
		sum += g.Expired
		if g.Issued != g.Expired+g.Valid+g.Revoked {
			t.Errorf("group %+v", g)
		}
	}
	if len(groups) != days+1 || len(seen) != len(groups) || sum != days*perDay {
		t.Errorf("%d groups, %d names, %d expired", len(groups), len(seen), sum)
	}
	if got := listAll[api.BuildGroup](w, "olga", "/v1/certificate-groups?state=valid"); len(got) != 1 {
		t.Errorf("%d groups with a valid one", len(got))
	}
	for _, path := range []string{"/v1/certificates?builds=true", "/v1/certificates?vendor=acme&builds=true"} {
		serials := map[string]bool{}
		for _, c := range listAll[api.Certificate](w, "olga", path) {
			serials[c.Serial] = true
		}
		if len(serials) != days*perDay+1 {
			t.Errorf("%s: %d certificates", path, len(serials))
		}
	}
}

// TestRevokeLeftover: what is only announced can be revoked by an officer and its vendor,
// and is nothing to another.
func TestRevokeLeftover(t *testing.T) {
	w := newWorld(t)
	serial := w.signBuild()
	w.storeUpdate(func(tx store.Tx) error { return store.Certificates.Delete(tx, serial) })
	if r := w.do("acme", "GET", "/v1/certificates/"+serial, nil); r.status != 404 {
		t.Errorf("shown: %d", r.status)
	}
	path := "/v1/certificates/" + serial + "/revoke"
	if r := w.do("beta", "POST", path, api.NewRevocation{Reason: "superseded"}); r.status != 404 {
		t.Errorf("beta: %d", r.status)
	}
	w.must("olga", "POST", path, api.NewRevocation{Reason: "superseded", DryRun: true}, nil)
	if r := w.do("olga", "GET", "/v1/certificates/"+serial, nil); r.status != 404 {
		t.Errorf("on record after a dry run: %d", r.status)
	}
	w.must("acme", "POST", path, api.NewRevocation{Reason: "superseded"}, nil)
	var got api.Certificate
	w.must("olga", "GET", "/v1/certificates/"+serial, nil, &got)
	if got.State != "revoked" || got.Build != "sha256:"+w.artifact {
		t.Errorf("shown as %+v", got)
	}
}
