package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// standIn is a program that answers as it is told, whatever they are asked.
func standIn(t *testing.T, answer string, exit string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nprintf '%s' '"+answer+"'\nexit "+exit+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRunner: the runner sees through programs that always say the same. A few vectors do.
func TestRunner(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"good/deb", "deb/byte", "shared"} {
		if err := os.CopyFS(filepath.Join(dir, id), os.DirFS(filepath.Join(root, id))); err != nil {
			t.Fatal(err)
		}
	}
	const valid = `{"verdict":"valid","reasons":[]}`
	const changed = `{"verdict":"not valid","reasons":[{"code":"digest-mismatch"}]}`
	const other = `{"verdict":"not valid","reasons":[{"code":"unsigned"}]}`
	for name, c := range map[string]struct {
		answer, exit string
		args         []string
		says         string
	}{
		"says yes":         {valid, "0", nil, "WRONG ACCEPT   deb/byte"},
		"says no":          {changed, "1", nil, "WRONG REFUSAL  good/deb"},
		"exits with 0":     {changed, "0", nil, "WRONG ACCEPT   deb/byte"},
		"another reason":   {other, "1", []string{"--any-reason"}, "other reason   deb/byte"},
		"another code":     {changed, "2", nil, "wrong          deb/byte"},
		"says nothing":     {"", "1", nil, "wrong          deb/byte"},
		"says both":        {changed + valid, "1", nil, "wrong          deb/byte"},
		"a crash is no no": {"", "139", nil, "wrong          deb/byte"},
	} {
		var out bytes.Buffer
		err := run(append([]string{"--dir", dir, "--program", standIn(t, c.answer, c.exit)}, c.args...), &out)
		if err == nil || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
	if err := run([]string{"--dir", dir}, &bytes.Buffer{}); err == nil {
		t.Error("no program: nothing was said")
	}
	if err := run([]string{"--dir", t.TempDir(), "--program", "true"}, &bytes.Buffer{}); err == nil {
		t.Error("no vectors: nothing was said")
	}
}
