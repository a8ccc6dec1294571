package plainjson

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

type sample struct {
	Text   string    `json:"text"`
	Maybe  string    `json:"maybe,omitempty"`
	List   []string  `json:"list"`
	Bytes  []byte    `json:"bytes"`
	Number uint64    `json:"number"`
	At     time.Time `json:"at"`
	Then   time.Time `json:"then,omitzero"`
}

func (s sample) write(html bool) ([]byte, bool) {
	w := Writer{OK: true, HTML: html}
	w.Member(`{"text":`, s.Text)
	w.Optional(`,"maybe":`, s.Maybe)
	w.Texts(`,"list":`, s.List)
	w.Bytes(`,"bytes":`, s.Bytes)
	w.Uint(`,"number":`, s.Number)
	w.Time(`,"at":`, s.At)
	w.OptionalTime(`,"then":`, s.Then)
	w.Raw(`}`)
	return w.B, w.OK
}

// encode is encoding/json's.
func encode(t *testing.T, v any, html bool) ([]byte, error) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestLikeEncodingJSON: plain records have the same bytes, and only they are called plain.
func TestLikeEncodingJSON(t *testing.T) {
	good := sample{Text: "a b/c", Maybe: "m", List: []string{"x", ""}, Bytes: []byte{1, 2, 3}, Number: 1<<64 - 1, At: noon.Add(1), Then: noon}
	for name, c := range map[string]struct {
		change func(*sample)
		plain  bool
	}{
		"as it is":    {func(*sample) {}, true},
		"zero":        {func(s *sample) { *s = sample{} }, true},
		"empty lists": {func(s *sample) { s.List, s.Bytes = []string{}, []byte{} }, true},
		"HTML":        {func(s *sample) { s.Text = "<&>" }, false},
		"quote":       {func(s *sample) { s.Maybe = `"` }, false},
		"backslash":   {func(s *sample) { s.List[0] = `\` }, false},
		"control":     {func(s *sample) { s.Text = "\x1f" }, false},
		"delete":      {func(s *sample) { s.Text = "\x7f" }, false},
		"beyond":      {func(s *sample) { s.Text = "é" }, false},
		"no UTF-8":    {func(s *sample) { s.Text = "\xff" }, false},
		"local time":  {func(s *sample) { s.At = noon.In(time.FixedZone("", 3600)) }, false},
		"far time":    {func(s *sample) { s.Then = noon.AddDate(8000, 0, 0) }, false},
	} {
		s := good
		s.List = append([]string(nil), good.List...)
		c.change(&s)
		got, ok := s.write(true)
		if ok != c.plain {
			t.Errorf("%s: plain %v", name, ok)
		}
		if want, err := encode(t, s, true); ok && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%s: %s\nwant %s, %v", name, got, want, err)
		}
	}
	good.Text = "<&>"
	got, ok := good.write(false)
	if want, err := encode(t, good, false); !ok || err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s\nwant %s, %v", got, want, err)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "plain", "<", "é", "\x00", `"`, "\u2028"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, html bool) {
		w := Writer{OK: true, HTML: html}
		w.Text(s)
		if want, err := encode(t, s, html); w.OK && (err != nil || !bytes.Equal(w.B, want)) {
			t.Errorf("%s, want %s, %v", w.B, want, err)
		}
	})
}
