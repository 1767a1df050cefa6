import Domain
import EmbeddedCA
import IssuerConnectors
import PKI
import Query
import Store

/// Makes, finds and destroys the keys of CAs.
struct CAKeys: Sendable {
    /// A key that was made for one CA and is its alone.
    struct Made: Sendable {
        let signer: any Signer
        let key: AuthorityKey
        /// Where it goes when it is sealed in the database.
        let databaseID: CAKeyID
        let driver: String
    }

    let keeper: AuthorityKeeper
    let authorities: AuthorityAccess

    /// A new key. One in the database is stored by ``keep(_:in:)``.
    func make(_ spec: KeySpec, in place: CAPlan.KeyPlace) async throws -> Made {
        let id = CAKeyID(generatedAt: keeper.time.now, random: keeper.random)
        switch place {
        case .database:
            let key: PrivateKey
            do throws(SignerError) {
                key = try await SigningExecutor.computing.generate(spec)
            } catch {
                throw Self.refused(error)
            }
            return made(InProcessSigner(key: key), .sealed(key), id, place.driver)
        case .held(let wanted):
            let obtained: ObtainedKey
            do throws(SignerError) {
                obtained = try await authorities.keys.obtain(spec, at: wanted)
            } catch {
                throw Self.refused(error)
            }
            guard obtained.isNew else {
                throw ServiceError(
                    .alreadyExists, "there is a key \(wanted.ref) already; each CA has a key of its own",
                    problems: [
                        FieldProblem(pointer: "/key_driver_id", code: "taken", detail: "choose another name")
                    ])
            }
            let reference = KeyReference(driver: wanted.driver, ref: obtained.ref)
            return made(obtained.signer, .held(reference), id, place.driver)
        }
    }

    private func made(_ signer: any Signer, _ key: AuthorityKey, _ id: CAKeyID, _ driver: String) -> Made {
        Made(
            signer: authorities.observed(signer, driver), key: key, databaseID: id,
            driver: driver)
    }

    private static func refused(_ error: SignerError) -> ServiceError {
        if case .transient = error {
            return ServiceError(.unavailable, "the key of the CA can't be made now: \(error)", retryAfter: .seconds(30))
        }
        return ServiceError(
            .unprocessable, "the key of the CA can't be made: \(error)",
            problems: [FieldProblem(pointer: "/key_driver_id", code: "unusable_key", detail: error.description)])
    }

    /// Puts a made key where a crash can't lose it, before anything is signed for it.
    func keep(_ made: Made, in tx: any Transaction) throws -> KeyReference {
        try keeper.keep(made.key, as: made.databaseID, in: tx)
    }

    /// Removes a key that no CA came of.
    ///
    /// A commit whose answer was lost may have made the CA all the same: only where the database says that there is none
    /// does the key go. What cannot be removed now stays unused; its making is in the audit trail.
    func abandon(_ made: Made, of id: AuthorityID) async {
        switch made.key {
        case .sealed:
            _ = try? await keeper.database.write { tx in
                guard try IntermediateCAStore().find(id, in: tx) == nil else { return false }
                return try SealedKeyStore().delete(made.databaseID, in: tx)
            }
        case .held(let reference):
            let isUnused = try? await keeper.database.read { tx in
                try IntermediateCAStore().find(id, in: tx) == nil
            }
            guard isUnused == true else { return }
            try? await authorities.keys.discard(reference)
        }
    }

    /// Destroys a key of a driver that was made for a CA. False when it is still there.
    func destroy(_ reference: KeyReference) async throws -> Bool {
        do {
            try await authorities.keys.discard(reference)
            return true
        } catch .keyNotFound {
            return true
        } catch .transient(let reason) {
            throw ServiceError(.unavailable, "the key \(reference.ref) can't be destroyed now: \(reason)")
        } catch {
            return false
        }
    }
}
