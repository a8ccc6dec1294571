package probe

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// minRSABits is what the rest of hallmark demands of RSA too.
const minRSABits = 3072

// signers are the SSH keys that may sign commits.
type signers struct {
	lines        []string        // type and base64 of each
	fingerprints map[string]bool // as ssh-keygen prints them: SHA256:…
}

// parseSigners reads public keys as in an id_ed25519.pub: one a line, "type base64" and
// perhaps a comment, with empty lines and lines that begin with # between them. Options,
// certificates and certificate authorities are refused: they would let a key in that
// the list does not show.
func parseSigners(text string) (signers, error) {
	s := signers{fingerprints: map[string]bool{}}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := parseSigner(line)
		if err != nil {
			return signers{}, fmt.Errorf("line %d: %w", number+1, err)
		}
		fingerprint := ssh.FingerprintSHA256(key)
		if s.fingerprints[fingerprint] {
			return signers{}, fmt.Errorf("line %d: the key stands twice", number+1)
		}
		s.fingerprints[fingerprint] = true
		s.lines = append(s.lines, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
	}
	if len(s.lines) == 0 || len(s.lines) > maxSigners {
		return signers{}, fmt.Errorf("%d keys, want 1 to %d", len(s.lines), maxSigners)
	}
	return s, nil
}

func parseSigner(line string) (ssh.PublicKey, error) {
	for i := range len(line) {
		if (line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f {
			return nil, errors.New("a control character")
		}
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil || len(rest) > 0 {
		return nil, errors.New("not an SSH public key, such as: ssh-ed25519 AAAA... name")
	}
	if len(options) > 0 || !strings.HasPrefix(line, key.Type()) {
		return nil, errors.New("options before the key are not taken")
	}
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256:
		return key, nil
	case ssh.KeyAlgoRSA:
		if k, ok := key.(ssh.CryptoPublicKey); ok {
			if pub, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && pub.N.BitLen() >= minRSABits {
				return key, nil
			}
		}
		return nil, fmt.Errorf("an RSA key of fewer than %d bits", minRSABits)
	}
	return nil, fmt.Errorf("a key of type %.64q", key.Type())
}

// allowedSigners is the file for gpg.ssh.allowedSignersFile, ssh-keygen(1).
func (s signers) allowedSigners() []byte {
	var b strings.Builder
	for i, line := range s.lines {
		fmt.Fprintf(&b, "signer-%d namespaces=\"git\" %s\n", i+1, line)
	}
	return []byte(b.String())
}

func checkSigners(v string) string {
	if _, err := parseSigners(v); err != nil {
		return err.Error()
	}
	return ""
}
