import EmbeddedCA
import PKI
import Synchronization

/// Decides on requests and fulfils them. Blocks; many may ask at once.
final class SignerDesk: Sendable {
    private let keys: KeyFolder
    private let makesKeys: Bool
    private let ceilings = Mutex<[SignerKeyName: SignatureCeiling]>([:])
    private let start = ContinuousClock.now

    init(keys: KeyFolder, makesKeys: Bool) {
        self.keys = keys
        self.makesKeys = makesKeys
    }

    func answer(_ request: SignerRequest) -> (reply: SignerReply, told: SignerEvent.Kind?) {
        do throws(SignerError) {
            switch request {
            case .describe(let name):
                let key = try keys.key(name)
                let purposes = try keys.policy(name).purposes
                return (.key(DescribedKey(publicKey: key.publicKey, purposes: purposes, isNew: false)), nil)
            case .obtain(let name, let spec, let purposes):
                let (key, isNew) = try keys.obtain(name, spec, purposes, mayMake: makesKeys)
                let described = DescribedKey(
                    publicKey: key.publicKey, purposes: try keys.policy(name).purposes, isNew: isNew)
                return (
                    .key(described),
                    isNew ? .made(algorithm: key.publicKey.name, spkiSHA256: key.publicKey.spkiSHA256) : nil
                )
            case .remove(let name):
                let (key, purposes) = try remove(name)
                return (
                    .key(DescribedKey(publicKey: key, purposes: purposes, isNew: false)),
                    .removed(spkiSHA256: key.spkiSHA256)
                )
            case .sign(let name, let purpose, let algorithm, let message):
                return try sign(name, purpose, algorithm, message)
            }
        } catch {
            return (.refusal(error), .refused(error, messageSHA256: request.messageSHA256))
        }
    }

    /// Whoever asks may be whom the keys are kept from: it can do away with what signs answers, and with no authority.
    private func remove(
        _ name: SignerKeyName
    ) throws(SignerError) -> (key: SubjectPublicKey, purposes: SigningPurposes) {
        let key = try keys.key(name).publicKey
        let purposes = try keys.policy(name).purposes
        guard purposes == .responder else {
            throw .permission("the key \(name) is no OCSP responder's; only the operator of the signer removes it")
        }
        try keys.remove(name)
        return (key, purposes)
    }

    private func sign(
        _ name: SignerKeyName, _ purpose: SigningPurpose, _ algorithm: SignatureAlgorithm, _ message: [UInt8]
    ) throws(SignerError) -> (reply: SignerReply, told: SignerEvent.Kind?) {
        let key = try keys.key(name)
        let policy = try keys.policy(name)
        guard policy.purposes.allows(purpose) else {
            throw .rule(
                .purposes,
                "the policy of the key \(name) allows \(policy.purposes.names.joined(separator: ", ")), and not \(purpose.rawValue)"
            )
        }
        let order = try judge(message, purpose, algorithm, by: policy, name)
        if let limit = policy.signaturesPerMinute {
            let second = start.duration(to: .now).components.seconds
            guard ceilings.withLock({ $0[name, default: SignatureCeiling()].admit(at: second, limit: limit) }) else {
                throw .transient("the key \(name) made the \(limit) signatures that its policy allows in a minute")
            }
        }
        do throws(KeyError) {
            let signature = try key.sign(order.message, algorithm: order.algorithm)
            return (.signature(signature), .signed(purpose, messageSHA256: order.messageSHA256))
        } catch {
            throw .unsupported(error.description)
        }
    }

    /// Whoever asks may be whom the key is kept from: nothing counts but the octets and the policy.
    private func judge(
        _ message: [UInt8], _ purpose: SigningPurpose, _ algorithm: SignatureAlgorithm, by policy: KeyPolicy,
        _ name: SignerKeyName
    ) throws(SignerError) -> SigningOrder {
        let permit: ReceivedPermit
        do throws(ReceivedStructureError) {
            permit = try ReceivedPermit(message, for: purpose, algorithm: algorithm)
        } catch {
            throw .rule(.structure, "the octets to be signed as \(purpose.rawValue) \(error)")
        }
        if let broken = policy.violation(by: permit.structure, for: purpose, at: keys.now) {
            throw .rule(broken.rule, "the policy of the key \(name) for \(purpose.rawValue): \(broken.reason)")
        }
        return permit.order()
    }
}
