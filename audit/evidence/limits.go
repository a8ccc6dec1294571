package evidence

// Bounds on what is handed in.
const (
	// MaxBytes bounds one file: an hour of screen recording is under a gigabyte. Drafts
	// that name files have the same bound.
	MaxBytes = 1 << 30
	// chunkBytes is what is read at once, and between two looks at the context.
	chunkBytes = 256 << 10
)
