import APIContract
import Access
import Domain
import Encoding
import HTTPServing

/// Real declarations where the suite is about them, small ones for the rest.
enum StageRoutes {
    static let echo = OpenRoute(
        "echo", .get, "/api/v1/echo/{id}", "Echoes its parameter.",
        responses: [.json(200, StatusAnswer.self, "The parameter.")], cli: .excluded(reason: "test")
    )
    static let slow = OpenRoute(
        "slow", .get, "/api/v1/slow", "Takes a while.",
        responses: [.json(200, StatusAnswer.self, "At last.")], cli: .excluded(reason: "test")
    )
    static let lasting = ProtectedRoute(
        "lasting", .get, "/api/v1/lasting", .authenticated, isLongLived: true, "Says nothing for a while, then much.",
        responses: [.json(200, StatusAnswer.self, "Much.")],
        cli: .excluded(reason: "test")
    )
    static let endless = ProtectedRoute(
        "endless", .get, "/api/v1/endless", .authenticated, isLongLived: true, "Writes until it is cut.",
        responses: [.json(200, StatusAnswer.self, "Ever more.")],
        cli: .excluded(reason: "test")
    )
    static let broken = OpenRoute(
        "broken", .get, "/api/v1/broken", "Fails.",
        responses: [.json(200, StatusAnswer.self, "Never.")], cli: .excluded(reason: "test")
    )
    static let large = OpenRoute(
        "large", .get, "/api/v1/large", "More than a peer takes unasked.",
        responses: [.json(200, StatusAnswer.self, "Much.")], cli: .excluded(reason: "test")
    )
    static let list = OpenRoute(
        "list", .get, "/.well-known/pki/list", class: .pki, "As long as a list of a million entries, almost.",
        responses: [.json(200, StatusAnswer.self, "Much.")], cli: .excluded(reason: "test")
    )

    static let all: [Route] = [
        echo.route, slow.route, lasting.route, endless.route, broken.route, large.route, list.route,
        ServerRoutes.health.route,
        ServerRoutes.ready.route,
        ServerRoutes.events.route, TeamRoutes.create.route, TeamRoutes.get.route, TeamRoutes.patch.route,
        TeamRoutes.list.route, AgentRoutes.heartbeat.route, AgentRoutes.register.route, AgentRoutes.retired.route,
        AuthRoutes.bootstrap.route,
    ]

    /// Of the lasting answer.
    static let (pieces, pieceSize) = (500, 65_536)

    /// Of the list: blocks that all responses share, each of them another one, and none as long as a piece.
    static let blocks = (0..<320).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0 * 7), count: 100_000) }

    struct Leaky: Error { let text = "SELECT password FROM /etc/shadow" }

    static func handlers(_ state: ServingState) -> HandlerTable {
        var table = HandlerTable()
        table.on(echo) { .json(StatusAnswer($0.request.parameter("id"))) }
        table.on(slow) { _ in
            try await Task.sleep(for: .milliseconds(400))
            return .json(StatusAnswer("done"))
        }
        table.on(lasting) { _ in
            .stream("application/json") { stream in
                try await Task.sleep(for: .milliseconds(600))
                for _ in 0..<pieces { try await stream.write(Array(repeating: 0x78, count: pieceSize)) }
            }
        }
        table.on(endless) { _ in
            // However much the kernel's buffers of a connection hold, it comes to an end.
            .stream("application/json") { stream in
                while true { try await stream.write(Array(repeating: 0x78, count: pieceSize)) }
            }
        }
        table.on(broken) { _ in throw Leaky() }
        table.on(large) { _ in .json(StatusAnswer(String(repeating: "x", count: 300_000))) }
        table.on(list) { _ in .parts(200, "application/pkix-crl", blocks) }
        table.on(ServerRoutes.health) { _ in .json(HealthBody()) }
        table.on(ServerRoutes.ready) { _ in
            let isReady = state.phase == .ready
            return .json(ReadyBody { $0.status = isReady ? "ready" : "starting" }, status: isReady ? 200 : 503)
        }
        table.on(ServerRoutes.events) { context in
            let start = context.lastEventID.flatMap { Int($0) } ?? 0
            return .events(state: state, time: .system) { stream in
                for id in (start + 1)...(start + 3) {
                    try await stream.send(id: "\(id)", event: "job.status_changed", data: ["id": .string("\(id)")])
                }
            }
        }
        table.on(TeamRoutes.create) { context in
            let request = try context.request.decode(CreateTeamRequest.self)
            switch request.name {
            case "taken": throw ServiceError(.alreadyExists, "the name taken is taken")
            case "busy": throw ServiceError(.rateLimited, "not now")
            case "broken": throw Leaky()
            default: break
            }
            return .json(team(request.name, version: 1), status: 201, version: 1, location: "/api/v1/teams/t-1")
        }
        table.on(TeamRoutes.get) { context in
            guard context.request.parameter("id") == "t-1" else { throw ServiceError(.notFound, "no such team") }
            return .json(team("one", version: 7), version: 7)
        }
        table.on(TeamRoutes.patch) { context in
            let patch = try context.request.decode(UpdateTeamRequest.self)
            guard context.condition == .none || context.condition == .anyOf([7]) else {
                throw ServiceError(.preconditionFailed, "it is at version 7", currentVersion: 7)
            }
            return .json(team(patch.name.resolved(from: "one"), version: 8), version: 8)
        }
        table.on(TeamRoutes.list) { context in
            try context.request.pageAnswer([team("one", version: 1)], total: context.query.countsRows ? 120 : nil)
        }
        table.on(AgentRoutes.heartbeat) { _ in .json(HeartbeatAnswer()) }
        table.on(AgentRoutes.register) { context in
            switch context.credential {
            case .token: .json(StatusAnswer("token"), status: 201)
            case .principal(let principal): .json(StatusAnswer(principal.actor.id), status: 201)
            }
        }
        table.on(AgentRoutes.retired) { try $0.request.pageAnswer([AgentBody](), total: 0) }
        table.on(AuthRoutes.bootstrap) { _ in throw ServiceError(.unauthenticated, "the set-up token is wrong") }
        return table
    }

    private static func team(_ name: String, version: Int) -> TeamBody {
        TeamBody {
            $0.id = TeamID(stored: "t-1")
            $0.name = name
            $0.version = version
        }
    }
}
