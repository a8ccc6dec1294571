package format

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// signJAR signs a JAR with a CMS that openssl makes.
func (s signtool) signJAR(path string) {
	s.t.Helper()
	f, err := Find(Files(), JAR)
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := f.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := a.(*File).body.(*jarFile).signedManifest()
	if err != nil {
		s.t.Fatal(err)
	}
	a.Close()
	digest := digestsOf(s.t, f, path)
	sf, out := filepath.Join(s.t.TempDir(), "sf"), filepath.Join(s.t.TempDir(), "cms")
	write(s.t, sf, string(m.signatureFile()))
	run(s.t, "openssl", "cms", "-sign", "-binary", "-nosmimecap", "-md", "sha256", "-signer", s.cert, "-inkey", s.key, "-in", sf, "-outform", "DER", "-out", out)
	if _, err := f.Attach(path, read(s.t, out), Options{Digest: digest.Signed}); err != nil {
		s.t.Fatal(err)
	}
	if after := digestsOf(s.t, f, path); after.Signed != digest.Signed {
		s.t.Errorf("unsigned %x, signed %x", digest.Signed, after.Signed)
	}
}

// jarsigner reports whether Java finds every entry of a JAR signed.
func (s signtool) jarsigner(path string) (bool, string) {
	s.t.Helper()
	store := filepath.Join(s.t.TempDir(), "store")
	run(s.t, "keytool", "-J-XX:TieredStopAtLevel=1", "-importcert", "-noprompt", "-alias", "a", "-file", s.cert, "-keystore", store, "-storepass", "changeit")
	out, err := exec.Command("jarsigner", "-J-XX:TieredStopAtLevel=1", "-J-Duser.language=en", "-verify", "-strict", "-keystore", store, "-storepass", "changeit", path).CombinedOutput()
	return err == nil && strings.Contains(string(out), "jar verified."), string(out)
}

// entryOf is one entry of a JAR made for a test.
type entryOf struct{ name, content string }

func makeJAR(t testing.TB, entries ...entryOf) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		f, err := w.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestJARAgainstJarsigner(t *testing.T) {
	root := corpora.Folder(t, "jar")
	long := strings.Repeat("long-ü/", 30) + "name.txt"
	cases := map[string][]byte{
		"relic":      read(t, filepath.Join(root, "relic", "hello.jar")),
		"signserver": read(t, filepath.Join(root, "signserver", "HelloJar.jar")),
		"manifest in several forms": makeJAR(t,
			entryOf{"a.txt", "a"},
			entryOf{manifestName, "Manifest-Version: 1.0\nMain-Class: example.Main\n\n\nName: a.txt\nX-Note: kept\n\nName: folder/\nSealed: true\n"},
			entryOf{"folder/", ""}, entryOf{"folder/b.txt", "b"}, entryOf{long, "c"}, entryOf{metaInf + "services/example", "d"}, entryOf{metaInf + "INDEX.LIST", "e"}),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			tool := newSigntool(t)
			path := filepath.Join(t.TempDir(), "file.jar")
			write(t, path, string(data))
			tool.signJAR(path)
			if ok, out := tool.jarsigner(path); !ok {
				t.Errorf("jarsigner refuses:\n%s", out)
			}
			if _, err := os.Stat(path + Suffix); err == nil {
				t.Error("a detached signature too")
			}
		})
	}
}
