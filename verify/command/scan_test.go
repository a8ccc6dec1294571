package command

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
	"github.com/hallmark-pki/hallmark/verify/scan"
)

const escape = "evil\n\x1b[2Kgood: valid\u202e"

// TestScanPrintable: what came out of a certificate or a list stays on its line.
func TestScanPrintable(t *testing.T) {
	p := installed.Package{Manager: installed.Dpkg, Name: escape, Version: escape, Architecture: escape}
	v := verify.Verdict{File: escape, Outcome: verify.NotValid, Vendor: escape, Serial: "1", Reasons: []verify.Reason{{Code: verify.Revoked, Detail: escape}}}
	var out bytes.Buffer
	s := newSummary()
	for _, item := range []scan.Item{{Package: p, State: scan.NotValid, Verdict: v, Judged: true}, {Package: p, State: scan.CouldNotTell, Detail: escape}} {
		s.add(item)
		out.WriteString(itemText(item))
	}
	s.print(&out, false)
	var f findings
	for _, trace := range []scan.Trace{{Package: p, Hit: true, Verdict: v}, {Package: p, Unknown: true, Detail: escape}, {Package: p, NoRecord: true, Detail: escape}} {
		f.add(trace)
	}
	f.print(&out, true)
	if strings.ContainsAny(out.String(), "\x1b\u202e") || strings.Contains(out.String(), "\ngood") {
		t.Errorf("%q", out.String())
	}
}

// TestScanLostOutput: an answer that nobody could read is not a success.
func TestScanLostOutput(t *testing.T) {
	for name, run := range map[string]func(console) int{
		"scan": func(c console) int {
			return c.scanned(context.Background(), machineOptions{}, scan.Config{}, verify.Policy{})
		},
		"blast": func(c console) int {
			return c.blasted(machineOptions{}, scan.Query{}, func(func(scan.Trace) bool) {}, 0)
		},
	} {
		var stderr bytes.Buffer
		if code := run(console{full{}, &stderr, "test"}); code != SomeUnknown || !strings.Contains(stderr.String(), "no space left") {
			t.Error(name, code, stderr.String())
		}
	}
}
