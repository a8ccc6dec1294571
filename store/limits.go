package store

const (
	// MaxKeyBytes bounds a key. PostgreSQL's index entries end at 2704 bytes (a third
	// of a page), table name and header included; bbolt would take 32768.
	MaxKeyBytes = 2560

	// MaxValueBytes bounds a value. Records are a few kilobytes and an envelope is
	// bounded far below this where it comes in; one value of this size already holds
	// up everybody else's commit for about a second. The number is a guess.
	MaxValueBytes = 64 << 20
)
