package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// recordVersion is the version every record is written with today. A reader
// refuses a greater one instead of guessing what its fields mean.
const recordVersion = 1

// formatVersion is the version of the layout: tables, keys, indexes and envelope.
const formatVersion = 1

// Where a driver keeps the layout's version.
const (
	FormatTable = "meta"
	FormatKey   = "format"
)

// envelope is the outside of every value.
type envelope struct {
	Version int             `json:"v"`
	Data    json.RawMessage `json:"d"`
}

// format is the record under FormatKey.
type format struct {
	Format int `json:"format"`
}

// MarshalFormat returns the record that a driver puts under FormatTable and
// FormatKey when it creates a store.
func MarshalFormat() []byte {
	raw, err := seal(format{formatVersion})
	if err != nil {
		panic("store: format record does not encode: " + err.Error()) // two integers
	}
	return raw
}

// CheckFormat reads the record of MarshalFormat. It returns an error that wraps
// ErrVersion for a store that a later release wrote, and ErrDamaged for nonsense.
func CheckFormat(raw []byte) error {
	f, err := unseal[format](raw)
	if err != nil {
		return fmt.Errorf("read format: %w", err)
	}
	if f.Format > formatVersion {
		return fmt.Errorf("read format: %w: format %d, this program knows %d", ErrVersion, f.Format, formatVersion)
	}
	if f.Format < 1 {
		return fmt.Errorf("read format: %w: format %d", ErrDamaged, f.Format)
	}
	return nil
}

func seal(rec any) ([]byte, error) {
	if raw, ok := sealPlain(rec); ok {
		return raw, nil
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte(sealBegin), data, []byte(sealEnd)), nil
}

// What seal writes around a record's JSON: envelope{recordVersion, data}.
const (
	sealBegin = `{"v":1,"d":`
	sealEnd   = `}`
)

func unseal[T any](raw []byte) (T, error) {
	var zero, rec T
	// What seal wrote is read in one pass; anything else, such as a member after d, is
	// no JSON value between begin and end and goes the long way.
	if inner, ok := bytes.CutPrefix(raw, []byte(sealBegin)); ok && bytes.HasSuffix(inner, []byte(sealEnd)) {
		inner = inner[:len(inner)-len(sealEnd)]
		if unsealPlain(inner, &rec) {
			return rec, nil
		}
		rec = zero
		if json.Unmarshal(inner, &rec) == nil {
			return rec, nil
		}
		rec = zero
	}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return zero, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if e.Version > recordVersion {
		return zero, fmt.Errorf("%w: record version %d, this program knows %d", ErrVersion, e.Version, recordVersion)
	}
	if e.Version != recordVersion {
		return zero, fmt.Errorf("%w: record version %d", ErrDamaged, e.Version)
	}
	if err := json.Unmarshal(e.Data, &rec); err != nil {
		return zero, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return rec, nil
}
