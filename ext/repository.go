package ext

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// AttestationRepository is where the attestations about the holder's artifacts are
// published: 1..MaxURLs https URLs, each once, in the order in which to try them.
type AttestationRepository struct {
	URLs []string
}

// ParseAttestationRepository reads the value of an AttestationRepository extension. The
// error is a *ParseError. Marshal of the result gives der again.
func ParseAttestationRepository(der []byte) (AttestationRepository, error) {
	fields, err := readObject(der, MaxRepositoryBytes, "attestationRepository")
	if err != nil {
		return AttestationRepository{}, err
	}
	r, err := parseRepositoryFields(fields)
	if err != nil {
		return AttestationRepository{}, err
	}
	if err := r.check(); err != nil {
		return AttestationRepository{}, err
	}
	return r, nil
}

// AttestationRepository ::= SEQUENCE {
//
//	version  Version,
//	urls     SEQUENCE SIZE (1..maxURLs) OF RepositoryURL }
func parseRepositoryFields(s cryptobyte.String) (AttestationRepository, error) {
	urls, err := readTexts(&s, asn1.SEQUENCE, MaxURLs, "urls")
	if err != nil {
		return AttestationRepository{}, err
	}
	return AttestationRepository{urls}, atEnd(s, "attestationRepository")
}

// Marshal prints the value of an AttestationRepository extension. It refuses what
// ParseAttestationRepository would refuse, with the same *ParseError.
func (r AttestationRepository) Marshal() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return marshalObject(MaxRepositoryBytes, "attestationRepository", func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, u := range r.URLs {
				addText(b, asn1.IA5String, u)
			}
		})
	})
}

func (r AttestationRepository) check() error {
	if err := checkCount(len(r.URLs), 1, MaxURLs, "urls"); err != nil {
		return err
	}
	seen := make(map[string]bool, len(r.URLs))
	for i, u := range r.URLs {
		field := fmt.Sprintf("urls[%d]", i)
		if err := checkRepositoryURL(u, field); err != nil {
			return err
		}
		if seen[u] {
			return refuse(ReasonDuplicate, field, "%s stands twice", quote(u))
		}
		seen[u] = true
	}
	return nil
}

// RepositoryURL ::= IA5String (SIZE (1..maxURLLength))
//
// An https URL of RFC 9110 §4.2.2 with host, optional port and path, and nothing else:
// EvidenceURL appends to it, and no two clients may disagree about where it leads. It is
// taken apart here and not by url.Parse, which forgives too much.
func checkRepositoryURL(s, field string) error {
	if err := checkText(s, MaxURLLength, field); err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		return refuse(ReasonNotHTTPS, field, "%s", quote(s))
	}
	if err := checkURICharacters(s, field); err != nil {
		return err
	}
	if strings.Contains(rest, "#") {
		return refuse(ReasonFragment, field, "%s", quote(s))
	}
	if strings.Contains(rest, "?") {
		return refuse(ReasonQuery, field, "%s", quote(s))
	}
	authority, path, _ := strings.Cut(rest, "/")
	if err := checkAuthority(authority, field); err != nil {
		return err
	}
	return checkPath(path, field)
}

// checkAuthority judges host and port, RFC 3986 §3.2.
func checkAuthority(s, field string) error {
	if strings.Contains(s, "@") {
		return refuse(ReasonUserInfo, field, "%s", quote(s))
	}
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if host != "" && (err != nil || n == 0 || port[0] == '0') {
			return refuse(ReasonHost, field, "port %s", quote(port))
		}
	}
	if host == "" {
		return refuse(ReasonEmptyHost, field, "no host")
	}
	if !isHost(host) {
		return refuse(ReasonHost, field, "host %s", quote(host))
	}
	return nil
}

// isHost accepts a DNS name of letters, digits and hyphens, an IPv4 address (which looks
// like one), or an IPv6 address without zone in brackets.
func isHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return closed && err == nil && a.Is6() && a.Zone() == ""
	}
	const mostName, mostLabel = 253, 63 // RFC 1035 §2.3.4, as text
	if len(s) > mostName {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > mostLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isAlphanumeric(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

// checkPath refuses segments that lead out of the published tree on some servers and
// not on others.
func checkPath(path, field string) error {
	for segment := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "." || plain == ".." || strings.ContainsAny(plain, `/\`) {
			return refuse(ReasonPath, field, "path segment %s", quote(segment))
		}
	}
	return nil
}

// EvidenceURL returns where the attestations about the artifact with the given SHA-256
// are, below a URL of the repository extension:
// <base>/sha256/<first two hex digits>/<64 hex digits>.jsonl. One trailing slash of base
// is dropped.
func EvidenceURL(base string, sha256 [32]byte) string {
	digest := hex.EncodeToString(sha256[:])
	return strings.TrimSuffix(base, "/") + "/sha256/" + digest[:2] + "/" + digest + ".jsonl"
}
