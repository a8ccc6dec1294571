package store

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// indexSeparator stands between an indexed value and the key of its record. It may
// occur in neither and sorts before whatever may, so that one value is never
// another's prefix and entries sort by value first.
const indexSeparator = "\x1f"

// TimeKey renders t so that byte order is time order, to the second, for the years
// 0 to 9999.
func TimeKey(t time.Time) string { return t.UTC().Format(timeKey) }

const timeKey = "20060102T150405Z"

// IndexKey renders a place in the log so that byte order is its order.
func IndexKey(n uint64) string { return fmt.Sprintf("%020d", n) }

// CheckKey says whether a driver may store something under key: not empty, at most
// MaxKeyBytes, UTF-8, and no control characters but the separator of indexes. The
// error wraps ErrBadKey. Drivers call it, so that all of them refuse alike.
func CheckKey(table, key string) error {
	if table == "" || len(table) > MaxKeyBytes {
		return fmt.Errorf("table %.80q: %w", table, ErrBadKey)
	}
	if len(key) > MaxKeyBytes {
		return fmt.Errorf("%s %.80q…: %w: more than %d bytes", table, key, ErrBadKey, MaxKeyBytes)
	}
	if !isText(key, indexSeparator[0]) {
		return fmt.Errorf("%s %q: %w", table, key, ErrBadKey)
	}
	return nil
}

// CheckValue refuses what is above MaxValueBytes with an error that wraps ErrTooLarge.
func CheckValue(table, key string, value []byte) error {
	if len(value) > MaxValueBytes {
		return fmt.Errorf("%s %q: %w: %d bytes, the limit is %d", table, key, ErrTooLarge, len(value), MaxValueBytes)
	}
	return nil
}

// isPlain reports whether s may be a key or an indexed value. Invalid UTF-8 is out
// because JSON would replace it, and the record would no longer know its own key.
func isPlain(s string) bool { return isText(s, 0) }

// isText is isPlain, with one control character let through; 0 is none.
func isText(s string, through byte) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && (c != through || c == 0) || c == 0x7f {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}
