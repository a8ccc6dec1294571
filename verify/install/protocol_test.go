package install_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/install"
)

const head = "VERSION 3\nAPT::Architecture=amd64\n\n"

const example = head +
	"hello - - none < 1.1 amd64 none /var/cache/apt/archives/hello_1.1_amd64.deb\n" +
	"libx 1:2.0-1+b2~rc amd64 same > 1:1.0-1 i386 same /home/a user/libx 1.deb\n" +
	"hello - - none < 1.1 amd64 none **CONFIGURE**\n" +
	"again 1.0 all foreign = 1.0 all foreign /again.deb\n" +
	"bye 2.0 amd64 allowed > - - none **REMOVE**\n"

func TestParseTransaction(t *testing.T) {
	got, err := install.ParseTransaction(strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	version := func(v, a, m string) install.Version {
		return install.Version{Version: v, Architecture: a, MultiArch: m}
	}
	want := install.Transaction{
		Settings: []install.Setting{{Key: "APT::Architecture", Value: "amd64"}},
		Changes: []install.Change{
			{Package: "hello", New: version("1.1", "amd64", "none"), Direction: install.Install, Action: install.Unpack, File: "/var/cache/apt/archives/hello_1.1_amd64.deb"},
			{Package: "libx", Old: version("1:2.0-1+b2~rc", "amd64", "same"), New: version("1:1.0-1", "i386", "same"), Direction: install.Downgrade, Action: install.Unpack, File: "/home/a user/libx 1.deb"},
			{Package: "hello", New: version("1.1", "amd64", "none"), Direction: install.Install, Action: install.Configure},
			{Package: "again", Old: version("1.0", "all", "foreign"), New: version("1.0", "all", "foreign"), Direction: install.Reinstall, Action: install.Unpack, File: "/again.deb"},
			{Package: "bye", Old: version("2.0", "amd64", "allowed"), Direction: install.Away, Action: install.Remove},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if n := len(got.Unpacked()); n != 3 {
		t.Errorf("%d to be unpacked", n)
	}
	if again := string(got.Append(nil)); again != example {
		t.Errorf("appended:\n%s", again)
	}
}

// TestParseTransactionRefuses: one thing is wrong in each, and its line is named.
func TestParseTransactionRefuses(t *testing.T) {
	good := "a 1 all none < 2 all none /x.deb\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"nothing":                        {"", 1},
		"version 2":                      {"VERSION 2\n\n" + good, 1},
		"version 30":                     {"VERSION 30\n\n" + good, 1},
		"no version":                     {"A=b\n\n" + good, 1},
		"no end of the settings":         {"VERSION 3\nA=b\n", 3},
		"setting without a value":        {"VERSION 3\nA=\n\n", 2},
		"setting without a key":          {"VERSION 3\n=b\n\n", 2},
		"setting without a sign":         {"VERSION 3\nA\n\n", 2},
		"setting with a space":           {"VERSION 3\nA=b c\n\n", 2},
		"setting with an escape":         {"VERSION 3\nA=\x1b[2J\n\n", 2},
		"setting that is not ASCII":      {"VERSION 3\nA=\xff\n\n", 2},
		"cut off":                        {head + strings.TrimSuffix(good, "\n"), 4},
		"cut off after a whole line":     {head + good + "a 1 all", 5},
		"empty line":                     {head + "\n" + good, 4},
		"eight fields":                   {head + "a 1 all none < 2 all /x.deb\n", 4},
		"two spaces":                     {head + "a  1 all none < 2 all none /x.deb\n", 4},
		"tab between fields":             {head + "a\t1 all none < 2 all none none /x.deb\n", 4},
		"empty name":                     {head + " 1 all none < 2 all none /x.deb\n", 4},
		"name with a slash":              {head + "../a 1 all none < 2 all none /x.deb\n", 4},
		"name with an option":            {head + "--a 1 all none < 2 all none /x.deb\n", 4},
		"name with an escape":            {head + "a\x1b[2K 1 all none < 2 all none /x.deb\n", 4},
		"name that is not ASCII":         {head + "\u0430 1 all none < 2 all none /x.deb\n", 4},
		"name too long":                  {head + strings.Repeat("a", 257) + " 1 all none < 2 all none /x.deb\n", 4},
		"version with an escape":         {head + "a 1\x07 all none < 2 all none /x.deb\n", 4},
		"version with a parenthesis":     {head + "a 1 all none < 2() all none /x.deb\n", 4},
		"architecture with a dot":        {head + "a 1 a.b none < 2 all none /x.deb\n", 4},
		"another multi-arch":             {head + "a 1 all no < 2 all none /x.deb\n", 4},
		"half a version":                 {head + "a - all none < 2 all none /x.deb\n", 4},
		"another sign":                   {head + "a 1 all none <= 2 all none /x.deb\n", 4},
		"upgrade from nothing to less":   {head + "a - - none > 2 all none /x.deb\n", 4},
		"same as nothing":                {head + "a - - none = 2 all none /x.deb\n", 4},
		"upgrade to nothing":             {head + "a 1 all none < - - none **REMOVE**\n", 4},
		"file without a version":         {head + "a 1 all none > - - none /x.deb\n", 4},
		"configure without a version":    {head + "a 1 all none > - - none **CONFIGURE**\n", 4},
		"apt has no file":                {head + "a 1 all none < 2 all none **ERROR**\n", 4},
		"relative file":                  {head + "a 1 all none < 2 all none x.deb\n", 4},
		"no file":                        {head + "a 1 all none < 2 all none \n", 4},
		"something behind the word":      {head + "a 1 all none < 2 all none **CONFIGURE** /x.deb\n", 4},
		"file with a carriage return":    {head + "a 1 all none < 2 all none /x\r.deb\n", 4},
		"file with a zero":               {head + "a 1 all none < 2 all none /x\x00.deb\n", 4},
		"file with DEL":                  {head + "a 1 all none < 2 all none /x\x7f.deb\n", 4},
		"file too long":                  {head + "a 1 all none < 2 all none /" + strings.Repeat("x", 4096) + "\n", 4},
		"a second transaction":           {head + good + "VERSION 3\n", 5},
		"line end of another system":     {"VERSION 3\r\n\r\n", 1},
		"file name that writes one line": {head + "a 1 all none < 2 all none /tmp/\ngood/x.deb\n", 5},
	} {
		_, err := install.ParseTransaction(strings.NewReader(c.text))
		var e *install.ProtocolError
		if !errors.As(err, &e) || e.Line != c.line {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParseTransactionBounds: what has no end is not read to its end.
func TestParseTransactionBounds(t *testing.T) {
	for name, text := range map[string]string{
		"settings": "VERSION 3\n" + strings.Repeat("A=b\n", 16385) + "\n",
		"packages": head + strings.Repeat("a 1 all none < 2 all none **CONFIGURE**\n", 131073),
	} {
		if _, err := install.ParseTransaction(strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := install.ParseTransaction(endless{}); err == nil {
		t.Error("endless: taken")
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'A'
	}
	return len(b), nil
}

// FuzzParseTransaction: what is understood is all there is: writing it gives the very
// bytes again, and every line that ends in something like a file is judged.
func FuzzParseTransaction(f *testing.F) {
	f.Add([]byte(example))
	seeds, err := filepath.Glob("testdata/apt/*.txt")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := install.ParseTransaction(strings.NewReader(string(raw)))
		if err != nil {
			var e *install.ProtocolError
			if !errors.As(err, &e) || !reflect.DeepEqual(got, install.Transaction{}) {
				t.Fatalf("%v with %+v", err, got)
			}
			return
		}
		if again := got.Append(nil); string(again) != string(raw) {
			t.Fatalf("%q became %q", raw, again)
		}
		_, changes, _ := strings.Cut(string(raw), "\n\n")
		files := 0
		for line := range strings.Lines(changes) {
			if !strings.HasSuffix(line, "*\n") || strings.Contains(line, "/") {
				files++
			}
		}
		if files != len(got.Unpacked()) {
			t.Fatalf("%d files, %d judged in %q", files, len(got.Unpacked()), raw)
		}
	})
}
