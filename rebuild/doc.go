// Package rebuild has builds repeated by others: who is asked, who works on what, and
// whose answer counts?
//
// A Queue keeps one job for each artifact and rebuilder, on record, so that a restart
// loses none. Rebuilders are the ones that the scope of an assessment in force names, by
// id and operator; they ask for work (Claim), say now and then that they are still at it
// (Heartbeat), and hand in what came of it (Outcome): a DSSE envelope signed with their
// key of that scope, about that job, that artifact, that commit. It is filed in the
// vendor's attestation repository before the job is marked as done, and from there the
// signing gate reads it. Nothing else that a rebuilder says has any effect.
//
// # The life of a job
//
//	          Claim            Outcome
//	queued ─────────▶ claimed ─────────▶ done
//	   ▲                 │ lease ran out: given again, after a pause
//	   └── asked again ──┴──▶ failed: given out maxTries times, or nobody may any more,
//	                          or nobody came within maxAge
//
// Vendors take turns at each rebuilder: one that has ten thousand jobs waiting delays
// another's only one by a job. Whose turn it is, is on record.
//
// What is done or failed may be asked for anew, if it neither confirmed nor
// contradicted. An outcome that comes after the lease, or after the job was given up,
// counts all the same: a proof is not worse for being late.
//
// # What survives
//
// Enqueue writes in its caller's transaction; Claim, Heartbeat and Outcome return when
// their change is durable. A crash between the filing of an outcome and the end of its
// job leaves the job with its rebuilder, which hands the outcome in once more: what is
// filed already is left alone. Any number of processes may run a Queue on one store.
package rebuild
