package import Domain
package import Encoding

/// What the ACME server refuses, in the terms of its protocol (RFC 8555 §6.7, protocol-servers §2.15).
package struct ACMEProblem: Error, Sendable {
    /// The last part of `urn:ietf:params:acme:error:…`.
    package enum Kind: String, Sendable, CaseIterable {
        case accountDoesNotExist, alreadyReplaced, alreadyRevoked, badCSR, badNonce, badPublicKey
        case badRevocationReason, badSignatureAlgorithm, caa, compound, connection, dns, externalAccountRequired
        case incorrectResponse, invalidContact, invalidProfile, malformed, orderNotReady, rateLimited
        case rejectedIdentifier, serverInternal, tls, unauthorized, unsupportedContact, unsupportedIdentifier
        case userActionRequired

        /// The status of HTTP that goes with it unless the place says otherwise.
        package var status: Int {
            switch self {
            case .alreadyReplaced: 409
            case .caa, .externalAccountRequired, .incorrectResponse, .orderNotReady, .userActionRequired: 403
            case .rateLimited: 429
            case .serverInternal: 500
            case .unauthorized: 401
            case .accountDoesNotExist, .alreadyRevoked, .badCSR, .badNonce, .badPublicKey, .badRevocationReason,
                .badSignatureAlgorithm, .compound, .connection, .dns, .invalidContact, .invalidProfile, .malformed,
                .rejectedIdentifier, .tls, .unsupportedContact, .unsupportedIdentifier:
                400
            }
        }
    }

    /// What is wrong with one of the identifiers (RFC 8555 §6.7.1).
    package struct Part: Sendable {
        package let kind: Kind
        package let detail: String
        package let identifier: JSONValue

        package init(_ kind: Kind, _ detail: String, identifier: JSONValue) {
            self.kind = kind
            self.detail = detail
            self.identifier = identifier
        }
    }

    package let kind: Kind
    package let status: Int
    package let detail: String
    package var parts: [Part] = []
    /// The signature algorithms that are accepted (RFC 8555 §6.2).
    package var algorithms: [String] = []
    package var retryAfter: Duration?
    /// The address of what the problem is about: another account, for example.
    package var location: String?
    /// Further addresses, by their relation.
    package private(set) var links: [(relation: String, address: String)] = []
    /// What a person has to read before the client comes again.
    private var page: String?

    package init(_ kind: Kind, _ detail: String, status: Int? = nil, parts: [Part] = []) {
        self.kind = kind
        self.status = status ?? kind.status
        self.detail = detail
        self.parts = parts
    }

    /// Terms of service are to be agreed to (RFC 8555 §7.3.3).
    ///
    /// - `terms`: Their address.
    package static func terms(_ terms: String, _ detail: String) -> ACMEProblem {
        var problem = ACMEProblem(.userActionRequired, "\(detail): \(terms)")
        problem.links = [("terms-of-service", terms)]
        problem.page = terms
        return problem
    }

    /// The problem document, `type` first.
    ///
    /// - `instance`: What names the request in the log of the server; stands back where people have a page to read.
    package func json(instance: String? = nil) -> JSONValue {
        var members: JSONObject = [
            "type": .string(Self.urn(kind)), "detail": .string(detail), "status": .integer(Int64(status)),
        ]
        if !parts.isEmpty {
            members["subproblems"] = .array(
                parts.map { part in
                    [
                        "type": .string(Self.urn(part.kind)), "detail": .string(part.detail),
                        "identifier": part.identifier,
                    ]
                })
        }
        if !algorithms.isEmpty { members["algorithms"] = JSONValue(algorithms) }
        if let instance = page ?? instance.map({ "urn:uuid:\($0)" }) { members["instance"] = .string(instance) }
        return .object(members)
    }

    private static func urn(_ kind: Kind) -> String { "urn:ietf:params:acme:error:\(kind.rawValue)" }

    /// For several identifiers that are wrong: one problem about all of them.
    package static func about(_ parts: [Part]) -> ACMEProblem {
        let kinds = Set(parts.map(\.kind))
        let kind = kinds.count == 1 ? parts.first?.kind ?? .rejectedIdentifier : .rejectedIdentifier
        var problem = ACMEProblem(kind, parts.count == 1 ? parts[0].detail : "\(parts.count) identifiers are refused")
        problem.parts = parts
        return problem
    }

    /// Somebody else's, or nobody's: an account learns no difference.
    package static func notYours(_ what: String) -> ACMEProblem {
        ACMEProblem(.unauthorized, "this account has no such \(what)", status: 403)
    }

    /// An error of the life cycle as a client of the protocol sees it.
    package init(_ error: ServiceError) {
        switch error.code {
        case .policyViolation, .validationFailed: self.init(.badCSR, error.detail)
        case .rateLimited: self.init(.rateLimited, error.detail)
        case .unavailable, .transient, .upstreamFailed, .upstreamTimeout, .renewalInProgress:
            self = .unavailable(for: error.retryAfter)
        default: self = .refusedUnexplained
        }
    }

    /// It may be issued later.
    static func unavailable(for time: Duration?) -> ACMEProblem {
        var problem = ACMEProblem(
            .serverInternal, "the certificate can't be issued now; try again later", status: 503)
        problem.retryAfter = time ?? .seconds(30)
        return problem
    }
}
