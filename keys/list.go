package keys

import (
	"context"
	"strings"
)

// Listed is a key that List found, or a token without visible keys.
type Listed struct {
	URI     string `json:"uri"`            // what to give Open; of a token without keys, what names the token
	Kind    string `json:"kind"`           // "ECDSA P-256", "RSA 3072"; empty: no key
	Comment string `json:"comment"`        // the agent's comment, or the token's label
	Problem string `json:"note,omitempty"` // why Open would refuse it, or what else is to know
}

// List says which keys there are. uri is a URI for Open with as much left out as one
// likes: "ssh-agent:" lists all keys of the agent, "pkcs11:?module-path=…" the tokens
// of a module and their keys, and each attribute more narrows that down. Without a PIN
// in the URI nobody logs in, and tokens show the public halves alone; Options.PIN is
// not called.
func List(ctx context.Context, uri string, o Options) ([]Listed, error) {
	scheme, rest := splitScheme(uri)
	switch {
	case scheme == schemePKCS11:
		return listPKCS11(ctx, uri)
	case scheme == schemeAgent && rest == "":
		return listAgent(ctx, uri, o)
	}
	return nil, refuse(BadURI, Redact(uri), "pkcs11:?module-path=… or ssh-agent: is wanted")
}

func listAgent(ctx context.Context, uri string, o Options) ([]Listed, error) {
	a, err := dialAgent(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	defer a.conn.Close()
	all := []Listed{}
	for _, k := range a.keys {
		one := Listed{URI: schemeAgent + ":" + k.fingerprint, Comment: k.comment, Problem: k.unusable}
		switch {
		case k.public != nil:
			one.Kind = Kind(k.public)
		case k.ssh != nil:
			one.Kind = k.ssh.Type()
		}
		all = append(all, one)
	}
	return all, nil
}

// OneLine is text from a token or an agent made safe to print in a table: what could
// move the cursor or break the line is escaped.
func OneLine(text string) string {
	if quoted := quote(text); strings.HasPrefix(quoted, `"`) && text != "" {
		return quoted
	}
	return text
}
