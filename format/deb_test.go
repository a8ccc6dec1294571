package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// entry renders an ar member as dpkg-deb does.
func entry(name string, body string) string {
	s := fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", name, 1700000000, 0, 0, 0o100644, len(body), body)
	if len(body)%2 == 1 {
		s += "\n"
	}
	return s
}

func signature(body string) string { return string(appendMember(nil, []byte(body))) }

var plainDeb = arMagic + entry("debian-binary", "2.0\n") + entry("control.tar.xz", "odd") + entry("data.tar.xz", "even")

// patched returns s with the bytes at an offset replaced.
func patched(s string, at int, with string) string { return s[:at] + with + s[at+len(with):] }

func TestReadDeb(t *testing.T) {
	n := len(plainDeb)
	header := n // of the signature, when there is one
	big := make([]byte, MaxSignatureBytes+1)
	for name, c := range map[string]struct {
		data   string
		want   Reason
		signed int // where want is empty
		sig    string
	}{
		"unsigned":              {data: plainDeb, signed: n},
		"signed, even":          {data: plainDeb + signature("sign"), signed: n, sig: "sign"},
		"signed, odd":           {data: plainDeb + signature("sig"), signed: n, sig: "sig"},
		"largest signature":     {data: plainDeb + signature(string(big[1:])), signed: n, sig: string(big[1:])},
		"GNU ar names":          {data: arMagic + entry("debian-binary/", "2.0\n") + entry("data.tar/", ""), signed: len(arMagic) + 64 + 60},
		"other trailing member": {data: plainDeb + entry("_gpgorigin", "x") + signature("sign"), signed: n + 62, sig: "sign"},
		"blank owner":           {data: patched(plainDeb, 8+28, "            "), signed: n},

		"one byte after the signature":      {data: plainDeb + signature("sign") + "x", want: BytesAfterSignature},
		"a newline after the signature":     {data: plainDeb + signature("sign") + "\n", want: BytesAfterSignature},
		"a pad too many":                    {data: plainDeb + signature("sig") + "\n", want: BytesAfterSignature},
		"60 bytes after the signature":      {data: plainDeb + signature("sign") + string(make([]byte, 60)), want: BytesAfterSignature},
		"member after the signature":        {data: plainDeb + signature("sign") + entry("data.tar", "evil"), want: SignatureNotLast},
		"ignored member after it":           {data: plainDeb + signature("sign") + entry("_x", ""), want: SignatureNotLast},
		"two signatures":                    {data: plainDeb + signature("sign") + signature("sign"), want: TwoSignatures},
		"empty signature":                   {data: plainDeb + signature(""), want: SignatureEmpty},
		"signature too large":               {data: plainDeb + signature(string(big)), want: SignatureTooLarge},
		"signature beyond the end":          {data: plainDeb + signature("signature!")[:64], want: Truncated},
		"signature without pad":             {data: plainDeb + signature("sig")[:63], want: BadPadding},
		"signature with another pad":        {data: plainDeb + signature("sig")[:63] + "x", want: BadPadding},
		"signature header with mtime":       {data: patched(plainDeb+signature("sign"), header+16, "1"), want: SignatureHeader},
		"signature header with owner":       {data: patched(plainDeb+signature("sign"), header+28, "1"), want: SignatureHeader},
		"signature header with mode":        {data: patched(plainDeb+signature("sign"), header+40, "100600"), want: SignatureHeader},
		"signature header with GNU's slash": {data: patched(plainDeb+signature("sign"), header+13, "/"), want: SignatureHeader},
		"signature size with leading zero":  {data: patched(plainDeb+signature("sign"), header+48, "04"), want: SignatureHeader},

		"cut in a header":      {data: plainDeb[:len(plainDeb)-10], want: TrailingBytes},
		"cut in a body":        {data: plainDeb[:len(plainDeb)-2], want: Truncated},
		"bytes after the last": {data: plainDeb + "x", want: TrailingBytes},
		"no end mark":          {data: patched(plainDeb, 8+58, "xx"), want: BadHeader},
		"blank size":           {data: patched(plainDeb, 8+48, "          "), want: BadHeader},
		"negative size":        {data: patched(plainDeb, 8+48, "-4"), want: BadHeader},
		"size with a plus":     {data: patched(plainDeb, 8+48, "+4"), want: BadHeader},
		"size in hex":          {data: patched(plainDeb, 8+48, "0x4"), want: BadHeader},
		"size after a space":   {data: patched(plainDeb, 8+48, " 4"), want: BadHeader},
		"size with a gap":      {data: patched(plainDeb, 8+48, "4 4"), want: BadHeader},
		"largest size":         {data: patched(plainDeb, 8+48, "9999999999"), want: Truncated},
		"mtime not a number":   {data: patched(plainDeb, 8+16, "yesterday"), want: BadHeader},
		"uid not a number":     {data: patched(plainDeb, 8+28, "root"), want: BadHeader},
		"gid not a number":     {data: patched(plainDeb, 8+34, "root"), want: BadHeader},
		"mode not octal":       {data: patched(plainDeb, 8+40, "100648"), want: BadHeader},
		"no name":              {data: plainDeb + entry("", "xx"), want: BadHeader},
		"NUL in a name":        {data: plainDeb + entry("_hallmark.p7s\x00", "xx"), want: BadHeader},
		"GNU long name table":  {data: plainDeb + entry("//", "xx"), want: BadHeader},
		"GNU long name":        {data: plainDeb + entry("/0", "xx"), want: BadHeader},
		"BSD long name":        {data: plainDeb + entry("#1/13", "_hallmark.p7sxx"), want: BadHeader},
		"wrong pad":            {data: patched(plainDeb, 8+64+60+3, "x"), want: BadPadding},
		"too many members":     {data: plainDeb + string(bytes.Repeat([]byte(entry("_x", "")), maxMembers-2)), want: TooManyMembers},
		"as many as may be":    {data: plainDeb + string(bytes.Repeat([]byte(entry("_x", "")), maxMembers-3)), signed: n + 60*(maxMembers-3)},
		"ends unpadded":        {data: arMagic + entry("debian-binary", "2.0\n") + entry("data.tar", "odd")[:63], want: BadPadding},
		"an archive after it":  {data: plainDeb + "!<arch>\n", want: TrailingBytes},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := readDeb(bytes.NewReader([]byte(c.data)), int64(len(c.data)))
			if c.want != "" {
				if !errors.Is(err, &Error{Reason: c.want}) {
					t.Fatalf("%v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.data[l.signature : l.signature+l.length]; l.signed != int64(c.signed) || got != c.sig {
				t.Errorf("signed %d, signature %q, want %d, %q", l.signed, got, c.signed, c.sig)
			}
		})
	}
}

