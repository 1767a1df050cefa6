import AuditProof
import Domain
import EmbeddedCA
import Encoding
import PKI
import Store

// What people agree to: everything that decides what becomes of a CA, and nothing that changes by itself between the request
// and its repetition.
extension CAPlan {
    /// - `operation`: ``CeremonyOperation/request`` where the certificate is to come from elsewhere.
    func terms(_ operation: CeremonyOperation = .create) -> CeremonyTerms {
        var parameters: JSONObject = ["name": .string(name)]
        parameters["parent_ca_id"] = draft.parentID.map { .string($0.text) }
        var operation = operation
        switch making {
        case .made(let subject, let spec, let place):
            parameters["subject"] = .string(subject.description)
            parameters["key_algorithm"] = .string(spec.rawValue)
            parameters["key_driver"] = .string(place.driver)
            if case .held(let key) = place { parameters["key_ref"] = .string(key.ref) }
            parameters["life_days"] = JSONValue(Int(lifetime / .days(1)))
        case .registered(let certificate, let key):
            operation = .register
            parameters["subject"] = .string(certificate.subject.description)
            parameters["certificate_sha256"] = .string(certificate.fingerprintSHA256)
            parameters["key_driver"] = key.map { .string($0.driver) }
            parameters["key_ref"] = key.map { .string($0.ref) }
        }
        parameters["path_len_constraint"] = draft.pathLength.map { JSONValue($0) }
        parameters["name_constraints"] = constraints?.json
        if !extendedKeyUsages.isEmpty { parameters["allowed_ekus"] = JSONValue(extendedKeyUsages.map(\.rawValue)) }
        if !policies.isEmpty { parameters["policy_oids"] = JSONValue(policies.map { "\($0)" }) }
        parameters.add(issuing: draft.isIssuing, draft.ocspURL, draft.metadata)
        if let succession {
            parameters["succeeds_ca_id"] = .string(succession.predecessorID.text)
            parameters["hold_hours"] = JSONValue(holdHours)
            parameters["automatic"] = .bool(succession.isAutomatic)
        }
        return CeremonyTerms(operation, of: draft.issuerID, parameters)
    }
}

extension AdoptionPlan {
    /// The key is told by the certificate, whose it was found to be.
    var terms: CeremonyTerms {
        var parameters: JSONObject = [
            "name": .string(name), "subject": .string(certificate.subject.description),
            "certificate_sha256": .string(certificate.fingerprintSHA256),
            "spki_sha256": .string(certificate.subjectPublicKey.spkiSHA256),
            "chain_sha256": JSONValue(chain.map(\.fingerprintSHA256)),
        ]
        switch key {
        case .brought: parameters["key_driver"] = .string("database")
        case .held(let reference):
            parameters["key_driver"] = .string(reference.driver)
            parameters["key_ref"] = .string(reference.ref)
        }
        parameters["issued_sha256"] = draft.issuedPEM.map { .string(LogHash(of: Array($0.utf8)).hex) }
        parameters["crl_sha256"] = draft.revocationListPEM.map { .string(LogHash(of: Array($0.utf8)).hex) }
        parameters.add(issuing: draft.isIssuing, draft.ocspURL, draft.metadata)
        return CeremonyTerms(.adopt, of: draft.issuerID, parameters)
    }
}

extension IntermediateCA {
    /// The certificate for a pending CA.
    func terms(certifiedBy certificate: X509Certificate) -> CeremonyTerms {
        CeremonyTerms(
            .certify, of: issuerID, authority: id,
            [
                "name": .string(name), "subject": .string(certificate.subject.description),
                "certificate_sha256": .string(certificate.fingerprintSHA256), "spki_sha256": .string(spkiSHA256),
                "not_after": .string(certificate.notAfter.rfc3339),
            ])
    }

    /// The next of the two steps by which a CA ends.
    ///
    /// - `isForced`: Although something hangs on it.
    func endingTerms(isForced: Bool) -> CeremonyTerms {
        var parameters: JSONObject = [
            "name": .string(name), "subject": .string(subject), "spki_sha256": .string(spkiSHA256),
        ]
        if isForced { parameters["force"] = true }
        return CeremonyTerms(state == .retiring ? .end : .retire, of: issuerID, authority: id, parameters)
    }
}

extension JSONObject {
    fileprivate mutating func add(issuing: Bool?, _ ocspURL: String?, _ metadata: [String: String]) {
        self["issuing"] = issuing.map { .bool($0) }
        self["ocsp_responder_url"] = ocspURL.map { .string($0) }
        guard !metadata.isEmpty else { return }
        let members = metadata.sorted { $0.key < $1.key }.map {
            JSONObject.Member(key: $0.key, value: .string($0.value))
        }
        self["metadata"] = .object(JSONObject(distinctMembers: members))
    }
}
