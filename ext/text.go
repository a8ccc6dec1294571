package ext

import (
	"net/url"
	"strings"
)

// checkCount judges the number of a list's elements.
func checkCount(n, least, most int, field string) error {
	if n < least {
		return refuse(ReasonEmpty, field, "no elements")
	}
	if n > most {
		return refuse(ReasonTooMany, field, "%d elements, at most %d", n, most)
	}
	return nil
}

// checkText judges what all our texts have in common: 1..most bytes of visible ASCII.
// Anything wider would let two claims look alike and differ.
func checkText(s string, most int, field string) error {
	if s == "" {
		return refuse(ReasonEmpty, field, "no characters")
	}
	if len(s) > most {
		return refuse(ReasonTooLong, field, "%d bytes, at most %d", len(s), most)
	}
	for i := range len(s) {
		if s[i] > 0x7f {
			return refuse(ReasonNotASCII, field, "%s", quote(s))
		}
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return refuse(ReasonCharacter, field, "%s has a space or control character", quote(s))
		}
	}
	return nil
}

// Token ::= IA5String (SIZE (1..maxTokenLength))
//
// Letters, digits and "-._:/+", a letter or digit first: what frameworks use, and
// nothing that a shell, a table or a URL would take for its own.
func checkToken(s, field string) error {
	if err := checkText(s, MaxTokenLength, field); err != nil {
		return err
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && (i == 0 || !strings.ContainsRune("-._:/+", rune(s[i]))) {
			return refuse(ReasonCharacter, field, "%s is not a token", quote(s))
		}
	}
	return nil
}

// LogOrigin ::= IA5String (SIZE (1..maxOriginLength))
func checkOrigin(s string) error {
	if err := checkText(s, MaxOriginLength, "logOrigin"); err != nil {
		return err
	}
	if strings.Contains(s, "+") {
		return refuse(ReasonCharacter, "logOrigin", "%s has a '+'", quote(s))
	}
	return nil
}

// URI ::= IA5String (SIZE (1..maxURILength))
//
// An absolute URI of any scheme: it names a framework and is never fetched.
func checkURI(s, field string) error {
	if err := checkText(s, MaxURILength, field); err != nil {
		return err
	}
	if err := checkURICharacters(s, field); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Opaque == "" && u.Host == "" && u.Path == "" {
		return refuse(ReasonNotURI, field, "%s is not an absolute URI", quote(s))
	}
	if u.User != nil {
		return refuse(ReasonUserInfo, field, "%s has a user part", quote(s))
	}
	return nil
}

// checkURICharacters holds s to the alphabet of RFC 3986 §2, which is stricter than
// url.Parse.
func checkURICharacters(s, field string) error {
	for i := range len(s) {
		c := s[i]
		if !isAlphanumeric(c) && !strings.ContainsRune("-._~:/?#[]@!$&'()*+,;=%", rune(c)) {
			return refuse(ReasonCharacter, field, "%s has %q, which no URI may have", quote(s), c)
		}
		if c == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])) {
			return refuse(ReasonCharacter, field, "%s has a %% without two hex digits", quote(s))
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
