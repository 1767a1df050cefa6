import ConnectorKit
package import Domain
import IssuerConnectors
import PKI
import Query
package import Store

/// A profile as it is saved, or as somebody thinks of saving it.
package struct ProfileProposal: Sendable {
    /// The row version that the change was made for; `nil` for whatever is there.
    package var version: Int?
    /// `nil` for the profile as it is saved.
    package var change: (@Sendable (inout ProfileFields) -> Void)?

    package init(expecting version: Int? = nil, _ change: (@Sendable (inout ProfileFields) -> Void)? = nil) {
        self.version = version
        self.change = change
    }
}

/// What stands in the way of one certificate's next renewal.
package struct RenewalOutlook: Sendable {
    package struct Violation: Hashable, Sendable {
        /// The agent whose key it is about; `nil` for a key of a client, and for what is about every key.
        package let agentID: AgentID?
        package let code: String
        package let detail: String
    }

    package let certificate: Certificate
    package let violations: [Violation]
}

/// Which certificates a profile would refuse at their next renewal.
package struct ProfileOutlook: Sendable {
    /// Certificates that were looked at.
    package var examined = 0
    package var refused = 0
    /// How many certificates break each rule, by its code.
    package var rules: [String: Int] = [:]
    package var refusals: [RenewalOutlook] = []
    /// Where to go on; `nil` when every certificate under the profile was looked at.
    package var next: CertificateID?
}

/// Tells what a profile does to requests and to the inventory, before it does it. Nothing is changed.
package struct ProfileTrial: Sendable {
    /// Certificates that one call looks at.
    package static let mostExamined = 2000
    /// Certificates that are read at a time.
    private static let stride = 200

    let context: LifecycleContext
    private let profiles = ProfileStore()

    package init(_ context: LifecycleContext) {
        self.context = context
    }

    /// The members that are tried. Throws as saving them would, with the places of a body that holds them as `profile`.
    func members(of id: ProfileID, as proposal: ProfileProposal, in tx: any Transaction) throws -> ProfileFields {
        let stored = try profiles.get(id, in: tx)
        guard proposal.version ?? stored.rowVersion == stored.rowVersion else {
            throw StoreError.stale(.profile, id: id.text, current: stored.rowVersion)
        }
        guard let change = proposal.change else { return stored.fields }
        var fields = stored.fields
        change(&fields)
        do {
            var problems = FieldProblems()
            let checked = ProfileCheck.checked(fields, allowing: context.algorithms, into: &problems)
            try problems.throwIfAny()
            try profiles.verifyReferences(of: checked, in: tx)
            try ChosenAuthority.check(checked, replacing: stored.fields, in: tx)
            return checked
        } catch let error as ServiceError {
            throw Self.placed(error)
        } catch let error as StoreError {
            throw Self.placed(error.serviceError)
        }
    }

    private static func placed(_ error: ServiceError) -> ServiceError {
        ServiceError(
            error.code, error.detail,
            problems: error.problems.map {
                FieldProblem(pointer: "/profile" + $0.pointer, code: $0.code, detail: $0.detail)
            })
    }

    // MARK: The inventory

    /// Judges the certificates under a profile by what their next renewal is expected to ask for: the names of the record,
    /// and a key and a request like the last ones. An agent makes its key as the profile says, and is judged by that.
    ///
    /// - `limit`: Refusals to list; the call ends with the last of them. With 0 it only counts.
    /// - `last`: Where an earlier call ended.
    package func check(
        _ id: ProfileID, as proposal: ProfileProposal = ProfileProposal(), limit: Int, after last: CertificateID? = nil,
        within clearance: Clearance
    ) async throws -> ProfileOutlook {
        let fields = try await context.read { tx in try members(of: id, as: proposal, in: tx) }
        let rules = try Preflight.rules(of: fields, allowing: context.algorithms)
        var outlook = ProfileOutlook()
        outlook.next = last
        while outlook.examined < Self.mostExamined {
            try Task.checkCancellation()
            let place = outlook.next
            let (inputs, keys) = try await context.read { tx in
                let inputs = try IssuanceInputs.renewable(
                    under: id, after: place, limit: Self.stride, within: clearance, in: tx)
                return (inputs, try CurrentKey.read(of: inputs.map(\.certificate.id), in: tx))
            }
            for subject in inputs {
                let certificate = subject.certificate
                let violations = try Self.violations(
                    of: subject.under(fields), keys: keys[certificate.id] ?? [], rules: rules)
                outlook.examined += 1
                outlook.next = certificate.id
                guard !violations.isEmpty else { continue }
                outlook.refused += 1
                for code in Set(violations.map(\.code)) { outlook.rules[code, default: 0] += 1 }
                guard limit > 0 else { continue }
                outlook.refusals.append(RenewalOutlook(certificate: certificate, violations: violations))
                if outlook.refusals.count == limit { return outlook }
            }
            if inputs.count < Self.stride {
                outlook.next = nil
                return outlook
            }
        }
        return outlook
    }

    private static func violations(
        of subject: IssuanceInputs, keys: [CurrentKey], rules: ProfileRules
    ) throws -> [RenewalOutlook.Violation] {
        let names: [SubjectAltName]
        do throws(ServiceError) {
            names = try Preflight.approvedNames(of: subject.certificate.fields)
        } catch {
            return [.init(agentID: nil, code: "unsignable_name", detail: error.detail)]
        }
        guard !keys.isEmpty else { return try violations(of: subject, names, key: nil, rules) }
        var all: [RenewalOutlook.Violation] = []
        for violation in try keys.flatMap({ try violations(of: subject, names, key: $0, rules) })
        where !all.contains(violation) {
            all.append(violation)
        }
        return all
    }

    private static func violations(
        of subject: IssuanceInputs, _ names: [SubjectAltName], key: CurrentKey?, _ rules: ProfileRules
    ) throws -> [RenewalOutlook.Violation] {
        var found: [RenewalOutlook.Violation] = []
        func add(_ code: String, _ detail: String) {
            found.append(.init(agentID: key?.agentID, code: code, detail: detail))
        }
        let agent = key?.agentID
        var earlier: CertificationRequest?
        do throws(CSRError) {
            if let pem = key?.csrPEM { earlier = try CertificationRequest(pem: pem) }
        } catch {
            // What was accepted once is not any more. An agent makes another key and another request.
            if agent == nil { add(error.field == .publicKey ? "key_refused" : "invalid_csr", "\(error)") }
        }
        let asker = agent.map { Actor(id: $0.text, type: .agent) } ?? key?.requestedBy
        let expected: KeyKind? =
            if agent != nil {
                KeyKind(WorkFlow.key(under: rules.keyRules, allowing: rules.algorithms))
            } else {
                key.map { KeyKind($0.algorithm, size: $0.size) }
            }
        let request = ProfileRequest(
            expecting: expected, like: earlier, names: names, commonName: subject.certificate.fields.commonName,
            principal: asker?.id ?? "", path: asker.map(ACMEActor.isAccount) == true ? .acme : .direct)
        let capabilities = try IssuerCatalog.capabilities(of: subject.issuerType)
        for problem in Preflight.violations(of: request, rules: rules, capabilities: capabilities) {
            add(problem.code, problem.detail)
        }
        guard let profile = subject.profile else { return found }
        if let problem = Preflight.foreignIssuer(subject.issuerID, profile) { add(problem.code, problem.detail) }
        if profile.keyReuse == .forbid, agent == nil, let key, key.versions > 1 {
            add(Preflight.reusedKey.code, "the last renewal kept the key; the profile demands a fresh key each time")
        }
        return found
    }
}
