package ledger

import (
	"log/slog"
	"sync"

	"k8s.io/klog/v2"
)

// klogOnce guards klog's sink, which is one for the process: changing it while an
// earlier log's goroutines write to it would be a race.
var klogOnce sync.Once

// quiet sends what tessera says through klog to log instead of stderr.
func quiet(log *slog.Logger) {
	klogOnce.Do(func() {
		if log == nil {
			log = slog.New(slog.DiscardHandler)
		}
		klog.SetSlogLogger(log)
	})
}
