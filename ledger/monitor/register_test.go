package monitor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

func hexOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const acme, other = "https://acme.example.com", "https://other.example.com"

// about is an entry about an assessment of acme's, by the key of that name.
func about(kind, assessment, key string) receipt.Entry {
	e := receipt.Entry{
		Type: kind, At: clock, Assessment: hexOf(assessment), Vendor: acme, AuditorSPKI: hexOf(key),
		Framework: "https://slsa.dev/spec/v0.1", Level: 3,
	}
	if kind != receipt.AssessmentAccepted {
		e.Effective = clock
	}
	return e
}

func later(e receipt.Entry, seconds int) receipt.Entry {
	e.At = e.At.Add(time.Duration(seconds) * time.Second)
	return e
}

func issued(serial int, vendor string, assessments ...string) receipt.Entry {
	e := receipt.Entry{
		Type: receipt.CertificateIssued, At: clock, Certificate: hexOf(fmt.Sprint("certificate", serial)), Serial: fmt.Sprintf("%04x", serial),
		Tier: "high", Vendor: vendor, Until: clock.AddDate(1, 0, 0),
	}
	for _, a := range assessments {
		e.Assessments = append(e.Assessments, hexOf(a))
	}
	slices.Sort(e.Assessments)
	return e
}

func auditorKey(auditor, key string) receipt.Entry {
	return receipt.Entry{Type: receipt.AuditorKey, At: clock, Auditor: hexOf(auditor), AuditorSPKI: hexOf(key)}
}

// history feeds entries to a register and returns what it finds, by index.
func history(t testing.TB, r *register, entries ...receipt.Entry) map[int][]Finding {
	t.Helper()
	found := map[int][]Finding{}
	for i, e := range entries {
		raw, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		fs, err := r.add(uint64(i), sha256.Sum256(raw), e)
		if err != nil {
			t.Fatal(err)
		}
		if fs != nil {
			found[i] = fs
		}
	}
	return found
}

