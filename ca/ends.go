package ca

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// ListEnds returns until when the lists of the roots in force and of the timestamping CAs
// hold, by issuer: those that a ceremony renews.
func (h *Hierarchy) ListEnds() (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for name, der := range h.crls {
		if slices.Contains(h.manifest.Retired, name) {
			continue
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("list of %s: %w", name, err)
		}
		out[name] = list.NextUpdate
	}
	return out, nil
}

// Superseded reports whether a CA or authority issues nothing more: an older generation, or
// a retired root.
func (h *Hierarchy) Superseded(name string) bool {
	m := h.manifest
	if slices.Contains(m.Retired, name) {
		return true
	}
	for _, id := range m.issuers() {
		if id.name == name {
			return !id.current
		}
	}
	for _, of := range []string{nameTimestamping, nameTSA} {
		if slices.Contains(m.generations(of), name) {
			return name != m.newest(of)
		}
	}
	return false
}
