package command

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify/child"
	"github.com/hallmark-pki/hallmark/verify/update"
)

// TestConfirm: only a match, or a person's own yes, lets a root in.
func TestConfirm(t *testing.T) {
	found := update.Candidate{Version: 3, Fingerprint: strings.Repeat("ab", 32)}
	for name, c := range map[string]struct {
		asks   bool
		answer string
		named  bool
		want   string
		good   bool
	}{
		"yes":                        {asks: true, answer: "yes\n", good: true},
		"yes without a line break":   {asks: true, answer: "yes", good: true},
		"y":                          {asks: true, answer: "y\n"},
		"no":                         {asks: true, answer: "no\n"},
		"only a line break":          {asks: true, answer: "\n"},
		"no answer":                  {asks: true},
		"nobody there":               {answer: "yes\n"},
		"the same":                   {named: true, want: found.Fingerprint, good: true},
		"the same in groups":         {named: true, want: strings.Repeat("AB:", 31) + "AB", good: true},
		"another":                    {named: true, want: strings.Repeat("ac", 32)},
		"part of it":                 {named: true, want: found.Fingerprint[:16]},
		"empty":                      {named: true},
		"another, and a person says": {named: true, want: "00", asks: true, answer: "yes\n"},
	} {
		var out, told bytes.Buffer
		p := program{stdin: strings.NewReader(c.answer), stdout: &out, stderr: &told, asks: c.asks}
		if err := p.confirm(found, update.Folder("stick"), c.want, c.named); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(told.String(), "root 3, sha256 "+found.Fingerprint) {
			t.Errorf("%s: %s", name, &told)
		}
	}
}

func TestUpdateUsage(t *testing.T) {
	dir := t.TempDir()
	places := []string{"--state", filepath.Join(dir, "tuf"), "--trust", filepath.Join(dir, "t"), "--status", filepath.Join(dir, "s")}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"update", "x"}, wrongUsage, "takes no argument"},
		{[]string{"trust"}, wrongUsage, "add, show"},
		{[]string{"trust", "add"}, wrongUsage, "one URL or folder"},
		{[]string{"trust", "show", "x"}, wrongUsage, "takes no argument"},
		{[]string{"mirror"}, wrongUsage, "takes one folder"},
		{append([]string{"update"}, places...), failed, "trusts no CA yet"},
		{append(append([]string{"mirror", "--from", dir}, places...), "out"), failed, "trusts no CA yet"},
		{append([]string{"trust", "show"}, places...), failed, "no-trust"},
		{append(append([]string{"trust", "add"}, places...), filepath.Join(dir, "none")), noNews, "unreachable"},
		{append(append([]string{"trust", "add"}, places...), dir), failed, "absent"},
		{append(append([]string{"trust", "add", "--tls-ca", filepath.Join(dir, "none")}, places...), "https://example.com"), failed, "no such file"},
		{append(append([]string{"trust", "add"}, places...), "http://example.com"), failed, "not an https URL"},
	} {
		var out, complaint bytes.Buffer
		p := program{stdin: strings.NewReader(""), stdout: &out, stderr: &complaint, now: time.Now}
		if code := p.run(context.Background(), append([]string{child.Name}, c.args...)); code != c.code || !strings.Contains(complaint.String(), c.says) {
			t.Errorf("%v: %d %s", c.args, code, complaint.String())
		}
	}
	var out bytes.Buffer
	p := program{stdout: &out, stderr: &out}
	if code := p.run(context.Background(), []string{child.Name, "update", "--print-timer"}); code != 0 || !strings.Contains(out.String(), "[Timer]") {
		t.Errorf("%d %s", code, &out)
	}
}
