package gitcommit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/gitcommit/committest"
)

func key(t testing.TB, who committest.Committer) Key {
	t.Helper()
	k, err := ParseKey(who.Line())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestSignedBy breaks one thing of a commit that counts.
func TestSignedBy(t *testing.T) {
	ada, quill := committest.New("ada"), committest.New("quill")
	keys := []Key{key(t, quill), key(t, ada)}
	good, unsigned := ada.Commit("message"), committest.Object("message")
	c, err := Read(good)
	if err != nil {
		t.Fatal(err)
	}
	if by, err := c.SignedBy(keys); by != 1 || err != nil {
		t.Fatalf("signed by %d, %v", by, err)
	}
	if !bytes.Equal(c.Payload, unsigned) || len(c.Parents) != 1 {
		t.Errorf("payload %q", c.Payload)
	}
	signature := ada.Signature("git", unsigned)
	pgp := []byte("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")
	x509 := []byte("-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n")
	tag := []byte("object 0123456789abcdef0123456789abcdef01234567\ntype commit\ntag v1\ntagger A <a@example.com> 0 +0000\n\nv1\n" + string(quill.Signature("git", []byte("x"))))
	merged := committest.Insert(unsigned, "mergetag", tag)
	for name, x := range map[string]struct {
		object []byte
		want   Reason // "" where it counts
	}{
		"unsigned":                      {unsigned, Unsigned},
		"a stranger's key":              {committest.New("mallory").Commit("message"), UnknownKey},
		"signature of another commit":   {committest.Insert(unsigned, "gpgsig", ada.Signature("git", committest.Object("other"))), NotVerified},
		"one byte changed":              {bytes.Replace(good, []byte("message"), []byte("massage"), 1), NotVerified},
		"another parent":                {bytes.Replace(good, []byte("parent 0123"), []byte("parent 1123"), 1), NotVerified},
		"a parent more":                 {bytes.Replace(good, []byte("author"), []byte("parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor"), 1), NotVerified},
		"signed for a file":             {committest.Insert(unsigned, "gpgsig", ada.Signature("file", unsigned)), NotVerified},
		"OpenPGP":                       {committest.Insert(unsigned, "gpgsig", pgp), UnknownForm},
		"X.509":                         {committest.Insert(unsigned, "gpgsig", x509), UnknownForm},
		"nothing known":                 {committest.Insert(unsigned, "gpgsig", []byte("trust me\n")), UnknownForm},
		"text before the signature":     {committest.Insert(unsigned, "gpgsig", append([]byte("x\n"), signature...)), UnknownForm},
		"text behind the signature":     {committest.Insert(unsigned, "gpgsig", append(bytes.Clone(signature), "x\n"...)), NotVerified},
		"two signatures":                {committest.Insert(good, "gpgsig", signature), Malformed},
		"a stranger's first":            {committest.Insert(committest.Insert(unsigned, "gpgsig", quill.Signature("git", unsigned)), "gpgsig", signature), Malformed},
		"signature of the other hash":   {committest.Insert(unsigned, "gpgsig-sha256", signature), Malformed},
		"both hashes":                   {committest.Insert(good, "gpgsig-sha256", signature), Malformed},
		"a header like it":              {committest.Insert(good, "gpgsigned", []byte("x")), Malformed},
		"signed tag merged, unsigned":   {merged, Unsigned},
		"signed tag merged":             {committest.Insert(merged, "gpgsig", ada.Signature("git", merged)), ""},
		"signed before the merge":       {committest.Insert(merged, "gpgsig", signature), NotVerified},
		"signature in the merged tag":   {committest.Insert(unsigned, "mergetag", []byte("x\ngpgsig "+strings.ReplaceAll(string(signature), "\n", "\n "))), Unsigned},
		"signature in the message":      {committest.Object("message\n\ngpgsig " + strings.ReplaceAll(string(signature), "\n", "\n ")), Unsigned},
		"another header":                {signedWith(ada, committest.Insert(unsigned, "encoding", []byte("ISO-8859-1"))), ""},
		"another header, added later":   {committest.Insert(good, "encoding", []byte("ISO-8859-1")), NotVerified},
		"nothing":                       {nil, Malformed},
		"no empty line":                 {good[:bytes.Index(good, []byte("\n\n"))+1], Malformed},
		"a zero byte in the message":    {ada.Commit("a\x00b"), Malformed},
		"a zero byte in a header":       {signedWith(ada, committest.Insert(unsigned, "x", []byte("a\x00b"))), Malformed},
		"a line that is no header":      {signedWith(ada, committest.Insert(unsigned, "x", []byte("a\n\n"))[1:]), Malformed},
		"a second tree":                 {signedWith(ada, committest.Insert(unsigned, "tree", []byte(strings.Repeat("4", 40)))), Malformed},
		"a second author":               {signedWith(ada, committest.Insert(unsigned, "author", []byte("x"))), Malformed},
		"a parent behind the committer": {signedWith(ada, committest.Insert(unsigned, "parent", []byte(strings.Repeat("4", 40)))), Malformed},
		"a parent of another hash":      {bytes.Replace(unsigned, []byte("parent 0"), []byte("parent "+strings.Repeat("0", 25)), 1), Malformed},
		"a tree in capitals":            {bytes.Replace(good, []byte("tree 4b"), []byte("tree 4B"), 1), Malformed},
		"a folded author":               {bytes.Replace(good, []byte("author A"), []byte("author\n A"), 1), Malformed},
		"a continued author":            {bytes.Replace(good, []byte("\ncommitter"), []byte("\n x\ncommitter"), 1), Malformed},
		"no committer":                  {bytes.Replace(good, []byte("\ncommitter"), []byte("\nx-committer"), 1), Malformed},
		"a tag":                         {tag, Malformed},
		"too large":                     {ada.Commit(strings.Repeat("x", MaxObject)), TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Read(x.object)
			if err == nil {
				_, err = c.SignedBy(keys)
			}
			if x.want == "" && err != nil || x.want != "" && !Is(err, x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
		})
	}
}

func signedWith(who committest.Committer, object []byte) []byte {
	return committest.Insert(object, "gpgsig", who.Signature("git", object))
}

// TestCollision: the first bytes of the two files with one SHA-1 that were published in
// 2017. Nobody has such a pair of commits, so the hash is asked and not Read.
func TestCollision(t *testing.T) {
	raw, err := os.ReadFile("testdata/shattered-1.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sum1(raw); !Is(err, Collision) {
		t.Errorf("taken: %v", err)
	}
	raw[0]++
	if _, err := sum1(raw); err != nil {
		t.Errorf("one byte changed: %v", err)
	}
}

// TestParse breaks one thing of a statement that carries a commit.
func TestParse(t *testing.T) {
	object := committest.New("ada").Commit("message")
	good, err := NewStatement(object)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := Parse(good); err != nil || c.ID != good.Subject[0].Digest["gitCommit"] {
		t.Fatal(err)
	}
	if filed := good.Filed(); len(filed) != 1 || filed[0] != attest.RevisionKey(good.Subject[0].Digest["gitCommit"]) {
		t.Errorf("filed under %q", filed)
	}
	subject := func(digest ...string) func(*attest.Statement) {
		return func(s *attest.Statement) {
			s.Subject = nil
			for i := 0; i < len(digest); i += 2 {
				s.Subject = append(s.Subject, attest.Subject{Digest: map[string]string{digest[i]: digest[i+1]}})
			}
		}
	}
	predicate := func(text string) func(*attest.Statement) {
		return func(s *attest.Statement) { s.Predicate = json.RawMessage(text) }
	}
	id := good.Subject[0].Digest["gitCommit"]
	for name, c := range map[string]struct {
		change func(*attest.Statement)
		want   Reason
	}{
		"another commit":   {subject("gitCommit", strings.Repeat("1", 40)), OtherCommit},
		"by sha1":          {subject("sha1", id), OtherCommit},
		"a commit more":    {subject("gitCommit", id, "gitCommit", strings.Repeat("1", 40)), OtherCommit},
		"another type":     {func(s *attest.Statement) { s.PredicateType = attest.VSAType }, Malformed},
		"no object":        {predicate(`{}`), Malformed},
		"another spelling": {predicate(strings.Replace(string(good.Predicate), "object", "Object", 1)), Malformed},
		"twice":            {predicate(`{"object": "", "object": ""}`), Malformed},
		"a number":         {predicate(`{"object": 1}`), Malformed},
		"not base64":       {predicate(`{"object": "!"}`), Malformed},
		"loose base64":     {predicate(`{"object": "QUI\n="}`), Malformed},
		"no commit":        {predicate(`{"object": "QUI="}`), Malformed},
	} {
		s := good
		c.change(&s)
		if _, err := Parse(s); !Is(err, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// FuzzRead: what is read is what git reads (its own way of taking a signature out is here
// in Go), the signature put back gives the same bytes, and those have the id.
func FuzzRead(f *testing.F) {
	ada := committest.New("ada")
	good := ada.Commit("message")
	for _, object := range [][]byte{
		good, committest.Object("x"), committest.Insert(good, "gpgsig-sha256", []byte("x")), committest.Insert(good, "mergetag", []byte("a\ngpgsig x\n y")),
		bytes.ReplaceAll(bytes.ReplaceAll(good, []byte("4b825dc642cb6eb9a060e54bf8d69288fbee4904"), bytes.Repeat([]byte("4"), 64)), []byte("parent 0123456789abcdef0123456789abcdef01234567\n"), nil),
		[]byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor \ncommitter \ngpgsig \n \n\n"),
	} {
		f.Add(object)
	}
	k := key(f, ada)
	f.Fuzz(func(t *testing.T, object []byte) {
		c, err := Read(object)
		if err != nil {
			return
		}
		payload, signature := asGit(object, len(c.Tree) == 64)
		if !bytes.Equal(payload, c.Payload) || !bytes.Equal(signature, c.Signature) {
			t.Fatalf("git takes %q out of\n%s\nand leaves\n%s", signature, object, payload)
		}
		again := c.Payload
		if c.Signature != nil {
			again = []byte(string(c.Payload[:c.signedAt]) + signatureLines(c) + string(c.Payload[c.signedAt:]))
		}
		if !bytes.Equal(again, object) {
			t.Fatalf("put together again:\n%s\nnot\n%s", again, object)
		}
		if id, err := identify(again, len(c.Tree)); err != nil || id != c.ID {
			t.Fatalf("id %s, was %s, %v", id, c.ID, err)
		}
		if _, err := c.SignedBy([]Key{k}); err == nil && !bytes.Equal(c.Payload, committest.Object("message")) {
			t.Fatalf("signed by a key that signed something else:\n%s", object)
		}
	})
}

// signatureLines writes the header of a commit's signature.
func signatureLines(c *Commit) string {
	name := "gpgsig"
	if len(c.Tree) == 64 {
		name = "gpgsig-sha256"
	}
	return name + " " + strings.ReplaceAll(strings.TrimSuffix(string(c.Signature), "\n"), "\n", "\n ") + "\n"
}

// asGit takes a signature out line by line as parse_buffer_signed_by_header of git's
// commit.c does.
func asGit(object []byte, sha256 bool) (payload, signature []byte) {
	own := []byte("gpgsig ")
	if sha256 {
		own = []byte("gpgsig-sha256 ")
	}
	var in, other, headers bool = false, false, true
	for line := range bytes.Lines(object) {
		switch {
		case !headers:
			payload = append(payload, line...)
			continue
		case in && line[0] == ' ':
			signature = append(signature, line[1:]...)
			continue
		case bytes.HasPrefix(line, own):
			signature = append(signature, line[len(own):]...)
			in, other = true, false
			continue
		case bytes.HasPrefix(line, []byte("gpgsig")):
			other = true
		case other && line[0] != ' ':
			other = false
		}
		in = false
		headers = line[0] != '\n'
		if !other {
			payload = append(payload, line...)
		}
	}
	return payload, signature
}

// FuzzParse: what is read from a statement can be written and read again.
func FuzzParse(f *testing.F) {
	good, err := NewStatement(committest.New("ada").Commit("message"))
	if err != nil {
		f.Fatal(err)
	}
	id := good.Subject[0].Digest["gitCommit"]
	f.Add(id, []byte(good.Predicate))
	f.Add(id, []byte(`{"object": ""}`))
	f.Fuzz(func(t *testing.T, id string, predicate []byte) {
		s := attest.Statement{PredicateType: PredicateType, Predicate: predicate, Subject: []attest.Subject{{Digest: map[string]string{"gitCommit": id}}}}
		c, err := Parse(s)
		if err != nil {
			return
		}
		object := c.Payload
		if c.Signature != nil {
			object = []byte(string(c.Payload[:c.signedAt]) + signatureLines(c) + string(c.Payload[c.signedAt:]))
		}
		again, err := NewStatement(object)
		if err != nil || again.Subject[0].Digest["gitCommit"] != id {
			t.Fatal(fmt.Sprint(again.Subject), err)
		}
	})
}

// FuzzParseKey: a key has an id, and only that key's signature counts.
func FuzzParseKey(f *testing.F) {
	ada := committest.New("ada")
	f.Add(ada.Line())
	f.Add(committest.New("quill").Line())
	f.Add("ssh-dss AAAA")
	c, err := Read(ada.Commit("message"))
	if err != nil {
		f.Fatal(err)
	}
	want := key(f, ada).ID()
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(text)
		if err != nil {
			return
		}
		if _, err := c.SignedBy([]Key{k}); (err == nil) != (k.ID() == want) {
			t.Fatalf("key %s: %v", k.ID(), err)
		}
	})
}
