import APIContract
import Domain
import Encoding
import Outbound
import Synchronization
import Testing

@testable import OperatorCLI

/// A server in the process: knows the real route table, answers what a test scripted, and refuses everything else.
final class FakeServer: Sendable {
    struct Answer: Sendable {
        var status = 200
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        var failure: OutboundError?

        static func json(_ status: Int, _ value: JSONValue, headers: [(name: String, value: String)] = []) -> Answer {
            Answer(status: status, headers: headers, body: value.octets)
        }

        static func broken(_ kind: OutboundError.Kind) -> Answer {
            Answer(failure: OutboundError(kind, endpoint: "localhost:8443", message: "scripted"))
        }
    }

    private let state = Mutex<(answers: [String: [Answer]], requests: [APIRequest])>(([:], []))

    /// Scripts the next answer to a method and path; the query does not count.
    @discardableResult
    func on(_ call: String, _ answers: Answer...) -> FakeServer {
        state.withLock { $0.answers[call, default: []].append(contentsOf: answers) }
        return self
    }

    func on(_ call: String, _ value: JSONValue) { on(call, .json(200, value)) }

    var requests: [APIRequest] { state.withLock { $0.requests } }
    var calls: [String] { requests.map { "\($0.method) \($0.path)" } }

    /// Scripted answers that nobody asked for.
    var unused: [String] { state.withLock { $0.answers.filter { !$0.value.isEmpty }.keys.sorted() } }

    var transport: Transport {
        Transport { request throws(OutboundError) in
            self.verify(request)
            let call = "\(request.method) \(request.path.prefix { $0 != "?" })"
            let answer = self.state.withLock { state -> Answer? in
                state.requests.append(request)
                guard var queue = state.answers[call], !queue.isEmpty else { return nil }
                let answer = queue.removeFirst()
                state.answers[call] = queue
                return answer
            }
            guard let answer else {
                Issue.record("unexpected call \(call)")
                return HTTPReply(status: 500, headers: [], body: [])
            }
            if let failure = answer.failure { throw failure }
            return HTTPReply(status: answer.status, headers: answer.headers, body: answer.body)
        }
    }

    /// The operation must exist, with these parameters and these members: a mistyped one would have no effect.
    private func verify(_ request: APIRequest) {
        let parts = request.path.split(separator: "?", maxSplits: 1)
        let segments = (parts.first ?? "").split(separator: "/").map(String.init)
        let candidates = RouteTable.all.filter { route in
            route.method.rawValue == request.method && Self.matches(route.path, segments)
        }
        // `/agents/retired` also looks like `/agents/{id}`: literal segments win.
        guard let route = candidates.max(by: { Self.literals($0) < Self.literals($1) }) else {
            Issue.record("no such operation: \(request.method) \(request.path)")
            return
        }
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let name = PercentEncoding.decode(pair.prefix { $0 != "=" }) ?? ""
            let isDeclared = route.query.contains { $0.isPrefix ? name.hasPrefix($0.name) : $0.name == name }
            #expect(isDeclared, "\(route.id) has no parameter \(name)")
        }
        guard let body = request.body, let json = try? JSONValue(parsing: body) else { return }
        guard let content = route.request else {
            Issue.record("\(route.id) takes no body")
            return
        }
        var check = SchemaCheck(mode: request.method == "PATCH" ? .mergePatch : .whole, refusesUnknownMembers: true)
        check.check(json, against: content.schema)
        #expect(check.problems.isEmpty, "\(route.id): \(check.problems)")
        let type = request.headers.first { $0.name == "Content-Type" }?.value ?? ""
        #expect(content.mediaTypes.contains(type), "\(route.id) does not take \(type)")
    }

    private static func matches(_ pattern: PathPattern, _ segments: [String]) -> Bool {
        guard pattern.segments.count == segments.count else { return false }
        return zip(pattern.segments, segments).allSatisfy { part, segment in
            if case .literal(let text) = part { text == segment } else { true }
        }
    }

    private static func literals(_ route: Route) -> Int { route.path.segments.count - route.path.parameters.count }
}
