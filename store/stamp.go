package store

// Stamp stands for what a table held. Two stamps that are equal and not zero were taken
// of the same content of the same table, in the same open store. Most stamps differ
// because the table has changed; some differ although it has not.
type Stamp struct {
	of     any // what keeps stores apart: comparable
	change uint64
}

// NewStamp is for drivers: change tells the contents of each table of one open store, of,
// apart. of must be comparable.
func NewStamp(of any, change uint64) Stamp { return Stamp{of, change} }

// Stamper is a Reader that tells cheaply whether a table has changed. Drivers may
// implement it; without it, whoever wants to know reads.
type Stamper interface {
	// Stamp returns the stamp of the table as this snapshot shows it, or the zero Stamp
	// where that cannot be told: the table has been written to since the snapshot was
	// taken, or in this very transaction.
	Stamp(table string) Stamp
}

// stampOf is the zero Stamp for a Reader that has none.
func stampOf(r Reader, table string) Stamp {
	if s, ok := r.(Stamper); ok {
		return s.Stamp(table)
	}
	return Stamp{}
}

// Stamp returns the stamp of the table, or the zero Stamp where the driver has none. What
// was worked out from several tables still holds while all their stamps are the same.
func (t Table[T]) Stamp(r Reader) Stamp { return stampOf(r, t.name) }

// IsZero reports whether the stamp says nothing.
func (s Stamp) IsZero() bool { return s == Stamp{} }
