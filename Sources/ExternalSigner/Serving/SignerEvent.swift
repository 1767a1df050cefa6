package import PKI

/// Something that a signer did or refused, for its log.
package struct SignerEvent: Sendable {
    package enum Kind: Sendable {
        /// A signature over octets of this SHA-256.
        case signed(SigningPurpose, messageSHA256: String)
        case made(algorithm: String, spkiSHA256: String)
        case removed(spkiSHA256: String)
        /// - `messageSHA256`: Of what was to be signed; `nil` when nothing was.
        case refused(SignerError, messageSHA256: String?)
    }

    /// The user that asked, as the kernel says.
    package let user: UInt32
    package let process: Int32
    /// The name of the key; `nil` for what was refused before one was named.
    package let key: String?
    package let kind: Kind
}
