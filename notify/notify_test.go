package notify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func notice(id, kind, data string) store.Notice {
	return store.Notice{ID: id, Type: kind, At: noon, Body: []byte(data)}
}

func putNotice(t *testing.T, d Store, n store.Notice) (isNew bool, err error) {
	t.Helper()
	err = d.Update(t.Context(), func(tx store.Tx) error {
		var err error
		isNew, err = Put(tx, n)
		return err
	})
	return isNew, err
}

func get(t *testing.T, d Store, id string) (n store.Notice) {
	t.Helper()
	err := d.View(t.Context(), func(r store.Reader) error {
		var err error
		n, err = store.Notices.Get(r, id)
		return errors.Join(err, store.Check(r))
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func pending(t *testing.T, d Store, limit int) (n int) {
	t.Helper()
	err := d.View(t.Context(), func(r store.Reader) error {
		var err error
		n, err = Pending(r, limit)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPut(t *testing.T) {
	d := storetest.NewMemory()
	n := notice("assessment.expiring/9f/30", "assessment.expiring", ` { "days" : 30, "a":"<ü>" } `)
	n.At = noon.In(time.FixedZone("", 3600))
	n.SettledAt, n.Deliveries = noon, []store.NoticeDelivery{{Webhook: "x"}} // do not count
	if isNew, err := putNotice(t, d, n); !isNew || err != nil {
		t.Fatalf("Put = %v, %v", isNew, err)
	}
	again := notice(n.ID, "assessment.expired", `{}`)
	if isNew, err := putNotice(t, d, again); isNew || err != nil {
		t.Fatalf("Put again = %v, %v", isNew, err)
	}
	want := store.Notice{ID: n.ID, Type: n.Type, At: noon, Body: []byte(`{"a":"<ü>","days":30}`)}
	if diff := cmp.Diff(want, get(t, d, n.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if isNew, err := putNotice(t, d, notice("other", "probe.failed", `{}`)); !isNew || err != nil {
		t.Fatalf("Put another = %v, %v", isNew, err)
	}
	for limit, want := range map[int]int{1: 1, 2: 2, 9: 2} { // counting stops when it knows enough
		if got := pending(t, d, limit); got != want {
			t.Errorf("%d pending up to %d, want %d", got, limit, want)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	good := notice("id", "a.b", `{"x":1}`)
	cases := map[string]func(*store.Notice){
		"no id":             func(n *store.Notice) { n.ID = "" },
		"long id":           func(n *store.Notice) { n.ID = strings.Repeat("x", maxIDBytes+1) },
		"line end in id":    func(n *store.Notice) { n.ID = "a\nb" },
		"no type":           func(n *store.Notice) { n.Type = "" },
		"one word":          func(n *store.Notice) { n.Type = "assessment" },
		"empty word":        func(n *store.Notice) { n.Type = "assessment." },
		"capital":           func(n *store.Notice) { n.Type = "assessment.Expired" },
		"hyphen":            func(n *store.Notice) { n.Type = "assessment.in-review" },
		"long type":         func(n *store.Notice) { n.Type = "a." + strings.Repeat("b", maxNameBytes) },
		"no time":           func(n *store.Notice) { n.At = time.Time{} },
		"year 10000":        func(n *store.Notice) { n.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no data":           func(n *store.Notice) { n.Body = nil },
		"null":              func(n *store.Notice) { n.Body = []byte(`null`) },
		"list":              func(n *store.Notice) { n.Body = []byte(`[]`) },
		"two objects":       func(n *store.Notice) { n.Body = []byte(`{}{}`) },
		"brace too many":    func(n *store.Notice) { n.Body = []byte(`{}}`) },
		"cut":               func(n *store.Notice) { n.Body = []byte(`{"x":`) },
		"nested":            func(n *store.Notice) { n.Body = []byte(`{"x":{"y":1}}`) },
		"list in it":        func(n *store.Notice) { n.Body = []byte(`{"x":["y"]}`) },
		"truth":             func(n *store.Notice) { n.Body = []byte(`{"x":true}`) },
		"null in it":        func(n *store.Notice) { n.Body = []byte(`{"x":null}`) },
		"name with capital": func(n *store.Notice) { n.Body = []byte(`{"X":1}`) },
		"empty name":        func(n *store.Notice) { n.Body = []byte(`{"":1}`) },
		"long number":       func(n *store.Notice) { n.Body = []byte(`{"x":1` + strings.Repeat("0", maxNumber) + `}`) },
		"many fields": func(n *store.Notice) {
			data := map[string]int{}
			for i := range maxFields + 1 {
				data["x"+string(rune('a'+i))] = i
			}
			n.Body, _ = json.Marshal(data) // cannot fail
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			d := storetest.NewMemory()
			n := good
			change(&n)
			if isNew, err := putNotice(t, d, n); isNew || err == nil {
				t.Errorf("Put = %v, %v", isNew, err)
			}
			if n := pending(t, d, 9); n != 0 {
				t.Errorf("%d pending", n)
			}
			if isNew, err := putNotice(t, d, good); !isNew || err != nil {
				t.Errorf("the good one: %v, %v", isNew, err)
			}
		})
	}
}

// TestCut: the largest data there can be fit into a request, and texts are cut between
// characters.
func TestCut(t *testing.T) {
	for name, text := range map[string]string{
		"plain": strings.Repeat("x", 9999), "two bytes": strings.Repeat("ü", 9999), "shifted": "x" + strings.Repeat("ü", 9999),
		"control": strings.Repeat("\x01", 9999), "line separator": strings.Repeat("\u2028", 9999), "quotes": strings.Repeat(`"`, 9999),
		"not UTF-8": strings.Repeat("\xffx", 9999), "emoji": strings.Repeat("🔏", 9999),
	} {
		got := cut(text, maxFieldBytes)
		if n := jsonLen(got); n > maxFieldBytes || n < maxFieldBytes-12 || !strings.HasSuffix(got, "…") {
			t.Errorf("%s: %d bytes: %q", name, n, got)
		}
		data := map[string]any{}
		for i := range maxFields {
			data[strings.Repeat("n", maxNameBytes-1)+string(rune('a'+i))] = text
		}
		raw, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		n := notice("id", "a."+strings.Repeat("b", maxNameBytes-2), string(raw))
		if n.Body, err = check(n); err != nil {
			t.Fatal(err)
		}
		sent, err := body(n)
		if err != nil || len(sent) > MaxBodyBytes {
			t.Fatalf("%s: body of %d bytes, %v", name, len(sent), err)
		}
		if _, err := ParseEvent(sent); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, short := range []string{"", "x", strings.Repeat("x", maxFieldBytes-2)} {
		if got := cut(short, maxFieldBytes); got != short {
			t.Errorf("%d bytes became %d", len(short), len(got))
		}
	}
}

func TestParseEventRefuses(t *testing.T) {
	const good = `{"id":"msg_1","type":"a.b","at":"2026-03-01T12:00:00Z","data":{"x":1,"y":"z"},"new":[]}`
	e, err := ParseEvent([]byte(good))
	if diff := cmp.Diff(Event{ID: "msg_1", Type: "a.b", At: noon, Data: map[string]any{"x": 1.0, "y": "z"}}, e); diff != "" || err != nil {
		t.Fatalf("%v, (-want +got):\n%s", err, diff)
	}
	for name, change := range map[string][2]string{
		"no id": {`"msg_1"`, `""`}, "type": {`"a.b"`, `"a"`}, "no time": {`"2026-03-01T12:00:00Z"`, `null`}, "time": {"03-01T", "3-1T"},
		"no data": {`{"x":1,"y":"z"}`, `null`}, "data": {`{"x":1,"y":"z"}`, `[]`}, "nested": {`"z"`, `{}`}, "truth": {`"z"`, `true`},
		"cut": {`,"new":[]}`, ``}, "more": {`[]}`, `[]} x`}, "large": {`[]`, `"` + strings.Repeat("x", MaxBodyBytes) + `"`},
	} {
		if _, err := ParseEvent([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzParseEvent: what is read is written and read as the same.
func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"id":"msg_1","type":"a.b","at":"2026-03-01T12:00:00Z","data":{"x":1,"y":"z"}}`))
	f.Add([]byte(`{"id":"msg_1","type":"a.b","at":"2026-03-01T12:00:00+01:00","data":{"x":1e300,"X":-0,"":"\ud800"}}`))
	f.Add([]byte(`{"data":{"x":{}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ParseEvent(raw)
		if err != nil {
			return
		}
		written, err := marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again Event
		if err := json.Unmarshal(written, &again); err != nil || !cmp.Equal(e, again) {
			t.Errorf("%+v was read back as %+v, %v", e, again, err)
		}
	})
}

func TestCheckDocumented(t *testing.T) {
	const revoked = `{"auditor":"quill","organization":"Quill LLP","reason":"forged","to_review":2}`
	const certificate = `{"serial":"7f","tier":"high","vendor":"acme","reason":9,"revocation_date":"2026-03-01T12:00:00Z"}`
	for _, good := range []store.Notice{notice("a", "auditor.revoked", revoked), notice("a", "certificate.revoked", certificate)} {
		if err := CheckDocumented(good); err != nil {
			t.Error(err)
		}
	}
	for name, bad := range map[string]store.Notice{
		"unknown type":    notice("a", "auditor.promoted", revoked),
		"missing field":   notice("a", "auditor.revoked", strings.Replace(revoked, `"reason":"forged",`, ``, 1)),
		"unknown field":   notice("a", "auditor.revoked", strings.Replace(revoked, `{`, `{"mood":"bad",`, 1)),
		"text for number": notice("a", "auditor.revoked", strings.Replace(revoked, `2`, `"2"`, 1)),
		"number for text": notice("a", "auditor.revoked", strings.Replace(revoked, `"forged"`, `1`, 1)),
		"no data":         notice("a", "auditor.revoked", ``),
	} {
		if err := CheckDocumented(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
