// Package oci answers: which bytes of an OCI image layout does a Notary Project
// signature cover, where does it sit, and does it hold?
//
// # The layout
//
// An image or another artefact lies in a folder, as OCI's image layout 1.0.0 has it:
// oci-layout, index.json, blobs/sha256/<64 hex>. No registry takes part. What is signed
// is a manifest, named by its descriptor: media type, SHA-256, size. A manifest names
// everything else by digest, so its digest is the one that evidence is about.
//
// A Reference names a manifest: DIR, DIR:TAG or DIR@sha256:HEX. Without tag and digest
// the layout must hold one artefact only. A tag that two entries of index.json give to
// different manifests names neither, also where only containerd takes it for that tag.
//
// # What is checked before anything is believed
//
// Every blob is read once and held against its descriptor, size and SHA-256; another
// digest algorithm is refused. A manifest must be what its descriptor says it is: a
// media type inside that differs is refused, and so are an image that also lists
// manifests and an index that also lists layers, since two readers could take the same
// bytes for two things. JSON with a name twice, in any letter case, is refused for the
// same reason; so is a name of the specification in other letters. Check goes down to the
// last layer: all of them must be there. A list that "docker save" has put beside index.json
// must name nothing else, since "docker load" goes by that one.
//
// # The signature
//
// A JWS in the flattened JSON serialization, RFC 7515 §7.2.2, application/jose+json:
//
//	payload    {"targetArtifact":{"mediaType":…,"digest":"sha256:…","size":…}}
//	protected  alg, cty application/vnd.cncf.notary.payload.v1+json,
//	           crit ["io.cncf.notary.signingScheme"], io.cncf.notary.signingScheme notary.x509,
//	           io.cncf.notary.signingTime, x5t#S256, RFC 7515 §4.1.8,
//	           and in a provisional signature com.github.hallmark-pki.confirmBy
//	header     x5c, io.cncf.notary.timestampSignature, io.cncf.notary.signingAgent,
//	           com.github.hallmark-pki.staple
//	signature  ES256/384/512 by the key's curve, PS384 for RSA-3072, PS512 for RSA-4096
//
// x5c is the signer's certificate and each issuer's with the self-signed root at the
// end, as the Notary Project wants it. Nothing in header is signed: x5t#S256 binds the
// certificate, and the staple (package ext) brings its own proofs. A JWS with other
// members, or without x5t#S256, is one of somebody else and does not pass here.
//
// # Where it sits
//
// The JWS is the only layer of an image manifest whose config has the media type
// application/vnd.cncf.notary.signature and whose subject is the descriptor above: a
// referrer as OCI 1.1 knows it. That manifest is listed in index.json, and in the image
// index tagged sha256-<64 hex of the subject>, by which tools without referrers find it.
//
// # Limits
//
// A manifest or index has at most 4 MiB, a tree at most 4,096 blobs three levels deep;
// 64 signatures of an artefact are looked at, of 8 MiB together. Memory does not grow with a
// layer's size.
package oci
