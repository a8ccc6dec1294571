// Package recent answers: what did we work out about these very bytes a moment ago?
//
// A server reads the same certificates, keys and files again and again, and most of the
// work on them is a function of their bytes alone: parsing, hashing, verifying under a
// given key. Such results may be kept under those bytes. What depends on anything else,
// as on the time or on what is on record, must not be.
package recent

import "sync"

// Values remembers values by their keys: the Keep latest ones at least, and twice as many
// at most, whatever was asked for last being the last to go. The zero value remembers
// DefaultKeep. It is safe for concurrent use. What it returns is shared: read it only.
type Values[K comparable, V any] struct {
	Keep int // set before first use

	mu         sync.Mutex
	young, old map[K]V
}

// DefaultKeep is how many values are remembered where nothing else is said. A guess: more
// than one machine's vendors use in a minute.
const DefaultKeep = 512

// Get returns what was put under a key, unless it has been forgotten.
func (v *Values[K, V]) Get(key K) (V, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known, ok := v.young[key]; ok {
		return known, true
	}
	known, ok := v.old[key]
	if ok {
		v.put(key, known)
	}
	return known, ok
}

// GetBytes is v.Get for a key that is at hand as bytes; looking it up copies nothing.
func GetBytes[V any](v *Values[string, V], key []byte) (V, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known, ok := v.young[string(key)]; ok {
		return known, true
	}
	known, ok := v.old[string(key)]
	if ok {
		v.put(string(key), known)
	}
	return known, ok
}

// Put remembers a value, instead of any other under that key.
func (v *Values[K, V]) Put(key K, value V) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(key, value)
}

// put drops the older half when the younger is full.
func (v *Values[K, V]) put(key K, value V) {
	keep := v.Keep
	if keep <= 0 {
		keep = DefaultKeep
	}
	if v.young == nil || len(v.young) >= keep {
		v.old, v.young = v.young, map[K]V{}
	}
	v.young[key] = value
}

// Forget drops what is under a key.
func (v *Values[K, V]) Forget(key K) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.young, key)
	delete(v.old, key)
}

// Len is how many values are remembered.
func (v *Values[K, V]) Len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.young) + len(v.old)
}
