package format

import "io"

// readPart reads n bytes at an offset of a file of size bytes.
func readPart(r io.ReaderAt, offset, n, size int64) ([]byte, error) {
	if offset < 0 || n < 0 || offset > size || n > size-offset {
		return nil, refuse(Truncated, offset, "%d bytes, file of %d", n, size)
	}
	b := make([]byte, n)
	return b, readFullAt(r, b, offset)
}

// copyPart copies the bytes from one offset to another.
func copyPart(w io.Writer, r io.ReaderAt, from, to int64) error {
	if to < from {
		return refuse(BadHeader, from, "a part that ends before it begins, at byte %d", to)
	}
	// The structs hide methods by which the two would choose another buffer.
	in, out := struct{ io.Reader }{io.NewSectionReader(r, from, to-from)}, struct{ io.Writer }{w}
	n, err := io.CopyBuffer(out, in, make([]byte, min(copyBufferBytes, to-from+1)))
	if err == nil && n != to-from {
		err = refuse(Changed, from+n, "file became shorter while being read")
	}
	return err
}
