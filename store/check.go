package store

import (
	"errors"
	"fmt"
	"slices"
)

// Check reads every record of every table and compares records with indexes, both
// ways. The error names what is wrong, of each table at most maxComplaints records and
// one entry of each index, and wraps ErrDamaged or ErrVersion. It takes time in
// proportion to the store.
func Check(r Reader) error {
	var errs []error
	for _, t := range tables {
		errs = append(errs, t.Check(r))
	}
	return errors.Join(errs...)
}

// maxComplaints keeps the report on a ruined table readable.
const maxComplaints = 10

// Check reads every record of the table and compares them with its indexes and tallies. If every
// entry that must be there is, and there are no more entries than that, they agree:
// only else the entries are followed one by one, to name the wrong ones.
func (t Table[T]) Check(r Reader) error {
	var errs []error
	want := map[string]int{} // entries that each index must have
	tallies := map[string]map[string]int{}
	for _, y := range t.tallies {
		tallies[y.name] = map[string]int{}
	}
	if err := r.ScanRaw(t.name, "", "", func(key string, raw []byte) bool {
		rec, err := t.decode(key, raw)
		if err == nil {
			err = t.checkEntries(r, key, rec, want)
			for _, y := range t.tallies {
				if v := y.value(rec); v != "" {
					tallies[y.name][v]++
				}
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
		return len(errs) < maxComplaints
	}); err != nil {
		return fmt.Errorf("scan %s: %w", t.name, err)
	}
	for _, ix := range t.indexes {
		if got, err := t.countEntries(r, ix); err != nil {
			return err
		} else if got != want[ix.name] {
			errs = append(errs, t.firstWrong(r, ix))
		}
	}
	if len(errs) < maxComplaints { // else not every record was counted
		errs = append(errs, t.checkTallies(r, tallies))
	}
	return errors.Join(errs...)
}

// checkEntries looks for each index entry that rec must have, and counts them.
func (t Table[T]) checkEntries(r Reader, key string, rec T, count map[string]int) error {
	for _, ix := range t.indexes {
		values := ix.values(rec)
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			_, err := r.GetRaw(t.indexName(ix.name), v+indexSeparator+key)
			if errors.Is(err, ErrNotFound) {
				return fmt.Errorf("%w: %s %q is missing from index %s", ErrDamaged, t.name, key, ix.name)
			}
			if err != nil {
				return fmt.Errorf("read index %s of %s: %w", ix.name, t.name, err)
			}
			count[ix.name]++
		}
	}
	return nil
}

func (t Table[T]) countEntries(r Reader, ix index[T]) (n int, err error) {
	err = r.ScanRaw(t.indexName(ix.name), "", "", func(string, []byte) bool { n++; return true })
	if err != nil {
		return 0, fmt.Errorf("scan %s by %s: %w", t.name, ix.name, err)
	}
	return n, nil
}

// firstWrong returns what is wrong with the first entry that no record explains.
func (t Table[T]) firstWrong(r Reader, ix index[T]) error {
	for _, err := range t.entries(r, ix.name, "", "", "", t.Get) {
		if err != nil {
			return err
		}
	}
	return nil // all entries are good: some are missing, which their records told
}
