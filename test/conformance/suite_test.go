package conformance

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify"
)

// What a case is decided, by its authors or by us.
const (
	accept  = "accept"
	refuse  = "refuse"
	revoked = "revoked" // of a list or a response that proves it
	either  = "either"  // its authors take both
)

// row is one case of a suite.
type row struct {
	id        string
	want, got string
	code      string // why it was refused, one word
	detail    string // for whoever looks into it
	// input, where a suite asks the same with other options, is what was judged: such a row
	// may be outside only if its authors accept the same input in another.
	input string
}

// suite is one project's tests, or a part of them, and the code of ours that answers.
type suite struct {
	name  string // of the exceptions' file; the page's heading
	from  string // folder of the corpora
	about string // what of the verifier is driven, and how
	least int    // fewer cases than this are a mistake of the adapter's
	run   func(t *testing.T, dir string) []row
}

func suites() []suite {
	return slices.Concat(pathSuites(), pieceSuites(), revocationSuites(), signatureSuites(), evidenceSuites(), attestationSuites(), fileSuites())
}

// refused makes a row's verdict of an error of ours.
func (r row) judged(err error) row {
	if err == nil {
		r.got = accept
		return r
	}
	r.got, r.detail = refuse, err.Error()
	var reason verify.Reason
	switch {
	case errors.As(err, &reason) && reason.Code == verify.Revoked:
		r.got, r.code = revoked, string(reason.Code)
	case errors.As(err, &reason):
		r.code = string(reason.Code)
	default:
		r.code, _, _ = strings.Cut(err.Error(), ":")
	}
	return r
}

func wants(ok bool) string {
	if ok {
		return accept
	}
	return refuse
}

// group is some exceptions of a suite with one reason.
type group struct {
	outside bool   // not a wrong refusal, but not our question
	code    string // of the refusals
	reason  string
	ids     []string
}

// readGroups reads a list of exceptions. A line that is not indented begins a group,
// "refused CODE: reason" or "outside: reason"; the indented ones below it are ids.
func readGroups(t *testing.T, name string) []group {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []group
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if id, ok := strings.CutPrefix(line, "\t"); ok && len(out) > 0 {
			out[len(out)-1].ids = append(out[len(out)-1].ids, id)
			continue
		}
		head, reason, ok := strings.Cut(line, ": ")
		code, isRefused := strings.CutPrefix(head, "refused ")
		if !ok || !isRefused && head != "outside" || len(reason) < 10 {
			t.Fatalf("%s: %q", file, line)
		}
		g := group{outside: !isRefused, reason: reason}
		if isRefused {
			g.code = code
		}
		out = append(out, g)
	}
	return out
}

// result is a suite's rows, sorted out.
type result struct {
	suite
	groups                                []group
	cases, agree, refused, outside, wrong int
}

// weigh holds the rows of a suite against its exceptions.
func weigh(t *testing.T, s suite, rows []row, groups []group) result {
	t.Helper()
	if len(rows) < s.least {
		t.Errorf("%d cases, want %d at least: the table was not read as meant", len(rows), s.least)
	}
	r := result{suite: s, groups: groups, cases: len(rows)}
	listed := map[string]*group{}
	for i := range groups {
		for _, id := range groups[i].ids {
			if listed[id] != nil {
				t.Errorf("%s is listed twice", id)
			}
			listed[id] = &groups[i]
		}
	}
	seen, accepted := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		if row.want == accept {
			accepted[row.input] = true
		}
	}
	for _, row := range rows {
		if seen[row.id] {
			t.Errorf("two cases are called %s", row.id)
		}
		seen[row.id] = true
		g := listed[row.id]
		delete(listed, row.id)
		r.count(t, row, g)
		if g != nil && g.outside && row.input != "" && !accepted[row.input] {
			t.Errorf("%s is listed as outside, and its authors accept the same nowhere", row.id)
		}
	}
	for id := range listed {
		t.Errorf("%s is listed and is no case", id)
	}
	return r
}

func (r *result) count(t *testing.T, row row, g *group) {
	t.Helper()
	line := row.id + ": want " + row.want + ", got " + row.got + " " + row.code + ": " + row.detail
	switch {
	case row.want == either || row.want == row.got:
		r.agree++
		if g != nil {
			t.Error("the exception no longer applies:", line)
		}
	case row.got == accept && g != nil && g.outside:
		r.outside++
	case row.got == accept:
		r.wrong++
		t.Error("WRONG ACCEPT", line)
	case g == nil:
		t.Error("not listed:", line)
	case g.outside || g.code != row.code:
		t.Errorf("listed for another reason (%s): %s", g.code, line)
	default:
		r.refused++
	}
}

func readJSON(t *testing.T, v any, elem ...string) {
	t.Helper()
	if err := json.Unmarshal(read(t, elem...), v); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// files returns the paths below dir that match a pattern, and fails if there is none.
func files(t *testing.T, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("nothing at %s in %s: %v", pattern, dir, err)
	}
	return list
}

// below is a path without the folder it was found in.
func below(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}
