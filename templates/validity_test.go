package templates

import (
	"strings"
	"testing"
	"time"
)

func TestValidities(t *testing.T) {
	list, err := Validities()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Name != "code-signing" || list[1].Name != "short-lived" {
		t.Fatalf("%+v", list)
	}
	for i, want := range []time.Duration{460*24*time.Hour - time.Second, 604_800*time.Second - time.Second} {
		if got := list[i].Max(); got != want {
			t.Errorf("%s lasts %s, want %s", list[i].Name, got, want)
		}
	}
}

func TestParseValiditiesRefuses(t *testing.T) {
	const one = "version: 1\nprofiles:\n- {name: a, template: code-signing, max_days: 2}\n"
	if _, err := ParseValidities([]byte(one)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":          "",
		"no profiles":    "version: 1\n",
		"future version": strings.Replace(one, "version: 1", "version: 2", 1),
		"unknown key":    one + "x: 1\n",
		"two documents":  one + "---\nversion: 1\n",
		"name twice":     one + "- {name: a, template: code-signing, max_days: 3}\n",
		"bad name":       strings.Replace(one, "name: a", "name: A B", 1),
		"a CA":           strings.Replace(one, "template: code-signing", "template: tier", 1),
		"no template":    strings.Replace(one, "template: code-signing, ", "", 1),
		"no days":        strings.Replace(one, "max_days: 2", "max_days: 0", 1),
		"too many days":  strings.Replace(one, "max_days: 2", "max_days: 461", 1),
		"too large":      one + "#" + strings.Repeat("x", maxValidityBytes),
	} {
		if _, err := ParseValidities([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzParseValidities: what is accepted lasts a day or more, and never longer than the
// rules allow.
func FuzzParseValidities(f *testing.F) {
	raw, err := FS.ReadFile("validity.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := ParseValidities(raw)
		if err != nil {
			return
		}
		for _, v := range list {
			if v.Max() < 24*time.Hour-time.Second || v.Max() >= MaxDays*24*time.Hour {
				t.Fatalf("%+v", v)
			}
		}
	})
}
