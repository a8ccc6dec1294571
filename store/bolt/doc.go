// Package bolt keeps a store in one file, for one process.
//
// It answers: how does one machine keep its records through kill -9, a full disk and
// a power cut, and still take many changes at once? The file is a bbolt database, a
// copy-on-write B+tree: a change writes new pages, syncs them, then writes and syncs
// one of two root pages in turn. Whatever the moment of the crash, one of the two is
// whole. There is nothing to recover.
//
// # Group commit
//
// A commit costs two syncs, whether it carries one change or a hundred. So the
// changes that arrive while one commit is under way share the next. There is no
// background goroutine and no timer: the first caller to arrive leads, runs its own
// function at once and then those of the callers behind it, commits, answers
// everybody, and hands the lead to one of those who have come meanwhile. A lone
// caller therefore never waits for company.
//
// The alternative, bbolt's DB.Batch, starts a timer with the first change and makes
// a lone caller wait it out; without a delay it hardly makes groups at all. And it
// answers a function's error by rolling the whole group back and running everybody
// else again. BenchmarkUpdate has all of them side by side. When this was decided
// (2 cores, fdatasync 0.12 ms), in changes per second:
//
//	                     1 caller   64 callers
//	this package             2500         9600
//	Batch, 10 ms               90         4300
//	Batch, 1 ms               580         9700
//	Batch, no delay          2100         2400
//	Update, no groups        2200         2300
//	two bare fdatasyncs      4400
//
// Where callers have work of their own between their changes, and the processors are busy,
// groups are small although many are about to write: so the leader, when nobody waits any
// more, yields once before it commits. For a server that issues to 64 clients, two changes
// for each certificate, on a disk that syncs at once, this spares a sixth of its processor
// time. Letting it yield until a group is as big as the last one gained nothing more.
//
// Each function runs on its caller's goroutine, so that a panic (or t.FailNow) unwinds
// the caller and nobody else. What a failed function had written is undone key by
// key, and the group goes on.
//
// # When the disk fails
//
// A commit that fails before the root page is written (disk full, say) has stored
// nothing, and the store goes on. If the root page was written but could not be
// synced, nobody knows what a power cut would leave; the kernel does not tell twice,
// so trying again proves nothing. Then Update returns store.ErrUncertain, and the
// store serves nothing more until it is opened again. Open makes a commit of its own
// first, so that what it shows is durable even if the last process died between
// writing and syncing.
package bolt