func TestKindIsDecidedByContent(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		data string
		want Kind
	}{
		"a.deb":        {plainDeb, Deb},
		"a.txt":        {plainDeb, Deb},
		"text.deb":     {"hello", Detached},
		"empty.deb":    {"", Detached},
		"magic.deb":    {arMagic, Detached},
		"short.deb":    {plainDeb[:60], Detached},
		"library.a":    {arMagic + entry("data.o/", "xx"), Detached},
		"reordered":    {arMagic + entry("control.tar", "xx") + entry("debian-binary", "2.0\n"), Detached},
		"wrongmagic":   {"!<arch>x" + plainDeb[8:], Detached},
		"old-format":   {"0.939000\n48\n", Detached},
		"just-a-first": {arMagic + entry("debian-binary", "2.0\n"), Deb},
	} {
		path := filepath.Join(dir, name)
		write(t, path, c.data)
		f, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Kind != c.want {
			t.Errorf("%s: %s, want %s", name, f.Kind, c.want)
		}
		f.Close()
	}
}

// FuzzDeb's law: a package that can be read is its signed bytes and, if it has a
// signature, that signature's member written anew; and one without signature can
// be given one that is then found where it belongs.
func FuzzDeb(f *testing.F) {
	seeds, err := filepath.Glob("testdata/deb/*.deb")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, s := range seeds {
		b, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !isDeb(data) {
			return
		}
		l, err := readDeb(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		names, err := readNames(bytes.NewReader(data), int64(len(data)))
		if err != nil || names[0] != firstMember || slices.Contains(names, memberName) != (l.length > 0) {
			t.Fatalf("a package with a signature of %d bytes and the members %q: %v", l.length, names, err)
		}
		if l.length > 0 {
			again := appendMember(bytes.Clone(data[:l.signed]), data[l.signature:l.signature+l.length])
			if !bytes.Equal(again, data) {
				t.Fatal("signed bytes and member are not the file")
			}
			data = data[:l.signed]
		}
		again := appendMember(bytes.Clone(data), []byte("sig"))
		l, err = readDeb(bytes.NewReader(again), int64(len(again)))
		if errors.Is(err, &Error{Reason: TooManyMembers}) {
			return
		}
		if err != nil || l.signed != int64(len(data)) || string(again[l.signature:l.signature+l.length]) != "sig" {
			t.Fatalf("attached signature not found: %+v, %v", l, err)
		}
	})
}