func TestFindings(t *testing.T) {
	const (
		accepted, reopened, upheld = receipt.AssessmentAccepted, receipt.AssessmentReopened, receipt.AssessmentUpheld
		withdrawn                  = receipt.AssessmentWithdrawn
	)
	a := func(kind string) receipt.Entry { return about(kind, "a", "k") }
	ended := func(kind string) []Finding { return []Finding{{hexOf("a"), Ended, kind, 1}} }
	for name, c := range map[string]struct {
		entries []receipt.Entry
		want    map[int][]Finding
	}{
		"accepted before": {[]receipt.Entry{a(accepted), issued(1, acme, "a")}, nil},
		"never accepted":  {[]receipt.Entry{issued(1, acme, "a")}, map[int][]Finding{0: {{hexOf("a"), NotAccepted, "", 0}}}},
		"accepted after":  {[]receipt.Entry{issued(1, acme, "a"), a(accepted)}, map[int][]Finding{0: {{hexOf("a"), NotAccepted, "", 0}}}},
		"superseded":      {[]receipt.Entry{a(accepted), a(receipt.AssessmentSuperseded), issued(1, acme, "a")}, map[int][]Finding{2: ended(receipt.AssessmentSuperseded)}},
		"lowered":         {[]receipt.Entry{a(accepted), a(receipt.AssessmentLowered), issued(1, acme, "a")}, map[int][]Finding{2: ended(receipt.AssessmentLowered)}},
		"expired":         {[]receipt.Entry{a(accepted), a(receipt.AssessmentExpired), issued(1, acme, "a")}, map[int][]Finding{2: ended(receipt.AssessmentExpired)}},
		"withdrawn":       {[]receipt.Entry{a(accepted), a(withdrawn), issued(1, acme, "a")}, map[int][]Finding{2: ended(withdrawn)}},
		"withdrawn after": {[]receipt.Entry{a(accepted), issued(1, acme, "a"), a(withdrawn)}, nil},
		"in review":       {[]receipt.Entry{a(accepted), a(reopened), issued(1, acme, "a")}, map[int][]Finding{2: {{hexOf("a"), InReview, reopened, 1}}}},
		"upheld":          {[]receipt.Entry{a(accepted), a(reopened), a(upheld), issued(1, acme, "a")}, nil},
		"upheld, withdrawn": {[]receipt.Entry{a(accepted), a(reopened), a(upheld), later(a(withdrawn), 1), issued(1, acme, "a")},
			map[int][]Finding{4: {{hexOf("a"), Ended, withdrawn, 3}}}},
		"upheld without review":  {[]receipt.Entry{a(accepted), a(withdrawn), a(upheld), issued(1, acme, "a")}, map[int][]Finding{3: ended(withdrawn)}},
		"upheld, never accepted": {[]receipt.Entry{a(upheld), issued(1, acme, "a")}, map[int][]Finding{1: {{hexOf("a"), NotAccepted, "", 0}}}},
		"reopened when over":     {[]receipt.Entry{a(accepted), a(withdrawn), a(reopened), a(upheld), issued(1, acme, "a")}, map[int][]Finding{4: ended(withdrawn)}},
		"ended twice":            {[]receipt.Entry{a(accepted), a(withdrawn), a(receipt.AssessmentExpired), issued(1, acme, "a")}, map[int][]Finding{3: ended(withdrawn)}},
		"accepted again":         {[]receipt.Entry{a(accepted), a(withdrawn), later(a(accepted), 1), issued(1, acme, "a")}, nil},
		"another vendor's":       {[]receipt.Entry{a(accepted), issued(1, other, "a")}, map[int][]Finding{1: {{hexOf("a"), AnotherVendor, accepted, 0}}}},
		"one of two":             {[]receipt.Entry{a(accepted), issued(1, acme, "a", "b")}, map[int][]Finding{1: {{hexOf("b"), NotAccepted, "", 0}}}},
		"submitted only": {[]receipt.Entry{{Type: receipt.AssessmentSubmitted, At: clock, Commitment: hexOf("a")}, issued(1, acme, "a")},
			map[int][]Finding{1: {{hexOf("a"), NotAccepted, "", 0}}}},
		// After a crash, a batch is in the log again.
		"repeated: issued and withdrawn": {[]receipt.Entry{a(accepted), issued(1, acme, "a"), a(withdrawn), issued(1, acme, "a"), a(withdrawn)}, nil},
		"repeated, and another issued": {[]receipt.Entry{a(accepted), issued(1, acme, "a"), a(withdrawn), issued(1, acme, "a"), issued(2, acme, "a")},
			map[int][]Finding{4: {{hexOf("a"), Ended, withdrawn, 2}}}},
		"repeated: accepted and withdrawn": {[]receipt.Entry{a(accepted), a(withdrawn), a(accepted), issued(1, acme, "a"), a(withdrawn)}, map[int][]Finding{3: ended(withdrawn)}},
		"repeated: a finding once":         {[]receipt.Entry{issued(1, acme, "a"), issued(1, acme, "a")}, map[int][]Finding{0: {{hexOf("a"), NotAccepted, "", 0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == nil {
				c.want = map[int][]Finding{}
			}
			if d := cmp.Diff(c.want, history(t, newRegister(), c.entries...)); d != "" {
				t.Error(d)
			}
			// Nor does it matter when the file was written in between.
			for cut := range c.entries {
				r := newRegister()
				found := history(t, r, c.entries[:cut]...)
				r = again(t, r)
				for i, e := range c.entries[cut:] {
					raw, err := e.Marshal()
					if err != nil {
						t.Fatal(err)
					}
					if fs, err := r.add(uint64(cut+i), sha256.Sum256(raw), e); err != nil {
						t.Fatal(err)
					} else if fs != nil {
						found[cut+i] = fs
					}
				}
				if d := cmp.Diff(c.want, found); d != "" {
					t.Errorf("written after entry %d:\n%s", cut, d)
				}
			}
		})
	}
}

// tip is a checkpoint for which registers are written in tests.
func tip() signed {
	sum := sha256.Sum256(nil)
	return signed{Checkpoint: receipt.Checkpoint{Origin: origin, Size: 7, Hash: sum[:]}}
}

// again writes a register and reads it.
func again(t testing.TB, r *register) *register {
	t.Helper()
	var b bytes.Buffer
	if err := r.write(&b, tip()); err != nil {
		t.Fatal(err)
	}
	got, err := parseRegister(&b, tip())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAuditors(t *testing.T) {
	r := newRegister()
	two := about(receipt.AssessmentAccepted, "b", "k2")
	two.SecondAuditorSPKI = hexOf("k3")
	history(t, r, auditorKey("quill", "k"), auditorKey("quill", "k2"), auditorKey("ink", "k3"), about(receipt.AssessmentAccepted, "a", "k"), two)
	quill, ink := []string{hexOf("quill"), hexOf("k"), hexOf("k2")}, []string{hexOf("ink"), hexOf("k3")}
	both := slices.Concat(quill, ink)
	for name, c := range map[string]struct {
		e    receipt.Entry
		want []string
	}{
		"key":             {auditorKey("quill", "k2"), quill},
		"commitment only": {receipt.Entry{Type: receipt.AuditorRevoked, Auditor: hexOf("quill")}, quill},
		"assessment":      {about(receipt.AssessmentWithdrawn, "a", "k"), quill},
		"two auditors":    {two, both},
		"certificate":     {issued(1, acme, "a"), quill},
		"of both":         {issued(1, acme, "a", "b"), both},
		"unknown key":     {about(receipt.AssessmentAccepted, "c", "k9"), []string{hexOf("k9")}},
		"unknown":         {issued(1, acme, "z"), nil},
		"commitment":      {receipt.Entry{Type: receipt.AssessmentSubmitted, Commitment: hexOf("a")}, nil},
	} {
		slices.Sort(c.want)
		if d := cmp.Diff(c.want, Entry{Entry: c.e, register: r}.Auditors()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(c.want, Entry{Entry: c.e, register: again(t, r)}.Auditors()); d != "" {
			t.Errorf("%s, read again: %s", name, d)
		}
	}
}

// The register does not grow with the log.
func TestRegisterIsBounded(t *testing.T) {
	r := newRegister()
	index := uint64(0)
	add := func(e receipt.Entry) []Finding {
		t.Helper()
		var leaf digest
		for i := range 8 {
			leaf[i] = byte(index >> (8 * i))
		}
		fs, err := r.add(index, leaf, e)
		if err != nil {
			t.Fatal(err)
		}
		index++
		return fs
	}
	name := func(n int) string { return fmt.Sprintf("%064x", n+1) }
	const n = 3*maxEnded + 5
	for i := range n {
		e := about(receipt.AssessmentAccepted, "", "k")
		e.Assessment = name(i)
		add(e)
		e.Type = receipt.AssessmentWithdrawn
		add(e)
	}
	if kept := len(r.assessments); kept < maxEnded || kept > 2*maxEnded || r.ended != kept {
		t.Errorf("%d assessments kept, %d of them ended", kept, r.ended)
	}
	if len(r.recent) != maxRecent || len(r.known) != maxRecent {
		t.Errorf("%d and %d recent entries kept", len(r.recent), len(r.known))
	}
	old, recent := issued(1, acme), issued(2, acme)
	old.Assessments, recent.Assessments = []string{name(0)}, []string{name(n - maxEnded)}
	if fs := add(old); len(fs) != 1 || fs[0].Problem != NotAccepted {
		t.Errorf("forgotten: %v", fs)
	}
	if fs := add(recent); len(fs) != 1 || fs[0].Problem != Ended {
		t.Errorf("remembered: %v", fs)
	}

	full := newRegister()
	for i := range maxInForce {
		full.assessments[digest{byte(i), byte(i >> 8), byte(i >> 16), 1}] = standing{by: receipt.AssessmentAccepted}
	}
	if _, err := full.add(0, digest{}, about(receipt.AssessmentAccepted, "a", "k")); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many in force: %v", err)
	}
	full = newRegister()
	for i := range maxKeys {
		full.keys[digest{byte(i), byte(i >> 8), 1}] = digest{1}
	}
	if _, err := full.add(0, digest{}, auditorKey("quill", "k")); !errors.Is(err, ErrTooMany) {
		t.Errorf("one key too many: %v", err)
	}
}

// Counting what ended, and forgetting it, agrees with doing it simply, whatever happens.
func TestRegisterAgainstAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := append(slices.Clone(standingTypes), receipt.CertificateIssued)
	r := newRegister()
	model := map[string]string{} // to the type of the last entry that counted
	for i := range 20_000 {
		name := fmt.Sprint(rng.IntN(30))
		kind := kinds[rng.IntN(len(kinds))]
		if kind == receipt.CertificateIssued {
			e := later(issued(i, acme, name), i)
			got := history(t, r, e)[0]
			by := model[name]
			if isGood := by == receipt.AssessmentAccepted || by == receipt.AssessmentUpheld; isGood != (got == nil) {
				t.Fatalf("step %d: %s stands at %q, findings %v", i, name, by, got)
			}
			continue
		}
		history(t, r, later(about(kind, name, "k"), i))
		isOver := !slices.Contains([]string{"", receipt.AssessmentAccepted, receipt.AssessmentUpheld, receipt.AssessmentReopened}, model[name])
		switch kind {
		case receipt.AssessmentAccepted:
			model[name] = kind
		case receipt.AssessmentUpheld:
			if model[name] == receipt.AssessmentReopened {
				model[name] = kind
			}
		default:
			if model[name] != "" && !isOver {
				model[name] = kind
			}
		}
	}
	over := 0
	for _, s := range r.assessments {
		if s.isOver() {
			over++
		}
	}
	if over != r.ended || over == 0 {
		t.Errorf("%d ended, counted %d", over, r.ended)
	}
}

func sample(t testing.TB) *register {
	t.Helper()
	r := newRegister()
	two := about(receipt.AssessmentAccepted, "b", "k2")
	two.SecondAuditorSPKI = hexOf("k3")
	history(t, r, auditorKey("quill", "k"), auditorKey("quill", "k2"), about(receipt.AssessmentAccepted, "a", "k"), two,
		about(receipt.AssessmentWithdrawn, "a", "k"), about(receipt.AssessmentReopened, "b", "k2"), issued(1, acme, "a"))
	return r
}

func TestRegisterFile(t *testing.T) {
	r := sample(t)
	got := again(t, r)
	if !maps.Equal(r.assessments, got.assessments) || !maps.Equal(r.keys, got.keys) || !maps.Equal(r.known, got.known) || !slices.Equal(r.recent, got.recent) || r.ended != got.ended {
		t.Errorf("written\n%+v\nread\n%+v", r, got)
	}
	var b bytes.Buffer
	if err := r.write(&b, tip()); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := parseRegister(bytes.NewReader(bad), tip()); !errors.Is(err, errRegister) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := parseRegister(bytes.NewReader(good[:i]), tip()); !errors.Is(err, errRegister) {
			t.Fatalf("cut at byte %d: %v", i, err)
		}
	}
	larger, forked, foreign := tip(), tip(), tip()
	larger.Size, forked.Hash, foreign.Origin = 8, make([]byte, 32), "log.example.com/other"
	for name, c := range map[string]struct {
		raw []byte
		of  signed
	}{
		"more behind":         {append(bytes.Clone(good), "x\n"...), tip()},
		"half a line behind":  {append(bytes.Clone(good), 'x'), tip()},
		"another size":        {good, larger},
		"another root":        {good, forked},
		"another log":         {good, foreign},
		"a line without end":  {append([]byte(registerHeader(tip())), strings.Repeat("a", 2*maxLine)...), tip()},
		"return":              {resum(strings.ReplaceAll(string(good), "\nk ", "\r\nk ")), tip()},
		"out of order":        {resum(swapLines(string(good), 4, 5)), tip()},
		"twice":               {resum(strings.Replace(string(good), "\nk ", "\n"+strings.Split(string(good), "\n")[6]+"\nk ", 1)), tip()},
		"unknown type":        {resum(strings.Replace(string(good), receipt.AssessmentWithdrawn, "assessment.forgotten", 1)), tip()},
		"index with zero":     {resum(strings.Replace(string(good), "withdrawn 4", "withdrawn 04", 1)), tip()},
		"unknown line":        {resum(strings.Replace(string(good), "\nk ", "\nx ", 1)), tip()},
		"a recent leaf twice": {resum(strings.Replace(string(good), "\nr ", "\nr "+digest{1}.String()+"\nr "+digest{1}.String()+"\nr ", 1)), tip()},
	} {
		if _, err := parseRegister(bytes.NewReader(c.raw), c.of); !errors.Is(err, errRegister) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseRegister(bytes.NewReader(resum(string(good))), tip()); err != nil {
		t.Errorf("the undamaged one: %v", err)
	}
}

func swapLines(text string, i, j int) string {
	lines := strings.Split(text, "\n")
	lines[i], lines[j] = lines[j], lines[i]
	return strings.Join(lines, "\n")
}

// resum puts the right sum under a changed register.
func resum(text string) []byte {
	body := text[:strings.LastIndex(text, registerEnd)]
	return fmt.Appendf(nil, "%s%s%x\n", body, registerEnd, sha256.Sum256([]byte(body)))
}

// A register that is accepted, written again, is the same bytes.
func FuzzParseRegister(f *testing.F) {
	var b bytes.Buffer
	if err := sample(f).write(&b, tip()); err != nil {
		f.Fatal(err)
	}
	body, _, _ := strings.Cut(strings.TrimPrefix(b.String(), registerHeader(tip())), registerEnd)
	f.Add(body)
	f.Add("")
	f.Add("k - -\n")
	f.Fuzz(func(t *testing.T, body string) {
		raw := resum(registerHeader(tip()) + body + registerEnd) // or nothing would ever pass
		r, err := parseRegister(bytes.NewReader(raw), tip())
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := r.write(&again, tip()); err != nil || !bytes.Equal(again.Bytes(), raw) {
			t.Fatalf("%v\nwritten again:\n%s\nwas:\n%s", err, &again, raw)
		}
	})
}
