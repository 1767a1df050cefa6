package import Domain
package import Encoding
package import PKI
import Query
package import Sealing
package import Store

/// What a client asks for when it opens an account (RFC 8555 §7.3).
package struct ACMERegistration: Sendable {
    package var contact: [String] = []
    package var agreesToTerms = false
    package var onlyReturnsExisting = false
    package var binding: ACMEBinding?

    package init() {}
}

/// An external account binding whose form was checked, but not yet its code (RFC 8555 §7.3.4).
package struct ACMEBinding: Sendable {
    package let keyID: String
    /// As it was sent.
    package let json: JSONValue
    /// Whether a key made the code.
    package let isMade: @Sendable (Secret) -> Bool

    package init(keyID: String, json: JSONValue, isMade: @escaping @Sendable (Secret) -> Bool) {
        self.keyID = keyID
        self.json = json
        self.isMade = isMade
    }
}

/// Opens, changes and ends accounts (protocol-servers §2.5, §2.6).
package struct ACMEAccountFlow: Sendable {
    let context: LifecycleContext
    private let sealer: Sealer
    let plan: @Sendable () -> ACMEPlan
    let accounts = ACMEAccountStore()
    private let keys = EABKeyStore()
    private let profiles = KnownProfiles()
    private let standings = KnownStandings()

    package init(_ context: LifecycleContext, sealer: Sealer, plan: @escaping @Sendable () -> ACMEPlan) {
        self.context = context
        self.sealer = sealer
        self.plan = plan
    }

    // MARK: Looking

    /// A profile that answers ACME clients, `nil` for one that does not exist or is disabled, and in the same look an account
    /// that a request names; no account where it names none.
    package func profile(
        _ id: ProfileID, with account: ACMEAccountID?
    ) async throws -> (profile: ACMEProfile?, account: ACMEAccount?) {
        try await context.read { tx in
            guard let found = try accounts.find(account, beside: id, in: tx) else { return (nil, nil) }
            guard let profile = try profiles.profile(id, in: found.profile, or: tx) else { return (nil, found.account) }
            if let account = found.account { standings.keep(account, under: profile, in: found.profile) }
            return (profile.enabledOnly, found.account)
        }
    }

    /// An account and its profile as they were when they were read last; `nil` when they were not, or when it could order nothing
    /// then. It counts for a request whose nonce is used up with it (``ACMENonces/redeem(_:while:)``).
    package func standing(of account: ACMEAccountID, under profile: ProfileID) -> ACMEStanding? {
        standings.standing(of: account, under: profile)
    }

    /// Throws for an account that ended and is deleted: what its key signs is answered as before (RFC 8555 §7.3.6).
    package func requireNotGone(_ id: ACMEAccountID, under profile: ProfileID) async throws {
        guard let gone = try await context.read({ tx in try accounts.gone(id, in: tx) }), gone.profileID == profile
        else { return }
        throw Self.ended(as: gone.status)
    }

    package func find(_ id: ACMEAccountID) async throws -> ACMEAccount? {
        try await context.read { tx in try accounts.find(id, in: tx) }
    }

    /// The profiles that accounts of a profile may choose from, their own first; empty where there is no choice.
    ///
    /// One that trusts accounts never stands beside one that demands proofs: what an account has proved would mean nothing.
    package func choices(under profile: ACMEProfile) async throws -> [ACMEProfile] {
        guard !profile.fields.acmeProfiles.isEmpty else { return [] }
        return try await context.read { tx in
            let others = try profile.fields.acmeProfiles.filter { $0 != profile.id }.compactMap { id in
                try ProfileStore().find(id, in: tx)
            }
            return [profile]
                + others.filter { $0.fields.enabled && $0.fields.acmeAuthMode == profile.mode }
                .map { ACMEProfile(id: $0.id, fields: $0.fields) }
        }
    }

    /// Throws for a key that no account may have, such as one that was revoked because somebody else has it.
    package func requireUsable(_ key: SubjectPublicKey) async throws {
        let weakKeys = context.weakKeys
        let refusal = try await context.read { tx in
            try KeyHygiene.refusal(ofAccountKey: key, besides: weakKeys, in: tx)
        }
        guard let refusal else { return }
        throw ACMEProblem(.badPublicKey, refusal.detail)
    }

    // MARK: Opening

    /// The account of a key, opened when there is none.
    package func register(
        _ key: ACMEAccountKey, _ request: ACMERegistration, under profile: ACMEProfile, from origin: RequestOrigin
    ) async throws -> (account: ACMEAccount, isNew: Bool) {
        if let known = try await known(key, profile) { return (known, false) }
        guard !request.onlyReturnsExisting else {
            throw ACMEProblem(.accountDoesNotExist, "there is no account with this key")
        }
        let plan = plan()
        let contact = try Self.contact(request.contact)
        try Self.requireTerms(plan, agreed: request.agreesToTerms)
        let eab = try await verified(request.binding, plan, profile)
        var new = NewACMEAccount(
            id: context.newID(), profileID: profile.id, thumbprint: key.thumbprint, jwk: key.jwk)
        new.contact = contact
        new.termsAgreed = plan.termsURL
        do {
            return (try await open(new, by: eab, from: origin), true)
        } catch let overtaken as Overtaken {
            // Whoever asked twice at the same moment gets the one account that came of it.
            guard let known = try await known(key, profile) else { throw overtaken.otherwise }
            return (known, false)
        }
    }

    /// The key has an account by now, or can't be bound: what was written is given up, the use of the binding's key with it.
    private struct Overtaken: Error {
        let otherwise: any Error
    }

    /// - Throws: ``Overtaken``.
    private func open(
        _ account: NewACMEAccount, by eab: (id: EABKeyID, json: JSONValue)?, from origin: RequestOrigin
    ) async throws -> ACMEAccount {
        try await context.write { tx in
            var new = account
            if let eab {
                guard let used = try keys.use(eab.id, for: new.profileID, opening: new.id, in: tx) else {
                    throw Overtaken(otherwise: Self.unusableBinding)
                }
                new.eabKeyID = used.id
                new.eabBinding = eab.json
                new.ownerID = used.ownerID
                new.teamID = used.teamID
                new.allowedIdentifiers = used.allowedIdentifiers
            }
            guard let account = try accounts.insert(new, in: tx) else {
                throw Overtaken(
                    otherwise: ServiceError(.transient, "the account was opened at the same moment; try again"))
            }
            try context.recorder.record(
                .acmeAccountCreated, account.id.text,
                details: [
                    "profile_id": .string(account.profileID.text), "thumbprint": .string(account.thumbprint),
                    "eab_key_id": account.eabKeyID.map { .string($0.text) } ?? .null,
                ],
                by: author(account.id, origin), in: tx)
            return account
        }
    }

    private func known(_ key: ACMEAccountKey, _ profile: ACMEProfile) async throws -> ACMEAccount? {
        try await context.read { tx in
            if let account = try accounts.find(thumbprint: key.thumbprint, profile: profile.id, in: tx) {
                return try Self.living(account)
            }
            if let gone = try accounts.gone(thumbprint: key.thumbprint, profile: profile.id, in: tx) {
                throw Self.ended(as: gone.status)
            }
            return nil
        }
    }

    private static func living(_ account: ACMEAccount) throws -> ACMEAccount {
        guard account.status == .valid else { throw ended(as: account.status) }
        return account
    }

    /// The answer to whatever the key of an account signs that has ended (RFC 8555 §7.3.6).
    package static func ended(as status: ACMEAccountStatus) -> ACMEProblem {
        ACMEProblem(.unauthorized, "the account is \(status.rawValue)")
    }

    private static let unusableBinding = ACMEProblem(
        .unauthorized,
        "the external account binding is not accepted: its key is unknown, ended or used up, or did not "
            + "make it", status: 403)

    /// The binding, when its key made it; every reason against it looks the same.
    private func verified(
        _ binding: ACMEBinding?, _ plan: ACMEPlan, _ profile: ACMEProfile
    ) async throws -> (id: EABKeyID, json: JSONValue)? {
        guard let binding else {
            guard !plan.requiresBinding(under: profile) else {
                throw ACMEProblem(
                    .externalAccountRequired, "an account needs an external account binding; ask the operator for a key"
                )
            }
            return nil
        }
        guard let id = try? EABKeyID(binding.keyID),
            let sealed = try await context.read({ tx in try keys.sealedKey(of: id, in: tx) })
        else { throw Self.unusableBinding }
        let secret = try sealer.open(
            sealed, for: SealedPlace(table: EABKeyStore.table, column: EABKeyStore.column, rowID: id.text))
        guard binding.isMade(secret) else { throw Self.unusableBinding }
        return (id, binding.json)
    }

    private static func requireTerms(_ plan: ACMEPlan, agreed: Bool) throws(ACMEProblem) {
        guard let terms = plan.termsURL, !agreed else { return }
        throw .terms(terms, "agree to the terms of service first")
    }

    /// RFC 8555 §7.3: mailboxes only, one each, without header fields.
    private static func contact(_ texts: [String]) throws(ACMEProblem) -> [String] {
        guard texts.count <= 10 else { throw ACMEProblem(.invalidContact, "at most ten contacts are kept") }
        for text in texts {
            guard text.lowercased().hasPrefix("mailto:") else {
                throw ACMEProblem(.unsupportedContact, "only mailto: addresses are supported as contacts")
            }
            let address = String(text.dropFirst("mailto:".count))
            guard text.utf8.count <= 320, !address.contains("?"), !address.contains(","), !address.contains("%"),
                (try? EmailAddress(address)) != nil
            else { throw ACMEProblem(.invalidContact, "a contact is not the address of one mailbox") }
        }
        return texts
    }

    // MARK: Changing

    /// - `contact`: `nil` leaves it.
    package func update(
        _ account: ACMEAccount, contact: [String]?, agreesToTerms: Bool, from origin: RequestOrigin
    ) async throws -> ACMEAccount {
        let wanted = try contact.map { try Self.contact($0) } ?? account.contact
        let terms = agreesToTerms ? plan().termsURL : account.termsAgreed
        guard wanted != account.contact || terms != account.termsAgreed else { return account }
        return try await context.write { tx in
            guard let changed = try accounts.update(account.id, contact: wanted, termsAgreed: terms, in: tx) else {
                throw ACMEProblem(.unauthorized, "the account has ended")
            }
            try context.recorder.record(.acmeAccountUpdated, account.id.text, by: author(account.id, origin), in: tx)
            return changed
        }
    }

    /// Ends an account by the will of its holder: what it has under way ends with it (RFC 8555 §7.3.6).
    package func deactivate(_ account: ACMEAccount, from origin: RequestOrigin) async throws -> ACMEAccount {
        try await end(account.id, as: .deactivated, by: author(account.id, origin), .acmeAccountDeactivated)
    }

    /// The same by an operator.
    package func revoke(_ id: ACMEAccountID, by author: Authorship) async throws -> ACMEAccount {
        guard try await find(id) != nil else {
            throw ServiceError(.notFound, "there is no ACME account \(id.text)")
        }
        do {
            return try await end(id, as: .revoked, by: author, .acmeAccountRevoked)
        } catch is ACMEProblem {
            throw ServiceError(.invalidState, "the account has ended already")
        }
    }

    private func end(
        _ id: ACMEAccountID, as status: ACMEAccountStatus, by author: Authorship, _ action: RecordedAction
    ) async throws -> ACMEAccount {
        let error = ACMEProblem(.unauthorized, "the account has ended", status: 403).json()
        let desk = ApprovalDesk(context)
        let (ended, withdrawn) = try await context.write { tx in
            guard let ended = try accounts.end(id, as: status, in: tx) else {
                throw ACMEProblem(.unauthorized, "the account has ended")
            }
            _ = try ACMEAuthorizationStore().deactivateAll(of: id, in: tx)
            let withdrawn = try desk.withdraw(ACMEOrderStore().jobs(of: id, in: tx), by: author, in: tx)
            let orders = try ACMEOrderStore().invalidateAll(of: id, error: error, in: tx)
            try context.recorder.record(
                action, id.text, details: ["orders_ended": .integer(Int64(orders))], by: author, in: tx)
            return (ended, withdrawn)
        }
        for approval in withdrawn { desk.observe(approval) }
        return ended
    }

    /// Puts another key in the place of the account's (RFC 8555 §7.3.5).
    ///
    /// Throws 409 when another account of the profile has the key, with its identifier, or when the key was changed at
    /// the same moment.
    package func rollKey(
        _ account: ACMEAccount, to key: ACMEAccountKey, from origin: RequestOrigin
    ) async throws -> ACMEAccount {
        do {
            return try await context.write { tx in
                if let other = try accounts.find(thumbprint: key.thumbprint, profile: account.profileID, in: tx) {
                    throw ACMEKeyTaken(account: other.id)
                }
                if let gone = try accounts.gone(
                    thumbprint: key.thumbprint, profile: account.profileID, in: tx)
                {
                    throw ACMEKeyTaken(account: gone.id)
                }
                let changed = try accounts.replaceKey(
                    of: account.id, thumbprint: key.thumbprint, jwk: key.jwk, old: account.thumbprint, in: tx)
                guard let changed else {
                    throw ACMEProblem(.malformed, "the key of the account changed at the same moment", status: 409)
                }
                try context.recorder.record(
                    .acmeAccountKeyRolled, account.id.text,
                    details: [
                        "old_thumbprint": .string(account.thumbprint), "thumbprint": .string(key.thumbprint),
                    ],
                    by: author(account.id, origin), in: tx)
                return changed
            }
        } catch let error as DatabaseError {
            guard case .uniqueViolation = error.kind else { throw error }
            throw ACMEProblem(.malformed, "another account has this key", status: 409)
        }
    }

    private func author(_ id: ACMEAccountID, _ origin: RequestOrigin) -> Authorship {
        Authorship(actor: ACMEActor.account(id), origin: origin, clearance: .system)
    }
}

/// A key that is to become that of an account is that of another.
package struct ACMEKeyTaken: Error, Sendable {
    package let account: ACMEAccountID
}
