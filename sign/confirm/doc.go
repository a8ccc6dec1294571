// Package confirm answers: what becomes of a signature that was given out before all
// evidence was there?
//
// A provisional signature (sign.Provisional) has a certificate of its own and says itself
// until when it will have been settled. The Reconciler settles it:
//
//   - the evidence has come, and the gate says yes to everything: it is confirmed, and a
//     verification summary with all levels is filed in the vendor's repository;
//   - a rebuilder of the audited scope contradicts it, or its time is over: its certificate
//     is revoked, counting from the moment of the signature, without a human. A summary
//     that says FAILED is filed, webhooks are told, and an incident says why.
//
// A contradiction also counts while the vendor is suspended or an assessment is not in
// force, when nothing is confirmed.
//
// The certificate is for that build alone, so no other signature is touched. Where somebody
// else has revoked it, and from a later moment on, that is made good at once.
//
// # What people can do
//
// Two officers together can hold a revocation, for a while (Hold). When
// Storm.Revocations of one vendor's signatures have happened by themselves within
// Storm.Within, its next ones wait for an officer, for Storm.Wait at most (the storm brake),
// and when several times as many of all vendors', everybody's next ones do: a rebuilder that
// is broken should not take everything back, and one vendor's storm should not keep the
// others' false builds alive. What is held stays provisional for everybody who asks:
// nothing but evidence confirms. When the time of a hold or of the brake is over, the
// revocation happens.
//
// # Crashes
//
// Each step is one transaction. The one that revokes holds the revocation, its log entry,
// the incident, the notice and the summary to be filed; the one that confirms holds the
// summary. What follows it, the lists and the filing, is done again after a crash until it
// is done (Sweep), and doing it twice changes nothing.
//
// # The clock
//
// A deadline counts by the clock of the timestamping authority, which gives no time when
// it has jumped or time sources say that it is wrong: then nothing is revoked for being
// late, and contradictions still are.
package confirm
