import APIContract
import Domain
import HTTPServing
import Lifecycle

/// Keys that were on hosts before their agents.
struct KeyAdoptionHandlers: Sendable {
    let flow: CertificateImportFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(AgentRoutes.adopt, adopt)
    }

    private func adopt(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: AgentAdoptionRequest = try context.request.decode()
        let version = try await flow.adopt(
            pem: request.pem, request: request.csrPEM, as: try context.request.id("cert_id"),
            by: try context.request.id(), context.authorship)
        return .json(
            AgentAdoptionAnswer {
                $0.versionID = version.id
                $0.fingerprintSHA256 = version.fingerprintSHA256
                $0.notAfter = version.notAfter
            })
    }
}
