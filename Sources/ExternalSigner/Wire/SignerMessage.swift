import EmbeddedCA
import PKI

/// What a server asks of a signer.
enum SignerRequest: Sendable {
    /// The public key of a name, and what it may sign.
    case describe(SignerKeyName)
    /// The same; the key is made when there is none. Without `spec` any kind will do.
    case obtain(SignerKeyName, spec: KeySpec?, purposes: SigningPurposes)
    /// A signature. The whole message is sent, so that the signer sees what it signs.
    case sign(SignerKeyName, purpose: SigningPurpose, algorithm: SignatureAlgorithm, message: [UInt8])

    /// That the key of a responder, which may sign nothing but answers, is forgotten. Answered with what it was.
    case remove(SignerKeyName)

    var name: SignerKeyName {
        switch self {
        case .describe(let name), .obtain(let name, _, _), .sign(let name, _, _, _), .remove(let name): name
        }
    }

    /// Of what is to be signed; `nil` for other requests.
    var messageSHA256: String? {
        guard case .sign(_, _, _, let message) = self else { return nil }
        return SigningOrder.sha256(message)
    }

    var kind: SignerFrame.Kind {
        switch self {
        case .describe: .describe
        case .obtain: .obtain
        case .sign: .sign
        case .remove: .remove
        }
    }

    var body: [UInt8] {
        let name = Array(name.text.utf8)
        return switch self {
        case .describe, .remove: SignerFields.encode([name])
        case .obtain(_, let spec, let purposes):
            SignerFields.encode([
                name, Array((spec?.rawValue ?? "").utf8), Array(purposes.names.joined(separator: ",").utf8),
            ])
        case .sign(_, let purpose, let algorithm, let message):
            SignerFields.encode([name, Array(purpose.rawValue.utf8), algorithm.identifierDER, message])
        }
    }

    init(_ kind: SignerFrame.Kind, body: [UInt8]) throws(SignerFault) {
        var fields = SignerFields(body)
        let name: SignerKeyName
        let text = try fields.text(atMost: SignerKeyName.longest)
        do throws(SignerKeyNameProblem) { name = try SignerKeyName(text) } catch {
            throw .protocolError("the request \(error)")
        }
        switch kind {
        case .describe: self = .describe(name)
        case .remove: self = .remove(name)
        case .obtain:
            let word = try fields.text(atMost: 32)
            let names = try fields.text(atMost: 64).split(separator: ",").map(String.init)
            guard let purposes = SigningPurposes(names: names) else {
                throw .protocolError("the purposes of a key are not among those that keys have")
            }
            let spec = KeySpec(rawValue: word)
            guard spec != nil || word.isEmpty else { throw .protocolError("the kind of key is not known here") }
            self = .obtain(name, spec: spec, purposes: purposes)
        case .sign:
            guard let purpose = SigningPurpose(rawValue: try fields.text(atMost: 16)) else {
                throw .protocolError("the purpose of a signature is not known here")
            }
            let identifier = Array(try fields.next(atMost: 256))
            guard let algorithm = try? SignatureAlgorithm(identifierDER: identifier) else {
                throw .protocolError("the algorithm of a signature is not accepted")
            }
            self = .sign(
                name, purpose: purpose, algorithm: algorithm,
                message: Array(try fields.next(atMost: SignerFrame.longestMessage)))
        case .key, .signature, .refusal: throw .protocolError("an answer came where a request belongs")
        }
        try fields.end()
    }
}

/// What a signer answers.
enum SignerReply: Sendable {
    case key(DescribedKey)
    case signature([UInt8])
    case refusal(SignerError)

    var kind: SignerFrame.Kind {
        switch self {
        case .key: .key
        case .signature: .signature
        case .refusal: .refusal
        }
    }

    var body: [UInt8] {
        switch self {
        case .key(let key):
            SignerFields.encode([
                key.publicKey.spkiDER, Array(key.purposes.names.joined(separator: ",").utf8), [key.isNew ? 1 : 0],
            ])
        case .signature(let signature): SignerFields.encode([signature])
        case .refusal(let error): SignerFields.encode(error.fields)
        }
    }

    init(_ kind: SignerFrame.Kind, body: [UInt8]) throws(SignerFault) {
        var fields = SignerFields(body)
        switch kind {
        case .key:
            let spki = Array(try fields.next(atMost: 16 << 10))
            let names = try fields.text(atMost: 64).split(separator: ",").map(String.init)
            let flag = Array(try fields.next(atMost: 1))
            guard let key = try? SubjectPublicKey(spkiDER: spki), let purposes = SigningPurposes(names: names),
                flag == [0] || flag == [1]
            else { throw .protocolError("the signer describes a key that is none") }
            self = .key(DescribedKey(publicKey: key, purposes: purposes, isNew: flag == [1]))
        case .signature: self = .signature(Array(try fields.next(atMost: 16 << 10)))
        case .refusal: self = .refusal(try SignerError(&fields))
        case .describe, .obtain, .sign, .remove: throw .protocolError("a request came where an answer belongs")
        }
        try fields.end()
    }
}

/// A key of a signing process, as far as anybody else is told of it.
struct DescribedKey: Sendable {
    let publicKey: SubjectPublicKey
    let purposes: SigningPurposes
    /// Whether the request that this answers made it.
    let isNew: Bool
}
