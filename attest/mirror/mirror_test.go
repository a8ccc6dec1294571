package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
)

func mirrored(t *testing.T, h *host, r *repository.Repository, list ...Artifact) Report {
	t.Helper()
	m := &Mirror{From: h.URL, Policy: h.policy(), Into: r, Vendor: "acme"}
	report, err := m.Run(ctx, listOf(list...))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func wantReport(t *testing.T, got, want Report) {
	t.Helper()
	got.Problems = nil
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("report %+v, want %+v", got, want)
	}
}

// TestMirrorIsServedAgain: a vendor's host is copied into a folder, and a plain file
// server over that folder gives what the first one gave.
func TestMirrorIsServedAgain(t *testing.T) {
	h, dir := newHost(t), t.TempDir()
	r := opened(t, dir, repository.Options{})
	var all []Artifact
	for i := range 30 {
		name := fmt.Sprint("artifact ", i)
		all = append(all, h.puts(t, name, envelope(t, "1", name, "other"), envelope(t, "2", name)))
	}
	wantReport(t, mirrored(t, h, r, all...), Report{Artifacts: 30, Fetched: 30, Added: 60})
	if n := h.asked(); n != 30 {
		t.Errorf("%d requests for 30 files", n)
	}
	again := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "acme"))))
	defer again.Close()
	for i, a := range all {
		resp, err := http.Get(again.URL + "/sha256/" + a.SHA256[:2] + "/" + a.SHA256 + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		got.ReadFrom(resp.Body)
		resp.Body.Close()
		want, err := os.ReadFile(h.path(fmt.Sprint("artifact ", i)))
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%s: %d, %q, %v", a.SHA256, resp.StatusCode, got.Bytes(), err)
		}
	}

	// again: nothing is fetched; then one has grown
	wantReport(t, mirrored(t, h, r, all...), Report{Artifacts: 30, Same: 30})
	if n := h.asked(); n != 0 {
		t.Errorf("%d requests though nothing is new", n)
	}
	all[7] = h.puts(t, "artifact 7", envelope(t, "1", "artifact 7", "other"), envelope(t, "2", "artifact 7"), envelope(t, "3", "artifact 7"))
	wantReport(t, mirrored(t, h, r, all...), Report{Artifacts: 30, Same: 29, Fetched: 1, Added: 1})
	if n := h.asked(); n != 1 {
		t.Errorf("%d requests for one file", n)
	}
	if strings.Contains(fmt.Sprint(get(t, r, "other")), "payload") {
		t.Error("a line was filed under another digest than it was fetched under")
	}
}

// TestMirrorLosesNothing: what the other side has dropped or changed stays here, in its
// place.
func TestMirrorLosesNothing(t *testing.T) {
	h, r := newHost(t), opened(t, t.TempDir(), repository.Options{})
	against, late := envelope(t, "could not reproduce", "a"), envelope(t, "all is well", "a")
	mirrored(t, h, r, h.puts(t, "a", against))
	wantReport(t, mirrored(t, h, r, h.puts(t, "a", late)), Report{Artifacts: 1, Fetched: 1, Added: 1, Kept: 1})
	if got, want := get(t, r, "a"), []string{string(against), string(late)}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if err := os.Remove(h.path("a")); err != nil {
		t.Fatal(err)
	}
	wantReport(t, mirrored(t, h, r, Artifact{SHA256: hexOf("a")}), Report{Artifacts: 1, Missing: 1, Kept: 2})
	if got := get(t, r, "a"); len(got) != 2 {
		t.Errorf("%d lines after the other side lost the file", len(got))
	}
}

func TestMirrorRefusesLines(t *testing.T) {
	good := envelope(t, "1", "a")
	for name, c := range map[string]struct {
		lines [][]byte
		want  Report
		left  int
	}{
		"about something else": {[][]byte{good, envelope(t, "2", "b")}, Report{Artifacts: 1, Fetched: 1, Added: 1, Refused: 1}, 1},
		"no envelope":          {[][]byte{[]byte("{}"), good, []byte("<html>")}, Report{Artifacts: 1, Fetched: 1, Added: 1, Refused: 2}, 1},
		"half":                 {[][]byte{good, good[:100]}, Report{Artifacts: 1, Fetched: 1, Added: 1, Refused: 1}, 1},
		"twice":                {[][]byte{good, good}, Report{Artifacts: 1, Fetched: 1, Added: 1}, 1},
		"only nonsense":        {[][]byte{[]byte("404")}, Report{Artifacts: 1, Fetched: 1, Refused: 1}, 0},
		"empty lines":          {[][]byte{nil, good, nil, nil}, Report{Artifacts: 1, Fetched: 1, Added: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h, r := newHost(t), opened(t, t.TempDir(), repository.Options{})
			report := mirrored(t, h, r, h.puts(t, "a", c.lines...))
			if (c.want.Refused > 0) != (len(report.Problems) == 1) {
				t.Errorf("problems %v", report.Problems)
			}
			wantReport(t, report, c.want)
			if got := get(t, r, "a"); len(got) != c.left {
				t.Errorf("%d lines", len(got))
			}
		})
	}
}

