package keys

import (
	"bytes"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Attributes of a PKCS #11 URI, RFC 7512 §2.3 and §2.4.
const (
	attrToken        = "token"
	attrManufacturer = "manufacturer"
	attrModel        = "model"
	attrSerial       = "serial"
	attrSlotID       = "slot-id"
	attrObject       = "object"
	attrID           = "id"
	attrType         = "type"
	attrModulePath   = "module-path"
	attrPINSource    = "pin-source"
	attrPINValue     = "pin-value"
)

// pathAttributes say which token and key, queryAttributes how to get at them.
func pathAttributes() []string {
	return []string{attrToken, attrManufacturer, attrModel, attrSerial, attrSlotID, attrObject, attrID, attrType}
}

func queryAttributes() []string { return []string{attrModulePath, attrPINSource, attrPINValue} }

// pkcs11URI is a PKCS #11 URI taken apart. An attribute that is not given is empty:
// an empty value is refused when it is read.
type pkcs11URI struct {
	token, manufacturer, model, serial string
	slotID                             string // decimal
	object                             string
	id                                 []byte
	modulePath                         string
	pinSource, pinValue                string
}

// parseURI reads a PKCS #11 URI strictly. go.step.sm/crypto's reader would do, but it
// takes "+" for a space, ignores what it does not know and the second of two values,
// and reads an id of "3031" as text or as hex, whichever works.
func parseURI(raw string) (pkcs11URI, error) {
	bad := func(format string, args ...any) (pkcs11URI, error) {
		return pkcs11URI{}, refuse(BadURI, Redact(raw), format, args...)
	}
	scheme, rest := splitScheme(raw)
	if scheme != schemePKCS11 || len(raw) > maxURI {
		return bad("not a pkcs11: URI of at most %d bytes", maxURI)
	}
	path, query, asked := strings.Cut(rest, "?")
	if strings.Contains(raw, "#") {
		return bad("it has a fragment; write %%23 in values")
	}
	var u pkcs11URI
	seen := make(map[string]bool)
	read := func(list, separator string, allowed []string) error {
		for _, a := range strings.Split(list, separator) {
			name, value, ok := strings.Cut(a, "=")
			switch {
			case !ok:
				return refuse(BadURI, Redact(raw), "an attribute without a value: name=value, separated by %q, is wanted", separator)
			case !slices.Contains(allowed, name):
				return refuse(BadURI, Redact(raw), "unknown attribute %s here; known are %s", quote(name), strings.Join(allowed, ", "))
			case seen[name]:
				return refuse(BadURI, Redact(raw), "%s is given twice", name)
			case name != attrPINValue && strings.Contains(strings.ToLower(value), attrPINValue+"="):
				// As a value it would be told to whoever reads that there is no such token or file.
				return refuse(BadURI, Redact(raw), "%s: pin-value stands in it; attributes are separated by ; and, behind the one question mark, by &", name)
			}
			seen[name] = true
			if problem := u.set(name, value); problem != "" {
				return refuse(BadURI, Redact(raw), "%s: %s", name, problem)
			}
		}
		return nil
	}
	if path != "" {
		if err := read(path, ";", append(pathAttributes(), queryAttributes()...)); err != nil {
			return pkcs11URI{}, err
		}
	}
	if strings.Contains(query, ";") {
		return bad("behind the question mark, attributes are separated by &; write %%3B in values")
	}
	if asked {
		if err := read(query, "&", queryAttributes()); err != nil {
			return pkcs11URI{}, err
		}
	}
	if u.pinSource != "" && u.pinValue != "" {
		return bad("it has both pin-source and pin-value")
	}
	return u, nil
}

// set returns what is wrong with the value; empty: nothing.
func (u *pkcs11URI) set(name, value string) (problem string) {
	if name == attrID {
		u.id, problem = parseID(value)
		return problem
	}
	text, err := url.PathUnescape(value)
	switch {
	case err != nil:
		return "a percent sign without two hex digits"
	case text == "":
		return "empty"
	case strings.ContainsRune(text, 0):
		return "a zero byte" // it would end the text early for a C library
	}
	switch name {
	case attrType:
		if text != "private" {
			return "a private key is wanted"
		}
		return ""
	case attrSlotID:
		if n, err := strconv.ParseUint(text, 10, 32); err != nil || strconv.FormatUint(n, 10) != text {
			return "not a decimal number"
		}
	}
	*u.field(name) = text
	return ""
}

// field returns where an attribute that is plain text is kept.
func (u *pkcs11URI) field(name string) *string {
	return map[string]*string{
		attrToken: &u.token, attrManufacturer: &u.manufacturer, attrModel: &u.model, attrSerial: &u.serial, attrSlotID: &u.slotID,
		attrObject: &u.object, attrModulePath: &u.modulePath, attrPINSource: &u.pinSource, attrPINValue: &u.pinValue,
	}[name]
}

// parseID reads CKA_ID: percent-encoded bytes as RFC 7512 §2.3 has it, or plain hex.
// Read by the letter of the RFC, "id=01" would be the two characters 0 and 1, which
// nobody means who copies what pkcs11-tool prints.
func parseID(value string) (id []byte, problem string) {
	switch {
	case value == "":
		return nil, "empty"
	case strings.Contains(value, "%"):
		text, err := url.PathUnescape(value)
		if err != nil {
			return nil, "a percent sign without two hex digits"
		}
		return []byte(text), ""
	}
	id, err := hex.DecodeString(value)
	if err != nil {
		return nil, "neither percent-encoded (%01%a2) nor hex (01a2)"
	}
	return id, ""
}

// String writes the URI, with the PIN if it has one.
func (u pkcs11URI) String() string {
	var path, query []string
	for _, name := range pathAttributes() {
		switch {
		case name == attrType:
		case name == attrID && len(u.id) > 0:
			path = append(path, "id="+escapeAll(u.id))
		case name != attrID && *u.field(name) != "":
			path = append(path, name+"="+escape(*u.field(name), ""))
		}
	}
	for _, name := range queryAttributes() {
		if value := *u.field(name); value != "" {
			query = append(query, name+"="+escape(value, "/:"))
		}
	}
	out := schemePKCS11 + ":" + strings.Join(path, ";")
	if len(query) > 0 {
		out += "?" + strings.Join(query, "&")
	}
	return out
}

const upperHex = "0123456789ABCDEF"

func escapeAll(raw []byte) string {
	var out bytes.Buffer
	for _, c := range raw {
		out.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
	}
	return out.String()
}

// escape leaves RFC 3986's unreserved characters alone, and those of also.
func escape(text, also string) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	var out strings.Builder
	for _, c := range []byte(text) {
		if strings.IndexByte(unreserved, c) >= 0 || strings.IndexByte(also, c) >= 0 {
			out.WriteByte(c)
		} else {
			out.WriteString(escapeAll([]byte{c}))
		}
	}
	return out.String()
}
