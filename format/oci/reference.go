package oci

import (
	"strings"
)

// Reference names an artefact in a layout on disk.
type Reference struct {
	Dir    string
	Tag    string // "" when the digest, or nothing, is named
	Digest string // "sha256:" and 64 lower-case hex, or ""
}

// ParseReference reads DIR, DIR:TAG or DIR@sha256:HEX. A colon before the last slash
// belongs to the folder's name. It does not look at the disk.
func ParseReference(s string) (Reference, error) {
	if dir, digest, ok := strings.Cut(s, "@"); ok {
		if dir == "" {
			return Reference{}, refuse(BadReference, "%.80q names no folder", s)
		}
		if err := checkDigest(digest); err != nil {
			return Reference{}, err
		}
		return Reference{Dir: dir, Digest: digest}, nil
	}
	at := strings.LastIndex(s, ":")
	if at < 0 || strings.Contains(s[at:], "/") {
		if s == "" {
			return Reference{}, refuse(BadReference, "it is empty")
		}
		return Reference{Dir: s}, nil
	}
	ref := Reference{Dir: s[:at], Tag: s[at+1:]}
	if ref.Dir == "" || !isTag(ref.Tag) {
		return Reference{}, refuse(BadReference, "%.80q: want DIR, DIR:TAG or DIR@sha256:HEX", s)
	}
	return ref, nil
}

// String is what ParseReference reads.
func (r Reference) String() string {
	switch {
	case r.Digest != "":
		return r.Dir + "@" + r.Digest
	case r.Tag != "":
		return r.Dir + ":" + r.Tag
	}
	return r.Dir
}

// isTag follows OCI distribution-spec 1.1: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func isTag(s string) bool {
	const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return s != "" && len(s) <= 128 && strings.Contains(first, s[:1]) && strings.Trim(s, first+".-") == ""
}
