// Package release answers: who of a vendor may have a product signed, when, how often,
// and who else must agree?
//
// # Policies
//
// A store.SigningPolicy is about one product of one vendor. It is set by the vendor and
// only narrows: what it permits still has to pass the gate of package sign, which knows
// nothing of it. Without a policy every person of the vendor may have the product signed,
// and a machine what its own record names.
//
//	roles      signer, approver, admin; with any named, nobody else is any of these
//	approvals  how many approvers must agree to one signature, the requester left out
//	windows    times of the week, and days on which nothing is signed, in one time zone
//	limits     signatures in any 60 minutes and in any 24 hours
//	rules      conditions in CEL, which the gate asks beside its own
//
// # Approvals
//
// An approval covers exactly the digest, product, format, mode and certificate that it
// names, for a while, for a number of signatures (one, if nothing else is said). Who
// agreed is counted when the signature is made, under the policy of that moment: whoever
// has lost the role or the account since does not count. The count, the limits and the
// signature's record are one transaction, so two signatures never share one use.
//
// # Changing a policy
//
// The first policy of a product may be set by any person of the vendor or by an officer.
// Another takes its place once as many of the vendor's admins and approvers have agreed
// as the present one wants approvals (one at least), so that nobody alone can lower it.
// Two officers together can do it as well, for a vendor whose people are gone. Each
// change is in the log.
//
// # Second factor
//
// Where a policy wants one, a vote counts only with a signature over a text that says
// what is voted on, made with a key registered for that person and confirmed by an
// officer (SecondFactor). Here that is a key of OpenSSH, which may be in hardware.
//
// Refusals are *sign.Refusal: CodeRole, CodeWindow, CodeLimit, CodeApproval, CodeFactor,
// CodePolicy.
package release
