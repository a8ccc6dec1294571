package store

import (
	"errors"
	"fmt"
	"iter"
)

// tally counts the records of a table by a value made of them. It is to a list of a
// million what an index is to a search: a page of sums reads some counts, and no record.
// Put, Insert and Delete keep it in step, as they do indexes.
type tally[T any] struct {
	name  string
	value func(T) string // "": not counted
}

// Tallied is how many records have a value.
type Tallied struct {
	Value string
	Count int
}

// count is the record of a tally, in the table <table>_n_<tally>, under the value.
type count struct {
	N int `json:"n"`
}

// Tally yields the counts of a tally whose value begins with prefix and is greater than
// after, in the values' order. The sequence ends after the first error.
func (t Table[T]) Tally(r Reader, name, prefix, after string) iter.Seq2[Tallied, error] {
	return func(yield func(Tallied, error) bool) {
		stopped := false
		err := r.ScanRaw(t.tallyName(name), prefix, after, func(value string, raw []byte) bool {
			c, err := unseal[count](raw)
			if err != nil {
				err = fmt.Errorf("decode tally %s of %s %q: %w", name, t.name, value, err)
			}
			stopped = !yield(Tallied{value, c.N}, err) || err != nil
			return !stopped
		})
		if err != nil && !stopped {
			yield(Tallied{}, fmt.Errorf("scan tally %s of %s: %w", name, t.name, err))
		}
	}
}

func (t Table[T]) tallyName(name string) string { return t.name + "_n_" + name }

// recount brings the tallies in step with a record that was old and is now rec; nil: it
// was not, or is no more, there.
func (t Table[T]) recount(tx Tx, old, rec *T) error {
	for _, y := range t.tallies {
		var before, now string
		if old != nil {
			before = y.value(*old)
		}
		if rec != nil {
			now = y.value(*rec)
		}
		if before == now {
			continue
		}
		for value, by := range map[string]int{before: -1, now: +1} {
			if err := t.bump(tx, y.name, value, by); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t Table[T]) bump(tx Tx, name, value string, by int) error {
	if value == "" {
		return nil
	}
	raw, err := tx.GetRaw(t.tallyName(name), value)
	var c count
	if err == nil {
		c, err = unseal[count](raw)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("tally %s of %s %q: %w", name, t.name, value, err)
	}
	if c.N += by; c.N < 0 {
		return fmt.Errorf("%w: tally %s of %s %q counts fewer than there are", ErrDamaged, name, t.name, value)
	}
	if c.N == 0 {
		err = tx.DeleteRaw(t.tallyName(name), value)
	} else if raw, err = seal(c); err == nil {
		err = tx.PutRaw(t.tallyName(name), value, raw)
	}
	if err != nil {
		return fmt.Errorf("tally %s of %s %q: %w", name, t.name, value, err)
	}
	return nil
}

// checkTallies holds the tallies against what they were counted to be.
func (t Table[T]) checkTallies(r Reader, want map[string]map[string]int) error {
	var errs []error
	for _, y := range t.tallies {
		left := want[y.name]
		for got, err := range t.Tally(r, y.name, "", "") {
			if err != nil {
				return err
			}
			if got.Count != left[got.Value] && len(errs) < maxComplaints {
				errs = append(errs, fmt.Errorf("%w: tally %s of %s says %d for %q, there are %d", ErrDamaged, y.name, t.name, got.Count, got.Value, left[got.Value]))
			}
			delete(left, got.Value)
		}
		for value, n := range left {
			if len(errs) < maxComplaints {
				errs = append(errs, fmt.Errorf("%w: tally %s of %s says nothing for %q, there are %d", ErrDamaged, y.name, t.name, value, n))
			}
		}
	}
	return errors.Join(errs...)
}
