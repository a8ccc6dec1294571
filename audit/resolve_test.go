package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestResolve(t *testing.T) {
	sum := sha256.Sum256([]byte("settings"))
	files := fstest.MapFS{
		"keys/a.pub":  {Data: []byte(keyPEM(t, newKey(t).Public()))},
		"settings":    {Data: []byte("settings")},
		"folder/file": {Data: []byte("x")},
		"big.pub":     {Data: make([]byte, maxKeyFileBytes+1)},
	}
	base := func() Draft {
		d := example(t).draft
		d.Scope.Builders = []DraftBuilder{{Builder: Builder{ID: "https://ci.acme.example/linux"}, KeyFiles: []string{"./keys/a.pub"}}}
		d.Findings = []DraftFinding{{Requirement: "build.scripted-build", Status: Met, Evidence: []DraftEvidence{{File: "settings", URI: "https://acme.example/settings"}}}}
		d.resolved = false
		return d
	}
	d := base().Resolve(files)
	if _, p := d.Check(catalogue(t)); len(p) > 0 {
		t.Fatal(p)
	}
	if e := d.Findings[0].Evidence[0]; e.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("digest %s", e.SHA256)
	}
	if e := d.Findings[0].finding().Evidence[0]; e.Name != "settings" || e.URI != "https://acme.example/settings" || len(e.Digest) != 1 {
		t.Errorf("descriptor %+v", e)
	}
	if _, p := base().Check(catalogue(t)); len(p) != 1 || p[0].Code != CodeFormat {
		t.Errorf("unresolved: %v", p)
	}
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(d *Draft)
	}{
		"key file missing":     {CodeKey, "scope.builders[0].key_files[0]", func(d *Draft) { d.Scope.Builders[0].KeyFiles[0] = "none.pub" }},
		"key file too large":   {CodeKey, "scope.builders[0].key_files[0]", func(d *Draft) { d.Scope.Builders[0].KeyFiles[0] = "big.pub" }},
		"key file outside":     {CodeKey, "scope.builders[0].key_files[0]", func(d *Draft) { d.Scope.Builders[0].KeyFiles[0] = "../a.pub" }},
		"key file is none":     {CodeKey, "scope.builders[0].keys[0]", func(d *Draft) { d.Scope.Builders[0].KeyFiles[0] = "settings" }},
		"evidence missing":     {CodeEvidence, "findings[0].evidence[0].file", func(d *Draft) { d.Findings[0].Evidence[0] = DraftEvidence{File: "none"} }},
		"evidence outside":     {CodeEvidence, "findings[0].evidence[0].file", func(d *Draft) { d.Findings[0].Evidence[0] = DraftEvidence{File: "/etc/passwd"} }},
		"evidence is a folder": {CodeEvidence, "findings[0].evidence[0].file", func(d *Draft) { d.Findings[0].Evidence[0] = DraftEvidence{File: "folder"} }},
		"evidence has changed": {CodeEvidence, "findings[0].evidence[0].sha256", func(d *Draft) { d.Findings[0].Evidence[0].SHA256 = strings.Repeat("0", 64) }},
		"rebuilder's key is gone": {CodeKey, "scope.rebuilders[0].key_files[0]", func(d *Draft) {
			d.Scope.Rebuilders = []DraftRebuilder{{Rebuilder: Rebuilder{ID: "https://r.example", Operator: "R"}, KeyFiles: []string{"none"}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := base()
			c.change(&d)
			before := marshal(t, d)
			_, problems := d.Resolve(files).Check(catalogue(t))
			if len(problems) != 1 || problems[0].Code != c.code || problems[0].Field != c.field {
				t.Errorf("problems %v, want %s at %s alone", problems, c.code, c.field)
			}
			if !bytes.Equal(before, marshal(t, d)) {
				t.Error("Resolve changed its receiver")
			}
		})
	}
}

func TestReadDraftStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(work, "link")); err != nil {
		t.Fatal(err)
	}
	draft := "version: 1\nframework: slsa-v0.1\nfindings:\n"
	for _, file := range []string{"../secret", "link", secret} {
		draft += "- requirement: build.scripted-build\n  evidence: [{file: " + file + "}]\n"
	}
	path := filepath.Join(work, "draft.yaml")
	if err := os.WriteFile(path, []byte(draft), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := ReadDraft(path)
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	_, problems := d.Check(catalogue(t))
	for _, p := range problems {
		if strings.HasSuffix(p.Field, ".file") {
			fields = append(fields, p.Field)
			if !strings.Contains(p.Detail, "folder of the draft") {
				t.Errorf("%v", p)
			}
		}
	}
	if len(fields) != 3 {
		t.Errorf("refused %v", fields)
	}
	for _, f := range d.Findings {
		if f.Evidence[0].SHA256 != "" {
			t.Errorf("%s was read", f.Evidence[0].File)
		}
	}
	if _, err := ReadDraft(filepath.Join(work, "none.yaml")); err == nil {
		t.Error("no draft, no error")
	}
	if _, err := ReadDraft(work); err == nil {
		t.Error("a folder was read")
	}
}
