import APIContract
import Domain
import Encoding
import HTTPServing
import Lifecycle
import PKI
import Store

/// Certificates that exist already, one at a time and many.
struct ImportHandlers: Sendable {
    let flow: CertificateImportFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(ImportRoutes.one, one)
        handlers.on(ImportRoutes.many, many)
    }

    private func one(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ImportCertificateRequest = try context.request.decode()
        let isRehearsal = context.query.flag("dry_run") == true
        let answer = try await perform(request, rehearsing: isRehearsal, by: context.authorship)
        let place = answer.certificateID.map { "/api/v1/certificates/\($0.text)" }
        return .json(answer, status: isRehearsal ? 200 : 201, location: isRehearsal ? nil : place)
    }

    private func perform(
        _ request: ImportCertificateRequest, rehearsing isRehearsal: Bool, by author: Authorship
    ) async throws -> ImportAnswer {
        let imported = try await flow.importCertificate(
            try Self.order(request), rehearsing: isRehearsal, by: author)
        let isMadeUp = isRehearsal && request.certificateID == nil && request.id == nil
        return ImportAnswer {
            $0.certificateID = isMadeUp ? nil : imported.certificate.id
            $0.versionID = isRehearsal ? nil : imported.version.id
            $0.name = imported.certificate.fields.name
            $0.status = imported.certificate.status.rawValue
            $0.serialNumber = imported.version.serialNumber
            $0.fingerprintSHA256 = imported.version.fingerprintSHA256
            $0.notBefore = imported.version.notBefore
            $0.notAfter = imported.version.notAfter
            $0.isCurrent = imported.isCurrent
            $0.isIssuedElsewhere = imported.version.isIssuedElsewhere
            $0.revokedAt = imported.revocation?.revokedAt
            $0.revocationReason = imported.revocation?.reason
            $0.path = imported.version.path?.outcome
            $0.pathDetail = imported.version.path?.told
            $0.isDryRun = isRehearsal
        }
    }

    // MARK: The request

    private static func order(_ request: ImportCertificateRequest) throws -> CertificateImport {
        let chain = try chain(request)
        if let id = request.certificateID {
            let others: [(String, Bool)] = [
                ("id", request.id != nil), ("name", request.name != nil), ("owner_id", request.ownerID != nil),
                ("team_id", request.teamID != nil), ("issuer_id", request.issuerID != nil),
                ("renewal_policy_id", request.renewalPolicyID != nil),
                ("certificate_profile_id", request.profileID != nil), ("environment", !request.environment.isEmpty),
                ("target_ids", !request.targetIDs.isEmpty), ("tags", !request.tags.isEmpty),
            ]
            let problems = others.filter(\.1).map { name, _ in
                FieldProblem(
                    pointer: "/\(name)", code: "not_allowed",
                    detail: "the managed certificate has its own; leave it out")
            }
            guard problems.isEmpty else {
                throw ServiceError(
                    .validationFailed, "besides certificate_id only pem or data is taken", problems: problems)
            }
            return CertificateImport(chain: chain, destination: .version(of: id))
        }
        var draft = CertificateDraft(
            name: request.name ?? "", commonName: "", ownerID: request.ownerID?.text ?? "",
            teamID: request.teamID?.text ?? "", issuerID: request.issuerID?.text ?? "",
            renewalPolicyID: request.renewalPolicyID?.text ?? "")
        draft.id = request.id?.text
        draft.environment = request.environment
        draft.profileID = request.profileID?.text
        draft.targetIDs = request.targetIDs.map(\.text)
        draft.tags = request.tags
        return CertificateImport(chain: chain, destination: .new(draft))
    }

    private static func chain(_ request: ImportCertificateRequest) throws -> [X509Certificate] {
        switch (request.pem, request.data) {
        case (let pem?, nil): return try chain(pem: pem)
        case (nil, let data?): return try chain(base64: data)
        case (nil, nil), (_?, _?):
            throw ServiceError(
                .validationFailed, "either pem or data is needed",
                problems: [FieldProblem(pointer: "/pem", code: "required", detail: "send pem or data, one of them")])
        }
    }

    /// DER or PKCS#7. Key stores hold private keys, which stay where they are, and ciphers that nobody but their owner should
    /// run on them (ADR-0020).
    private static func chain(base64 text: String) throws -> [X509Certificate] {
        func invalid(_ code: String, _ detail: String) -> ServiceError {
            ServiceError(
                .validationFailed, "/data: \(detail)",
                problems: [FieldProblem(pointer: "/data", code: code, detail: detail)])
        }
        guard let octets = Base64.decode(text) else { throw invalid("invalid_base64", "it is not base64") }
        let certificates: [X509Certificate]?
        do {
            certificates = try KeyStoreFile.readCertificates(octets)
        } catch {
            throw invalid("invalid_certificate", "\(error)")
        }
        guard let certificates else {
            throw invalid(
                "private_key",
                "it is a key store, whose key stays on its host: certctl import reads it there; send certificates alone"
            )
        }
        guard !certificates.isEmpty else { throw invalid("invalid_certificate", "there is no certificate in it") }
        return certificates
    }

    private static func chain(pem: String) throws -> [X509Certificate] {
        func invalid(_ code: String, _ detail: String) -> ServiceError {
            ServiceError(
                .validationFailed, "/pem: \(detail)",
                problems: [FieldProblem(pointer: "/pem", code: code, detail: detail)])
        }
        do {
            let blocks = try PEMBlock.parse(pem)
            guard !blocks.contains(where: { $0.label.hasSuffix("PRIVATE KEY") }) else {
                throw invalid(
                    "private_key", "there is a private key in it, which stays where it is; send certificates alone")
            }
            return try X509Certificate.bundle(pem: pem)
        } catch let error as ServiceError {
            throw error
        } catch {
            throw invalid("invalid_certificate", "\(error)")
        }
    }

    // MARK: Many

    private func many(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let lines = try context.request.decodeLines(of: ImportCertificateRequest.self)
        let isRehearsal = context.query.flag("dry_run") == true
        let author = context.authorship
        return .stream("application/x-ndjson") { output in
            var (imported, failed) = (0, 0)
            for line in lines {
                try Task.checkCancellation()
                let told: JSONObject
                do {
                    let answer = try await perform(line.content.get(), rehearsing: isRehearsal, by: author)
                    told = Self.joined(["outcome": "imported"], answer.json.objectValue ?? [:])
                    imported += 1
                } catch let error as ServiceError {
                    told = Self.failure(error)
                    failed += 1
                }
                let numbered = Self.joined(["line": .integer(Int64(line.number))], told)
                try await output.write(JSONValue.object(numbered).octets + [0x0A])
            }
            let summary: JSONValue = [
                "summary": [
                    "total": .integer(Int64(lines.count)), "imported": .integer(Int64(imported)),
                    "failed": .integer(Int64(failed)), "dry_run": .bool(isRehearsal),
                ]
            ]
            try await output.write(summary.octets + [0x0A])
        }
    }

    private static func joined(_ first: JSONObject, _ second: JSONObject) -> JSONObject {
        JSONObject(Array(first) + Array(second))
    }

    private static func failure(_ error: ServiceError) -> JSONObject {
        [
            "outcome": "failed", "code": .string(error.code.rawValue), "message": .string(error.detail),
            "errors": .array(
                error.problems.map { problem in
                    [
                        "pointer": .string(problem.pointer), "code": .string(problem.code),
                        "detail": .string(problem.detail),
                    ]
                }),
        ]
    }
}