// TestMirrorGoesOn: what failed or was interrupted is done by the next run.
func TestMirrorGoesOn(t *testing.T) {
	h, r := newHost(t), opened(t, t.TempDir(), repository.Options{})
	var all []Artifact
	for i := range 20 {
		name := fmt.Sprint(i)
		all = append(all, h.puts(t, name, envelope(t, "1", name)))
	}
	faults := map[string]func(http.ResponseWriter, *http.Request) bool{
		hexOf("3"): func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		},
		hexOf("4"): func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://example.com/", http.StatusFound)
			return true
		},
		hexOf("5"): func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "100000")
			w.Write([]byte("{"))
			return true
		},
		hexOf("6"): func(w http.ResponseWriter, _ *http.Request) bool {
			w.Write(bytes.Repeat([]byte("x"), repository.MaxFile+1))
			return true
		},
	}
	h.answers(func(w http.ResponseWriter, r *http.Request) bool {
		for digest, fault := range faults {
			if strings.Contains(r.URL.Path, digest) {
				return fault(w, r)
			}
		}
		return false
	})
	all = append(all, Artifact{SHA256: "../../etc/passwd"})
	report := mirrored(t, h, r, all...)
	if len(report.Problems) != 5 {
		t.Errorf("problems %v", report.Problems)
	}
	wantReport(t, report, Report{Artifacts: 21, Fetched: 16, Added: 16, Failed: 5})
	h.answers(nil)
	wantReport(t, mirrored(t, h, r, all[:20]...), Report{Artifacts: 20, Same: 16, Fetched: 4, Added: 4})

	// stopped in the middle
	r = opened(t, t.TempDir(), repository.Options{})
	stopped, stop := context.WithCancel(ctx)
	m := &Mirror{From: h.URL, Policy: h.policy(), Into: r, Vendor: "acme"}
	report, err := m.Run(stopped, func(yield func(Artifact, error) bool) {
		for i, a := range all[:20] {
			if i == 9 {
				stop()
			}
			if !yield(a, nil) {
				return
			}
		}
	})
	if !errors.Is(err, context.Canceled) || report.Added > 10 {
		t.Errorf("stopped: %+v, %v", report, err)
	}
	// One that was on disk when the run was stopped may not be in its report.
	rest := mirrored(t, h, r, all[:20]...)
	if rest.Same < report.Added || rest.Same+rest.Added != 20 || rest.Fetched != rest.Added || rest.Failed != 0 {
		t.Errorf("after %+v: %+v", report, rest)
	}

	// the list breaks off
	broken := errors.New("no more pages")
	_, err = m.Run(ctx, func(yield func(Artifact, error) bool) { _ = yield(all[0], nil) && yield(Artifact{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("broken list: %v", err)
	}
}

// TestMirrorIsNobodysTool: the strict policy reaches nothing on this machine, and only
// https is followed.
func TestMirrorIsNobodysTool(t *testing.T) {
	h, r := newHost(t), opened(t, t.TempDir(), repository.Options{})
	a := h.puts(t, "a", envelope(t, "1", "a"))
	strict := h.policy()
	strict.AllowPrivate = false
	report, err := (&Mirror{From: h.URL, Policy: strict, Into: r, Vendor: "acme"}).Run(ctx, listOf(a))
	if err != nil || report.Failed != 1 || !strings.Contains(report.Problems[0].Detail, outbound.ErrAddress.Error()) || h.asked() != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	for _, url := range []string{"http://attestations.example.com", "https://user@attestations.example.com", "file:///etc", ""} {
		if _, err := (&Mirror{From: url, Into: r, Vendor: "acme"}).Run(ctx, listOf(a)); !errors.Is(err, outbound.ErrURL) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := (&Mirror{From: h.URL}).Run(ctx, listOf(a)); err == nil {
		t.Error("copied to nowhere")
	}
}
