import ConnectorKit
import Crypto
package import Domain
import Encoding
import IssuerConnectors
package import PKI
import Query
package import Store

/// Turns a request into a certificate, and hands it out (RFC 8555 §7.4, §7.4.2; protocol-servers §2.10).
package struct ACMEFinalizeFlow: Sendable {
    /// Under which certificates of clients live that renew by themselves.
    private static let policy = RenewalPolicyID(stored: "rp-client-managed")
    /// After which a client may ask whether an approval was decided.
    private static let pause = Duration.seconds(45)
    private static let unassignedOwner = OwnerID(stored: "o-unassigned")
    private static let unassignedTeam = TeamID(stored: "t-unassigned")

    private let context: LifecycleContext
    private let registry: IssuerRegistry
    private let desk: ACMEIssuanceDesk
    private let plan: @Sendable () -> ACMEPlan
    private let caa: ACMECAAGate
    private let proofs: ACMEProofGate
    private let orders = ACMEOrderStore()
    private let certificates = CertificateStore()

    package init(
        _ context: LifecycleContext, registry: IssuerRegistry, desk: ACMEIssuanceDesk,
        plan: @escaping @Sendable () -> ACMEPlan, checkCAA: @escaping ACMECAACheck, perspectives: ACMEPerspectiveFlow,
        observeVotes: @escaping @Sendable (ACMEPerspectiveTally) -> Void
    ) {
        self.context = context
        self.registry = registry
        self.desk = desk
        self.plan = plan
        caa = ACMECAAGate(
            context, plan: plan, check: checkCAA, perspectives: perspectives, observeVotes: observeVotes)
        proofs = ACMEProofGate(context)
    }

    /// Accepts the request of a ready order and has the CA asked. What is wrong with the request leaves the order ready; the
    /// same request again gets the order as it is.
    ///
    /// Returns when the CA has answered, or after ``ACMEPlan/finalizePatience``: the order then goes on without the client.
    ///
    /// - `named`: The profile of the address that the client asks; an order may be made under another one, which counts then.
    package func finalize(
        _ text: String, der: [UInt8], for account: ACMEAccount, key: ACMEAccountKey, under named: ACMEProfile,
        from origin: RequestOrigin
    ) async throws {
        let digest = Hex.encode(SHA256.hash(data: der))
        // Where the order stands comes first, and nobody is asked about names for a request that can't be accepted.
        guard
            let (current, profile, isTrusted) = try await context.read({ tx -> (ACMEOrder, ACMEProfile, Bool)? in
                guard let order = try finalizable(text, digest, of: account, orders.find, in: tx) else { return nil }
                let profile = try profile(of: order, unless: named, in: tx)
                return (order, profile, try proofs.isWanting(order, under: profile, in: tx))
            })
        else { return }
        let csr = try Self.request(der)
        guard csr.request.subjectPublicKey.spkiSHA256 != key.spkiSHA256 else {
            throw ACMEProblem(.badCSR, "the request has the key of the account; make another (RFC 8555 §11.1)")
        }
        try check(csr.request, against: current)
        let author = Authorship(actor: ACMEActor.account(account.id), origin: origin, clearance: .system)
        if isTrusted { try await proofs.refuse(current.id, of: account, by: author) }
        let look = try await caa.pass(text, of: account, under: profile, by: author)
        let (isFull, mostWaiting) = (desk.isFull(for: current.profileID), plan().waitingOrders)
        let processing = try await context.write { tx -> ACMEOrder? in
            guard let order = try finalizable(text, digest, of: account, orders.lock, in: tx) else { return nil }
            if isFull, try orders.isWaiting(atLeast: mostWaiting, under: order.profileID, in: tx) {
                throw ACMEProblem.unavailable(for: nil)
            }
            let certificate = try certificate(for: order, of: account, under: profile, by: author, in: tx)
            try check(csr.request, under: IssuanceRecords.subject(certificate, in: tx), by: author, in: tx)
            try requireSamePeriod(order, digest, for: certificate, in: tx)
            guard
                let processing = try orders.process(
                    order.id, csrPEM: csr.request.pem, csrSHA256: digest, certificate: certificate,
                    caaSeenAt: look.at, in: tx)
            else { throw ACMEProblem(.orderNotReady, "the order changed at the same moment") }
            var details: JSONObject = [
                "account_id": .string(account.id.text), "certificate_id": .string(certificate.text),
            ]
            if !look.seen.isEmpty { details["caa_perspectives"] = .object(look.seen) }
            try context.recorder.record(.acmeOrderProcessing, order.id.text, details: details, by: author, in: tx)
            return processing
        }
        // Without a place at the desk a loop takes the order up.
        guard let processing, desk.take(processing, with: csr, by: author) else { return }
        await desk.wait(for: processing.id, atMost: plan().finalizePatience)
    }

    /// The profile under which an order was made, as it is now.
    private func profile(
        of order: ACMEOrder, unless named: ACMEProfile, in tx: any Transaction
    ) throws -> ACMEProfile {
        guard order.profileID != named.id else { return named }
        guard let profile = try ProfileStore().find(order.profileID, in: tx), profile.fields.enabled else {
            throw ACMEProblem(.unauthorized, "the profile of the order is no longer offered", status: 403)
        }
        return ACMEProfile(id: profile.id, fields: profile.fields)
    }

    /// An order of the account that is ready; `nil` for one that the same request was accepted for.
    private func finalizable(
        _ text: String, _ digest: String, of account: ACMEAccount,
        _ find: (ACMEOrderID, any Transaction) throws -> ACMEOrder?, in tx: any Transaction
    ) throws -> ACMEOrder? {
        guard let id = try? ACMEOrderID(text), let order = try find(id, tx), order.accountID == account.id else {
            throw ACMEProblem.notYours("order")
        }
        let status = order.status(at: tx.now)
        if status == .processing || status == .valid, order.csrSHA256 == digest { return nil }
        guard status == .ready else { throw ACMEProblem(.orderNotReady, "the order is \(status.rawValue)") }
        return order
    }

    // MARK: The request

    private static func request(_ der: [UInt8]) throws(ACMEProblem) -> VerifiedCertificationRequest {
        do {
            return try VerifiedCertificationRequest(try CertificationRequest(der: der))
        } catch {
            throw ACMEProblem(error.field == .publicKey ? .badPublicKey : .badCSR, "\(error)")
        }
    }

    /// The names of the request must be those of the order: no more, and no fewer (RFC 8555 §7.4). The only name of an order may
    /// be the common name of a request without alternative names; in the certificate it is one of those all the same.
    private func check(_ csr: CertificationRequest, against order: ACMEOrder) throws {
        let asked: Set<String>
        do {
            asked = Set(try csr.names().map(\.description))
        } catch {
            throw ACMEProblem(.badCSR, "\(error)")
        }
        let listed = Set(csr.subjectAltNames.map(\.description))
        let isNamedBySubject = listed.isEmpty && order.identifiers.count == 1 && order.identifiers[0].kind == .dns
        guard asked == listed || isNamedBySubject else {
            throw ACMEProblem(.badCSR, "the common name is not among the subject alternative names")
        }
        let ordered = Set(order.identifiers.map { "\($0.kind.rawValue):\($0.value)" })
        guard asked == ordered else {
            let surplus = asked.subtracting(ordered).sorted()
            let missing = ordered.subtracting(asked).sorted()
            throw ACMEProblem(
                .badCSR, "the names differ from those of the order: surplus \(surplus), missing \(missing)")
        }
    }

    private func check(
        _ csr: CertificationRequest, under subject: IssuanceInputs, by author: Authorship, in tx: any Transaction
    ) throws {
        let problems: [FieldProblem]
        do {
            try subject.requireIssuable()
            problems = try Preflight.problems(
                with: csr, for: subject, allowing: context.algorithms, besides: context.weakKeys, by: author.actor,
                in: tx)
        } catch let error as ServiceError {
            throw ACMEProblem(error)
        }
        guard let first = problems.first else { return }
        let isAboutKey =
            KeyHygiene.codes.contains(first.code)
            || ["denied_algorithm", "key_algorithm", "key_size", "issuer_key_algorithm"].contains(first.code)
        throw ACMEProblem(
            isAboutKey ? .badPublicKey : .badCSR, problems.map(\.detail).joined(separator: "; "))
    }

    /// The same request that waits for an approval for another period: what is approved would go to both orders.
    private func requireSamePeriod(
        _ order: ACMEOrder, _ digest: String, for certificate: CertificateID, in tx: any Transaction
    ) throws {
        let waiting = try orders.waiting(with: digest, for: certificate, in: tx)
        guard !waiting.allSatisfy({ $0.hasPeriod(of: order) }) else { return }
        var problem = ACMEProblem(
            .rateLimited,
            "the same request waits for an approval for another period; come again when that is decided, or with another key"
        )
        problem.retryAfter = Self.pause
        throw problem
    }

    // MARK: The record

    /// The managed certificate that the version becomes one of: that of the certificate which the order takes the place of,
    /// the account's for these names, or a new one (specification, domain §3.7).
    private func certificate(
        for order: ACMEOrder, of account: ACMEAccount, under profile: ACMEProfile, by author: Authorship,
        in tx: any Transaction
    ) throws -> CertificateID {
        let issuer = try ACMEIssuerBinding.issuer(for: profile, in: tx)
        if let id = try succeeded(by: order, from: issuer, under: profile, by: author, in: tx) { return id }
        let names = ACMENames.digest(order.identifiers)
        if let id = try orders.lastCertificate(of: account.id, names: names, in: tx),
            let known = try certificates.find(id, in: tx), known.fields.issuerID == issuer,
            known.fields.profileID == profile.id,
            Set(known.fields.subjectAltNames) == Set(order.identifiers.map(\.value)),
            try isOpen(known, in: tx)
        {
            return id
        }
        let id = CertificateID(stored: "mc-acme-\(UUIDv7.text(at: context.time.now, random: context.random))")
        let commonName = Self.commonName(of: order)
        let fields = CertificateFields(
            name: "\(commonName.prefix(180)) (\(order.id.text))",
            commonName: commonName,
            subjectAltNames: order.identifiers.map(\.value),
            ownerID: account.ownerID ?? profile.fields.ownerID ?? Self.unassignedOwner,
            teamID: account.teamID ?? profile.fields.teamID ?? Self.unassignedTeam,
            issuerID: issuer,
            renewalPolicyID: profile.fields.renewalPolicyID ?? Self.policy,
            profileID: profile.id
        )
        try certificates.insert(
            NewCertificate(id: id, fields: fields, source: .acme, nextRenewalAt: nil), in: tx)
        try context.recorder.record(
            .certificateCreated, id.text,
            details: ["common_name": .string(commonName), "issuer_id": .string(issuer.text)],
            change: .creation(of: .certificates), by: author, in: tx)
        return id
    }

    private static func commonName(of order: ACMEOrder) -> String {
        order.identifiers.first { $0.kind == .dns }?.value ?? order.identifiers[0].value
    }

    /// Whether clients may add versions: a certificate with targets belongs to its agents.
    private func isOpen(_ known: Certificate, in tx: any Transaction) throws -> Bool {
        guard known.status != .revoked, known.status != .archived else { return false }
        return try !certificates.hasTargets(known.id, in: tx)
    }

    /// The certificate that the order takes the place of (RFC 9773 §5), with the names and the profile of the order from now
    /// on, and with the issuer that stands behind that now: what was replaced is not to be waited for. `nil` when it has ended, or
    /// when something else is being issued for it.
    private func succeeded(
        by order: ACMEOrder, from issuer: IssuerID, under profile: ACMEProfile, by author: Authorship,
        in tx: any Transaction
    ) throws -> CertificateID? {
        guard let name = order.replaces.flatMap(ACMECertificateName.init),
            let version = try ACMERenewalFlow.version(name, in: tx)
        else { return nil }
        let known = try certificates.lock(version.certificateID, in: tx)
        guard known.source == .acme, try isOpen(known, in: tx),
            try !orders.isBusy(known.id, besides: order.id, in: tx)
        else { return nil }
        var fields = known.fields
        fields.issuerID = issuer
        fields.profileID = profile.id
        let names = order.identifiers.map(\.value)
        if Set(fields.subjectAltNames) != Set(names) {
            fields.subjectAltNames = names
            if !names.contains(fields.commonName) { fields.commonName = Self.commonName(of: order) }
        }
        guard fields != known.fields else { return known.id }
        let witness = try StateChange(of: .certificates, known.id.text, in: tx)
        _ = try certificates.update(
            known.id, fields, nextRenewalAt: known.nextRenewalAt, expecting: known.rowVersion, in: tx)
        try context.recorder.record(
            .certificateUpdated, known.id.text, details: ["order_id": .string(order.id.text)], change: witness,
            by: author, in: tx)
        return known.id
    }

    // MARK: Download

    /// The chain that an order of the account led to, leaf first. A root is left out, unless it is the only certificate
    /// above the leaf: common clients refuse a chain of one.
    ///
    /// - `alternate`: The number of another chain to the same leaf (RFC 8555 §7.4.2), from 1; `nil` for the first choice.
    /// - Returns: The chain, and how many alternates there are.
    package func chain(
        _ text: String, alternate: Int? = nil, for account: ACMEAccount
    ) async throws -> (chain: [X509Certificate], alternates: Int) {
        let (detail, revision) = try await context.read { tx -> (CertificateVersionDetail, Int) in
            guard let id = try? VersionID(text), try orders.owns(id, account.id, in: tx),
                let detail = try VersionStore().find(id, in: tx)
            else { throw ACMEProblem.notYours("certificate") }
            let issuer = try IssuerStore().find(detail.version.issuerID, in: tx)
            return (detail, issuer?.configRevision ?? 0)
        }
        let stored = try X509Certificate.bundle(pem: detail.pemChain)
        guard let leaf = stored.first else { throw ACMEProblem(.serverInternal, "the certificate can't be read") }
        let alternates = detail.alternateChains
        if let alternate {
            guard alternates.indices.contains(alternate - 1) else {
                throw ACMEProblem(.malformed, "the certificate has no such chain", status: 404)
            }
            return ([leaf] + (try X509Certificate.bundle(pem: alternates[alternate - 1])), alternates.count)
        }
        let above = stored.dropFirst()
        let withoutRoot = above.filter { !($0.isSelfIssued && $0.verifySignature(issuedBy: $0)) }
        if !withoutRoot.isEmpty { return ([leaf] + withoutRoot, alternates.count) }
        if let root = above.first { return ([leaf, root], alternates.count) }
        let connector = try await registry.signer(
            for: detail.version.issuerID, detail.version.issuingCA, revision: revision)
        let authority = try await connector.authorityChain().first { Self.isIssuer($0, of: leaf) }
        return ([leaf] + (authority.map { [$0] } ?? []), alternates.count)
    }

    /// The signature was verified before the certificate was stored; a key has an identifier of its own (RFC 5280 §4.2.1.1).
    private static func isIssuer(_ authority: X509Certificate, of leaf: X509Certificate) -> Bool {
        guard authority.subject == leaf.issuer else { return false }
        guard let named = leaf.extensions.authorityKeyIdentifier, let own = authority.extensions.subjectKeyIdentifier
        else {
            return leaf.verifySignature(issuedBy: authority)
        }
        return named == own
    }
}
