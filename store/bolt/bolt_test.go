package bolt

import (
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/store/storetest"
)

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Driver { return openTest(t) })
	storetest.RunDurable(t, func(t *testing.T, dir string) storetest.Driver {
		d, err := Open(filepath.Join(dir, "hallmark.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}
