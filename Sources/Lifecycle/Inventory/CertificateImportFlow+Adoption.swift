package import Domain
import Encoding
import PKI
import Query
import Store

extension CertificateImportFlow {
    /// The agent that has the key of an imported certificate.
    struct KeyHolder: Sendable {
        let agent: AgentID
        /// A certification request in PEM that the key signed.
        let request: String
    }

    /// A certificate whose key an agent has put into its slot becomes a version of that slot: from now on the agent can deploy
    /// it, and the next renewal follows on it. One that was imported before without its key becomes the agent's. Once more
    /// for the same certificate changes nothing.
    ///
    /// - `pem`: The certificate, then its chain.
    /// - `request`: A certification request signed by the same key, which proves that the agent has it.
    /// - Throws: 400 for a chain or request that can't be read, or is of another key; 404 when no target of the agent has the
    ///   managed certificate; 409 when the agent holds a newer version, or the certificate belongs to something else; 422 when
    ///   its names are others.
    package func adopt(
        pem: String, request: String, as id: CertificateID, by agent: AgentID, _ author: Authorship
    ) async throws -> IssuedVersion {
        let chain = try Self.chain(pem: pem)
        try Self.requireProof(request, of: chain[0])
        // What an agent may touch is what its targets have, whatever the tags are.
        let author = Authorship(actor: author.actor, origin: author.origin, clearance: .system)
        return try await context.write { tx in
            guard try certificates.isVisible(id, to: agent, in: tx) else {
                throw StoreError.notFound(.certificate, id: id.text)
            }
            try requireSameNames(id, chain[0], by: author, in: tx)
            let holder = KeyHolder(agent: agent, request: request)
            if let known = try versions.find(fingerprint: chain[0].fingerprintSHA256, in: tx) {
                return try claim(known, of: id, by: holder, author, in: tx)
            }
            let orphans = try versions.current(of: id, in: tx).filter {
                $0.agentID == nil && $0.notBefore < chain[0].notBefore
            }
            let stored = try store(chain, as: id, heldBy: holder, by: author, in: tx)
            if stored.isCurrent, !orphans.isEmpty { _ = try IssuanceRecords.supersedeOrphans(of: id, in: tx) }
            return stored.version
        }
    }

    private func claim(
        _ known: CertificateVersion, of id: CertificateID, by holder: KeyHolder, _ author: Authorship,
        in tx: any Transaction
    ) throws -> IssuedVersion {
        func refusal(_ detail: String) -> ServiceError { ServiceError(.invalidState, detail) }
        guard known.certificateID == id else { throw refusal("the certificate is a version of another one") }
        if known.agentID != holder.agent {
            guard known.agentID == nil, known.keyOrigin == .external else {
                throw refusal("the key of this certificate is held elsewhere")
            }
            if known.supersededAt == nil, let own = try versions.current(of: id, slot: holder.agent, in: tx) {
                guard own.version.notBefore < known.notBefore else {
                    throw refusal("the agent holds version \(own.version.id.text), which is newer")
                }
                _ = try versions.supersede(slot: holder.agent, of: id, in: tx)
            }
            try versions.assign(known.id, to: holder.agent, request: holder.request, in: tx)
            // Without a version of its own the slot was to be renewed at once.
            try RenewalPlanner().replan(id, in: tx)
            try context.recorder.record(
                .certificateKeyAdopted, id.text,
                details: ["version_id": .string(known.id.text), "agent_id": .string(holder.agent.text)], by: author,
                in: tx)
        }
        guard let stored = try versions.find(known.id, in: tx) else {
            throw StoreError.notFound(.version, id: known.id.text)
        }
        return IssuedVersion(stored)
    }

    private static func chain(pem: String) throws -> [X509Certificate] {
        let all: [X509Certificate]
        do {
            all = try X509Certificate.bundle(pem: pem)
        } catch {
            throw invalid("\(error)")
        }
        return try ordered(all)
    }

    private static func requireProof(_ pem: String, of leaf: X509Certificate) throws {
        func invalid(_ detail: String) -> ServiceError {
            ServiceError(
                .validationFailed, "/csr_pem: \(detail)",
                problems: [FieldProblem(pointer: "/csr_pem", code: "invalid_csr", detail: detail)])
        }
        let proof: VerifiedCertificationRequest
        do {
            proof = try VerifiedCertificationRequest(try CertificationRequest(pem: pem))
        } catch {
            throw invalid("\(error)")
        }
        guard proof.request.subjectPublicKey == leaf.subjectPublicKey else {
            throw invalid("its key is not that of the certificate")
        }
    }
}
