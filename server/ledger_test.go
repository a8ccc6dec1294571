package server

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/mod/sumdb/note"
)

// TestLedgerEntries: officers and readers see all entries, the others those about
// themselves; each entry that is logged has a receipt that anybody can verify.
func TestLedgerEntries(t *testing.T) {
	w := newWorld(t)
	w.server.flush(context.Background()) // the certificate's entry waits for the next round
	var all api.Page[api.LedgerEntry]
	w.must("rita", "GET", "/v1/ledger/entries", nil, &all)
	var state api.LedgerState
	w.must("", "GET", "/v1/ledger", nil, &state)
	if len(all.Items) != int(state.Size) || len(all.Items) < 6 {
		t.Fatalf("%d entries on record, %d in the log", len(all.Items), state.Size)
	}
	key, err := note.NewVerifier(state.VerifierKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all.Items {
		raw := w.do("", "GET", fmt.Sprintf("/v1/ledger/entries/%d/receipt", e.Index), nil).body
		r, err := receipt.Verify(raw, key)
		if err != nil {
			t.Fatalf("entry %d: %v in %s", e.Index, err, raw)
		}
		leaf, err := r.Entry.Marshal()
		if err != nil || string(leaf) != e.Leaf || r.Index != e.Index || r.Entry.Type != e.Type {
			t.Errorf("entry %d: %v, %s is not %s", e.Index, err, leaf, e.Leaf)
		}
	}
	for who, about := range map[string][]string{
		"acme": {w.assessment, w.certificate, "acme"}, "quill": {w.assessment, "quill"}, "nib": {"nib"}, "olga": {w.assessment, w.certificate, "quill", "nobody"},
	} {
		for _, id := range about {
			var page api.Page[api.LedgerEntry]
			w.must(who, "GET", "/v1/ledger/entries?about="+id, nil, &page)
			for _, e := range page.Items {
				if e.About != id {
					t.Errorf("%s asks about %s and gets %+v", who, id, e)
				}
			}
			if logged := id != "acme" && id != "nobody"; (len(page.Items) > 0) != logged {
				t.Errorf("%s about %s: %d entries", who, id, len(page.Items))
			}
		}
	}
	for who, about := range map[string][]string{
		"beta": {w.assessment, w.certificate, "quill", "olga", "x"}, "quill": {w.certificate, "nib", "acme"}, "nib": {w.assessment, "quill"},
	} {
		for _, id := range about {
			if got := w.do(who, "GET", "/v1/ledger/entries?about="+id, nil); got.status != http.StatusNotFound {
				t.Errorf("%s about %s: %d %s", who, id, got.status, got.body)
			}
		}
		if got := w.do(who, "GET", "/v1/ledger/entries", nil); got.status != http.StatusUnprocessableEntity || got.problem.Field != "about" {
			t.Errorf("%s about everything: %d %s", who, got.status, got.body)
		}
	}
}

// TestNoReceipt: there is none for an entry that the log does not have.
func TestNoReceipt(t *testing.T) {
	w := newWorld(t)
	var state api.LedgerState
	w.must("", "GET", "/v1/ledger", nil, &state)
	for index, want := range map[string]int{
		fmt.Sprint(state.Size): http.StatusNotFound, "18446744073709551615": http.StatusNotFound,
		"-1": http.StatusUnprocessableEntity, "one": http.StatusUnprocessableEntity, "18446744073709551616": http.StatusUnprocessableEntity,
	} {
		if got := w.do("", "GET", "/v1/ledger/entries/"+index+"/receipt", nil); got.status != want {
			t.Errorf("entry %s: %d %s, want %d", index, got.status, got.body, want)
		}
	}
}

// TestPending: what waits for the log is listed without a place, and counted.
func TestPending(t *testing.T) {
	w := newWorld(t)
	w.server.flush(context.Background())
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		return queue.Put(tx, w.certificate, receipt.Entry{
			Type: receipt.AssessmentSubmitted, At: time.Now(), Commitment: receipt.Commit([]byte("salt"), "x"),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	var status api.Status
	w.must("olga", "GET", "/v1/status", nil, &status)
	if status.LedgerPending != 1 || w.gauges()["hallmark_ledger_pending"] != 1 {
		t.Errorf("%d wait, gauge %v", status.LedgerPending, w.gauges()["hallmark_ledger_pending"])
	}
	var page api.Page[api.LedgerEntry]
	w.must("olga", "GET", "/v1/ledger/entries?about="+w.certificate, nil, &page)
	if n := len(page.Items); n != 2 || !page.Items[n-1].LoggedAt.IsZero() || page.Items[0].LoggedAt.IsZero() {
		t.Errorf("%+v", page.Items)
	}
	w.server.flush(context.Background())
	w.must("olga", "GET", "/v1/status", nil, &status)
	if status.LedgerPending != 0 {
		t.Errorf("%d wait", status.LedgerPending)
	}
}
