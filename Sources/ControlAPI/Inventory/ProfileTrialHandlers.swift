import APIContract
import Access
import Domain
import HTTPServing
import Lifecycle
import PKI
import Store

/// What a profile would do: to the inventory, and to a request (specification, rest-api §7.12).
struct ProfileTrialHandlers: Sendable {
    let trial: ProfileTrial

    func register(in handlers: inout HandlerTable) {
        handlers.on(ProfileRoutes.check, check)
        handlers.on(ProfileRoutes.evaluate, evaluate)
    }

    private func check(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ProfileCheckRequest = try context.request.decode()
        let outlook = try await trial.check(
            try context.request.id(), as: try Self.proposal(request.profile), limit: request.limit,
            after: request.cursor, within: context.clearance)
        return .json(
            ProfileCheckAnswer {
                $0.examined = outlook.examined
                $0.refused = outlook.refused
                $0.rules = outlook.rules.sorted { $0.key < $1.key }.map { code, count in
                    RuleCountBody {
                        $0.code = code
                        $0.certificates = count
                    }
                }
                $0.refusals = outlook.refusals.map(Self.body)
                $0.nextCursor = outlook.next
            })
    }

    private func evaluate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: EvaluateRequest = try context.request.decode()
        var terms = RequestTrial()
        terms.certificateID = request.certificateID
        terms.issuerID = request.issuerID
        terms.path = request.path == .acme ? .acme : .direct
        let verdict = try await trial.evaluate(
            request.csrPEM, under: try context.request.id(), as: try Self.proposal(request.profile), for: terms,
            within: context.clearance, by: context.principal.actor)
        return .json(
            EvaluateAnswer {
                $0.verdict = verdict.problems.isEmpty ? .issued : .refused
                $0.violations = verdict.problems.map { problem in
                    ViolationBody {
                        $0.code = problem.code
                        $0.detail = problem.detail
                    }
                }
                $0.key = verdict.key.map { key in
                    KeySpecBody {
                        $0.algorithm = key.algorithm
                        $0.size = key.size
                    }
                }
                $0.spkiSHA256 = verdict.key?.spkiSHA256
                $0.issuerID = verdict.issuerID
                $0.template = verdict.template.map { Self.body($0, verdict.names) }
            })
    }

    private static func proposal(_ request: UpdateProfileRequest?) throws(ServiceError) -> ProfileProposal {
        guard let request else { return ProfileProposal() }
        let subject = try ProfileMapping.subject(request.subjectPolicy)
        return ProfileProposal(expecting: request.expectedVersion) { ProfileMapping.apply(request, subject, to: &$0) }
    }

    private static func body(_ outlook: RenewalOutlook) -> RefusedRenewalBody {
        let fields = outlook.certificate.fields
        return RefusedRenewalBody {
            $0.certificateID = outlook.certificate.id
            $0.name = fields.name
            $0.commonName = fields.commonName
            $0.issuerID = fields.issuerID
            $0.expiresAt = outlook.certificate.expiresAt
            $0.violations = outlook.violations.map { violation in
                ViolationBody {
                    $0.code = violation.code
                    $0.detail = violation.detail
                    $0.agentID = violation.agentID
                }
            }
        }
    }

    private static func body(_ template: ProfileTemplate, _ names: [SubjectAltName]) -> TemplateBody {
        TemplateBody {
            $0.subject = template.subject?.description
            $0.names = names.map(\.description)
            $0.extendedKeyUsages = template.extendedKeyUsages.map(\.rawValue)
            $0.isEKUCritical = template.isUsageCritical
            $0.ttlSeconds = template.ttl.map { Int($0.components.seconds) }
            $0.backdateSeconds = template.backdate.map { Int($0.components.seconds) }
            $0.mustStaple = template.mustStaple
            $0.hasNoRevocation = template.hasNoRevocation
            $0.policyOIDs = template.policies.map(\.description)
            $0.keyUsages = template.keyUsage?.names ?? []
        }
    }
}
