package probe

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
)

// urlParameter is the address that a probe asks.
func urlParameter(summary string) Parameter {
	return Parameter{Name: "url", Summary: summary + " (https, without credentials and fragment)", Required: true, check: func(v string) string {
		if err := outbound.CheckURL(v); err != nil {
			return err.Error()
		}
		return ""
	}}
}

// keyParameter is a public key that package attest takes.
func keyParameter(summary string) Parameter {
	return Parameter{Name: "key", Summary: summary + ` (PEM "PUBLIC KEY": ECDSA P-256 or P-384, RSA of 3072 bits or more, Ed25519)`, Required: true, check: func(v string) string {
		if _, err := attest.ParsePublicKey(v); err != nil {
			return err.Error()
		}
		return ""
	}}
}

// lineParameter is a text that is compared as it is.
func lineParameter(name, summary string, required bool) Parameter {
	return Parameter{Name: name, Summary: summary, Required: required, check: checkLine}
}

func checkLine(v string) string {
	if len(v) > maxLine {
		return "is " + strconv.Itoa(len(v)) + " bytes long, at most " + strconv.Itoa(maxLine)
	}
	for i := range len(v) {
		if v[i] <= ' ' || v[i] > '~' {
			return "want printable ASCII without spaces"
		}
	}
	return ""
}

func checkSHA256(v string) string {
	if len(v) != 64 || !isHex(v) {
		return "want a SHA-256 digest: 64 hex digits in lower case"
	}
	return ""
}

func isHex(v string) bool {
	_, err := hex.DecodeString(v)
	return err == nil && v == strings.ToLower(v)
}

// checkCommit takes the full name of a commit: SHA-1, or SHA-256 where the repository
// uses it.
func checkCommit(v string) string {
	if len(v) != 40 && len(v) != 64 || !isHex(v) {
		return "want the full id of a commit: 40 or 64 hex digits in lower case"
	}
	return ""
}

var errCount = errors.New("want a number from 1 to " + strconv.Itoa(maxCommits))

func parseCount(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxCommits || strconv.Itoa(n) != v {
		return 0, errCount
	}
	return n, nil
}

func checkCount(v string) string {
	if _, err := parseCount(v); err != nil {
		return err.Error()
	}
	return ""
}

// checkBranch takes what git-check-ref-format(1) takes as the name of a branch, and of
// that letters, digits and the usual signs: no other program may read it as a pattern
// or an option.
func checkBranch(v string) string {
	const wrong = "is not the name of a branch, such as main or release/1.2"
	if len(v) > maxLine || strings.ContainsFunc(v, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._/+-", r)
	}) {
		return wrong
	}
	for part := range strings.SplitSeq(v, "/") {
		if part == "" || part[0] == '.' || part[0] == '-' || strings.HasSuffix(part, ".") || strings.HasSuffix(part, ".lock") || strings.Contains(part, "..") {
			return wrong
		}
	}
	return ""
}
