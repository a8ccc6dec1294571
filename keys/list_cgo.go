//go:build cgo && !nopkcs11

package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"
)

func listPKCS11(ctx context.Context, uri string) ([]Listed, error) {
	u, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Reason: NoModule, Key: Redact(uri), Err: err}
	}
	var all []Listed
	err = process.with(ctx, uri, u, func(m *module) error {
		all, err = m.list(uri, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sorted(all), nil
}

// list is called within the module.
func (m *module) list(uri string, u pkcs11URI) ([]Listed, error) {
	if u.pinSource != "" || u.pinValue != "" {
		t, err := m.token(uri, u) // one: a PIN is for one token
		if err != nil {
			return nil, err
		}
		return m.listToken(uri, u, t, false)
	}
	tokens, err := m.tokens(uri)
	if err != nil {
		return nil, err
	}
	labels := make(map[string]int)
	for _, t := range tokens {
		labels[t.label]++
	}
	all := []Listed{}
	for _, t := range tokens {
		if !t.matches(u) {
			continue
		}
		some, err := m.listToken(uri, u, t, labels[t.label] > 1)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		_, err := m.token(uri, u) // says what there is
		return nil, err
	}
	return all, nil
}

// sorted puts what a token lists in any order it likes into one that stays.
func sorted(all []Listed) []Listed {
	slices.SortFunc(all, func(a, b Listed) int { return strings.Compare(a.URI, b.URI) })
	return all
}

// listToken lists private keys if the URI has a PIN, and public ones otherwise. Labels
// that several tokens share are made up for by the serial or slot.
func (m *module) listToken(uri string, u pkcs11URI, t token, shared bool) ([]Listed, error) {
	class, note := uint(pkcs11.CKO_PUBLIC_KEY), "public half seen; the private one shows after a login (pin-source)"
	if u.pinSource != "" || u.pinValue != "" || !t.has(pkcs11.CKF_LOGIN_REQUIRED) {
		class, note = pkcs11.CKO_PRIVATE_KEY, ""
		logout, err := m.login(uri, u, t)
		if err != nil {
			return nil, err
		}
		defer logout()
	}
	found, err := m.keys(t.slot, class, u)
	if err != nil {
		return nil, &Error{Reason: NoKey, Key: Redact(uri), Detail: "token " + t.String(), Err: err}
	}
	name := pkcs11URI{token: t.label, modulePath: u.modulePath, pinSource: u.pinSource}
	switch {
	case shared && t.uniqueSerial:
		name.serial = t.serial
	case shared || t.label == "":
		name.slotID = strconv.FormatUint(uint64(t.slot), 10)
	}
	if len(found) == 0 {
		return []Listed{{URI: name.String(), Comment: t.label, Problem: fmt.Sprintf("no key to be seen on this token (%s %s, serial %s)", t.manufacturer, t.model, t.serial)}}, nil
	}
	var all []Listed
	for _, o := range found {
		one := name
		one.object, one.id = o.label, o.id
		listed := Listed{URI: one.String(), Kind: o.kind, Comment: t.label, Problem: note}
		if o.unusable != "" {
			listed.Problem = o.unusable
		}
		all = append(all, listed)
	}
	return all, nil
}

// login logs in for as long as a listing takes, unless a key of this process has the
// token open.
func (m *module) login(uri string, u pkcs11URI, t token) (logout func(), err error) {
	pin, err := findPIN(uri, u, t, Options{})
	if err != nil || pin == "" {
		return func() {}, err
	}
	session, err := m.ctx.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, &Error{Reason: NoToken, Key: Redact(uri), Detail: "open token " + t.String(), Err: err}
	}
	err = m.ctx.Login(session, pkcs11.CKU_USER, pin)
	switch {
	case err == nil:
		return func() { m.ctx.Logout(session); m.ctx.CloseSession(session) }, nil
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		return func() { m.ctx.CloseSession(session) }, nil
	}
	m.ctx.CloseSession(session)
	return nil, loginError(uri, t, err)
}
