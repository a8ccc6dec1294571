package gitcommit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/pjbgf/sha1cd"
)

// Commit is a commit object that was read. Its id is the hash of its bytes; nothing else
// about it is verified.
type Commit struct {
	ID      string // lower-case hex
	Tree    string
	Parents []string
	// Signature is what stands in its signature's header, as git hands it to whoever
	// verifies it, and Payload what it is over; nil and the whole object without one.
	Signature, Payload []byte

	signedAt int // where in Payload the header stood
}

// signatureHeader begins the names of the headers that git keeps signatures in. The one
// of the repository's own hash is read; git leaves all of them out of what is signed.
const signatureHeader = "gpgsig"

// header is one header of a commit with its value, continuation lines unfolded.
type header struct {
	name, value string
	from, to    int // its lines in the object
}

// Read reads what "git cat-file commit" prints, and computes its id. Errors: TooLarge,
// Malformed, Collision.
func Read(object []byte) (*Commit, error) {
	if len(object) > MaxObject {
		return nil, refuse(TooLarge, "%d bytes, at most %d", len(object), MaxObject)
	}
	headers, err := readHeaders(object)
	if err != nil {
		return nil, err
	}
	c := &Commit{}
	rest, err := c.readNames(headers)
	if err != nil {
		return nil, err
	}
	if c.ID, err = identify(object, len(c.Tree)); err != nil {
		return nil, err
	}
	if err := c.takeSignature(object, rest); err != nil {
		return nil, err
	}
	return c, nil
}

// readHeaders reads the headers, which end at the first empty line.
func readHeaders(object []byte) ([]header, error) {
	if i := bytes.IndexByte(object, 0); i >= 0 {
		return nil, refuse(Malformed, "a zero byte at %d", i)
	}
	var out []header
	for at := 0; ; {
		n := bytes.IndexByte(object[at:], '\n')
		if n < 0 {
			return nil, refuse(Malformed, "no empty line ends the headers")
		}
		line := string(object[at : at+n])
		end := at + n + 1
		name, value, ok := strings.Cut(line, " ")
		switch {
		case line == "":
			return out, nil
		case name == "" && len(out) > 0: // a continuation
			out[len(out)-1].value += value + "\n"
			out[len(out)-1].to = end
		case !ok || name == "":
			return nil, refuse(Malformed, "a line among the headers that is none, at byte %d", at)
		default:
			out = append(out, header{name, value + "\n", at, end})
		}
		at = end
	}
}

// readNames reads the headers that every commit has, and returns those behind them.
func (c *Commit) readNames(headers []header) ([]header, error) {
	take := func(name string) (string, bool) {
		if len(headers) == 0 || headers[0].name != name || strings.Count(headers[0].value, "\n") != 1 {
			return "", false
		}
		value := strings.TrimSuffix(headers[0].value, "\n")
		headers = headers[1:]
		return value, true
	}
	tree, ok := take("tree")
	if !ok || !isID(tree) {
		return nil, refuse(Malformed, "does not begin with the tree of the commit")
	}
	c.Tree = tree
	for {
		parent, ok := take("parent")
		if !ok {
			break
		}
		if len(parent) != len(tree) || !isID(parent) {
			return nil, refuse(Malformed, "a parent that is no commit of the same repository")
		}
		c.Parents = append(c.Parents, parent)
	}
	for _, name := range []string{"author", "committer"} {
		if _, ok := take(name); !ok {
			return nil, refuse(Malformed, "no %s where it belongs", name)
		}
	}
	if slices.ContainsFunc(headers, func(h header) bool {
		return slices.Contains([]string{"tree", "parent", "author", "committer"}, h.name)
	}) {
		return nil, refuse(Malformed, "a tree, parent, author or committer in the wrong place")
	}
	return headers, nil
}

// takeSignature splits the object into the signature and what it is over.
func (c *Commit) takeSignature(object []byte, headers []header) error {
	own := signatureHeader
	if len(c.Tree) == 2*sha256.Size {
		own = signatureHeader + "-sha256"
	}
	c.Payload = object
	var found []header
	for _, h := range headers {
		if strings.HasPrefix(h.name, signatureHeader) {
			found = append(found, h)
		}
	}
	switch {
	case len(found) == 0:
		return nil
	case len(found) > 1:
		return refuse(Malformed, "%d headers that begin with %s", len(found), signatureHeader)
	case found[0].name != own:
		return refuse(Malformed, "a header %.40q where %s belongs", found[0].name, own)
	}
	c.Signature, c.signedAt = []byte(found[0].value), found[0].from
	c.Payload = slices.Concat(object[:found[0].from], object[found[0].to:])
	return nil
}

// identify hashes an object as a repository does whose ids have so many digits.
func identify(object []byte, digits int) (string, error) {
	whole := append(fmt.Appendf(nil, "commit %d\x00", len(object)), object...)
	if digits == 2*sha256.Size {
		sum := sha256.Sum256(whole)
		return hex.EncodeToString(sum[:]), nil
	}
	return sum1(whole)
}

// sum1 is SHA-1, and refuses what was made to have the same as something else.
func sum1(whole []byte) (string, error) {
	sum, collides := sha1cd.Sum(whole)
	if collides {
		return "", refuse(Collision, "its SHA-1 was made to be that of another object as well")
	}
	return hex.EncodeToString(sum[:]), nil
}

// isID reports whether a text is the id of a git object, in SHA-1 or SHA-256.
func isID(s string) bool {
	return (len(s) == 2*sha1cd.Size || len(s) == 2*sha256.Size) && strings.Trim(s, "0123456789abcdef") == ""
}
