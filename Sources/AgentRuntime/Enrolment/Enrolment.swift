import APIContract
import Domain
import Encoding
import HostEffects
import Outbound
import PKI

/// Why an agent could not be enrolled.
enum EnrolmentError: Error, Sendable, CustomStringConvertible {
    case noToken
    case alreadyEnrolled(AgentIdentity, asked: String)
    case unreachable(String)
    case tokenRefused(String)
    case nameTaken(String)
    case wrongServer(String)
    case refused(String)

    var exitCode: Int32 {
        switch self {
        case .noToken: ExitStatus.usage
        case .unreachable: ExitStatus.temporaryFailure
        case .alreadyEnrolled, .tokenRefused, .nameTaken, .wrongServer, .refused: ExitStatus.failure
        }
    }

    var description: String {
        switch self {
        case .noToken:
            "enrolment needs a token: --token, CERTCTL_AGENT_ENROLL_TOKEN or CERTCTL_AGENT_ENROLL_TOKEN_FILE "
                + "(certctl agents tokens create makes one)"
        case .alreadyEnrolled(let identity, let asked):
            "this host is enrolled at \(identity.server) as \(identity.agent); --force gives that identity up for \(asked)"
        case .unreachable(let why): "the control plane cannot be reached: \(why)"
        case .tokenRefused(let why): "the enrolment token is unknown, used up or expired: \(why); ask for a new one"
        case .nameTaken(let why): "another agent has this name: \(why); choose one with --name"
        case .wrongServer(let why): why
        case .refused(let why): "the control plane refused the enrolment: \(why)"
        }
    }
}

/// How enrolment reaches a control plane that it does not know yet.
struct EnrolmentNetwork: Sendable {
    /// The certificate with the given pin out of the chain that the server presents.
    let anchor: @Sendable (HTTPSURL, CertificatePin) async throws -> X509Certificate
    /// One exchange, with the token in its header and nothing else to prove who asks.
    let exchange: @Sendable (TrustAnchors, Secret, ControlPlaneCall) async throws -> ControlPlaneAnswer
}

/// First contact: turns a token into an identity of this host (specification, targets §1.4).
struct Enrolment: Sendable {
    struct Request: Sendable {
        let url: HTTPSURL
        let token: Secret?
        let name: String
        /// The identifier to ask for.
        let agent: AgentID?
        let pin: CertificatePin?
        /// Used when there is no pin.
        let trust: TrustAnchors
        /// Gives up an identity that is stored already.
        let isForced: Bool
    }

    let state: StateDirectory
    let network: EnrolmentNetwork
    let host: HostFacts
    let time: TimeSource

    /// The stored identity when it is for the same control plane, else a new one.
    ///
    /// The pinned certificate is on disk before the token is spent, but replaces an earlier one only after success; the
    /// identity is on disk before anything else happens.
    /// - Throws: ``EnrolmentError``, and ``FileError`` when the state directory cannot be written.
    func run(_ request: Request) async throws -> (identity: AgentIdentity, isNew: Bool) {
        try state.prepare()
        if !request.isForced, try state.retirement.read() == nil, let stored = try state.identity.load() {
            guard stored.server == request.url.description, request.agent.map({ $0 == stored.agent }) ?? true else {
                throw EnrolmentError.alreadyEnrolled(stored, asked: request.url.description)
            }
            return (stored, false)
        }
        guard let token = request.token, !token.isEmpty else { throw EnrolmentError.noToken }
        let trust = try await trustAnchors(for: request)
        let answer = try await register(request, token: token, trust: trust)
        if request.pin != nil {
            try state.folder.rename(StateDirectory.stagedAnchorName, to: StateDirectory.trustAnchorName)
        }
        let identity = AgentIdentity(
            agent: try AgentID(answer.agent.id.text),
            name: answer.agent.name,
            server: request.url.description,
            apiKey: Secret(answer.apiKey),
            enrolledAt: time.now
        )
        try state.identity.save(identity)
        try state.retirement.clear()
        return (identity, true)
    }

    private func trustAnchors(for request: Request) async throws -> TrustAnchors {
        guard let pin = request.pin else { return request.trust }
        do {
            let anchor = try await network.anchor(request.url, pin)
            try state.folder.write(StateDirectory.stagedAnchorName, octets: Array(anchor.pem.utf8))
            return .certificates([anchor])
        } catch let error as PinError {
            throw EnrolmentError.wrongServer("\(error)")
        } catch let error as OutboundError {
            throw EnrolmentError.unreachable("\(error)")
        }
    }

    private func register(
        _ request: Request,
        token: Secret,
        trust: TrustAnchors
    ) async throws -> RegisterAgentAnswer {
        var body = RegisterAgentRequest { body in
            body.name = request.name
            body.hostname = host.name
            body.os = host.os
            body.architecture = host.architecture
            body.ipAddress = host.address ?? ""
            body.softwareVersion = host.softwareVersion
            body.capabilities = host.capabilities
        }.json
        body["id"] = request.agent.map { .string($0.text) }
        let call = ControlPlaneCall(.post, "/api/v1/agents", body: body)
        do {
            let json = try await network.exchange(trust, token, call).success()
            guard let answer = RegisterAgentAnswer(wire: json), !answer.apiKey.isEmpty else {
                throw EnrolmentError.refused("its answer holds no credential; it may be too old for this agent")
            }
            return answer
        } catch let error as ControlPlaneError {
            throw Self.enrolmentError(error)
        }
    }

    private static func enrolmentError(_ error: ControlPlaneError) -> EnrolmentError {
        switch (error.kind, error.status) {
        case (.unreachable, _), (.busy, _): .unreachable("\(error)")
        case (.untrusted, _):
            .wrongServer("\(error); pin its CA with --ca-fingerprint, or name it with --ca-bundle")
        case (.unauthorized, _): .tokenRefused(error.message)
        case (.refused, 409): .nameTaken(error.message)
        case (.refused, _), (.malformed, _), (.retired, _): .refused("\(error)")
        }
    }
}
