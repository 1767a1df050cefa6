import Access
import Domain
import Lifecycle
import Settings

/// Ties approvals to what they let happen.
enum ApprovalWiring {
    static func grants(_ configuration: AccessConfiguration, _ context: LifecycleContext) -> GrantApprovals {
        let desk = ApprovalDesk(context)
        return GrantApprovals(rule: rule(configuration.adminGrantApproval)) { terms, author, tx in
            try desk.requestGrant(terms, by: author, in: tx)
        }
    }

    static func flow(_ context: LifecycleContext, _ access: AccessContext) -> ApprovalFlow {
        let grants = GrantFlow(access)
        return ApprovalFlow(context) { request, author, tx in try grants.apply(request, by: author, in: tx) }
    }

    static func rule(_ setting: SecondPersonSetting) -> SecondPersonRule {
        switch setting {
        case .auto: .automatic
        case .true: .always
        case .false: .never
        }
    }
}
