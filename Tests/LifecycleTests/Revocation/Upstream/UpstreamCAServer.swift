import Encoding
import NIOCore
import NIOPosix
import PKI
import Synchronization

/// A CA on a loopback port that takes revocations, strictly. Its contract:
///
///     POST   /v1/certificates/HANDLE/revocation     revokes     {"certificate_sha256":HEX64,"reason":WORD,"serial":HEX}
///     DELETE /v1/certificates/HANDLE/revocation     ends a hold {"certificate_sha256":HEX64,"serial":HEX}
///     GET    /v1/requests/REQUEST                   what became of a request under review
///
///     Authorization: Bearer TOKEN        on every request
///     Idempotency-Key: KEY               on POST and DELETE, 1 to 200 characters
///     Content-Type: application/json     on POST and DELETE; no member but those above, each once
///
/// HANDLE is what the CA called the certificate when it issued it. HEX is upper case, of an even number of digits. WORD is
/// a reason in snake case.
///
///     200 {"status":"done"}                         it is revoked, or no longer on hold
///     202 {"request":REQUEST,"status":"in_review"}  somebody decides; Retry-After in seconds may be there
///     409 {"code":"already_done"}                   it was so before
///     403 {"code":"refused","detail":TEXT}          never
///     401, 429, 503 {"code":WORD}                   not now; Retry-After in seconds may be there
///
/// Whatever is not like this is 400 and kept in ``violations``.
final class UpstreamCAServer: Sendable {
    /// How the next request is answered; without a word, as the contract says.
    enum Behaviour: Sendable {
        case asUsual
        /// Does it, and closes the connection without a word.
        case doAndHangUp
        case hangUp
        case unavailable(Int, retryAfter: Int?)
        case review(String, retryAfter: Int?)
        case stillInReview
        case refuse(String)
        /// 200, and not what the contract says.
        case garbage
    }

    struct Known: Sendable {
        let serial: String
        let sha256: String
        var reason: String?
        /// How often its state really changed.
        var changes = 0
        var review: (request: String, method: String, reason: String?)?
    }

    struct Asked: Hashable, Sendable {
        let method: String
        let path: String
        let idempotencyKey: String?
    }

    struct State {
        var certificates: [String: Known] = [:]
        var behaviours: [Behaviour] = []
        var asked: [Asked] = []
        var violations: [String] = []
        var token = "token-1"
    }

    let port: Int
    let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    init() async throws {
        let box = Box()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(UpstreamCAHandler(box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = try channel.localAddress?.port ?? { throw ChannelError.unknownLocalAddress }()
        self.channel.withLock { $0 = channel }
        box.server.withLock { $0 = self }
    }

    /// Runs `body` with a server.
    static func with(_ body: (UpstreamCAServer) async throws -> Void) async throws {
        let server = try await UpstreamCAServer()
        do { try await body(server) } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    func stop() async throws {
        let channel = channel.withLock { channel in
            defer { channel = nil }
            return channel
        }
        try await channel?.close()
    }

    final class Box: Sendable { let server = Mutex<UpstreamCAServer?>(nil) }

    // MARK: For tests

    func script(_ behaviours: Behaviour...) { state.withLock { $0.behaviours += behaviours } }
    var asked: [Asked] { state.withLock { $0.asked } }
    var violations: [String] { state.withLock { $0.violations } }
    /// How often the state of each certificate really changed.
    var changes: [Int] { state.withLock { $0.certificates.values.map(\.changes) } }
    var reasons: [String?] { state.withLock { $0.certificates.values.map(\.reason) } }

    /// What the CA notes of a certificate that it issued; its handle.
    func note(_ leaf: X509Certificate) -> String {
        state.withLock { state in
            let handle = "cert-\(state.certificates.count + 1)"
            state.certificates[handle] = Known(
                serial: Self.upstreamForm(leaf.serialNumber.hex), sha256: leaf.fingerprintSHA256)
            return handle
        }
    }

    /// The serial number as this CA writes it.
    static func upstreamForm(_ hex: String) -> String {
        (hex.utf8.count.isMultiple(of: 2) ? hex : "0" + hex).uppercased()
    }

    // MARK: Answers

    /// `nil` closes the connection.
    func answer(_ method: String, _ path: String, _ headers: [String: String], _ body: String) -> String? {
        state.withLock { state in
            state.asked.append(
                Asked(method: method, path: path, idempotencyKey: headers["idempotency-key"]))
            let behaviour = state.behaviours.isEmpty ? Behaviour.asUsual : state.behaviours.removeFirst()
            guard headers["authorization"] == "Bearer \(state.token)" else {
                return Self.reply(401, #"{"code":"token"}"#)
            }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            if method == "GET", parts.count == 4, Array(parts[0...2]) == ["", "v1", "requests"] {
                return Self.decide(parts[3], behaviour, &state)
            }
            guard method == "POST" || method == "DELETE", parts.count == 5, parts[1] == "v1",
                parts[2] == "certificates",
                parts[4] == "revocation", var known = state.certificates[parts[3]]
            else { return Self.violation("\(method) \(path)", &state) }
            guard let key = headers["idempotency-key"], (1...200).contains(key.utf8.count),
                headers["content-type"] == "application/json"
            else { return Self.violation("headers \(headers)", &state) }
            var wanted: JSONObject = [
                "certificate_sha256": .string(known.sha256), "serial": .string(known.serial),
            ]
            let reason = (try? JSONValue(parsing: body))?["reason"]?.stringValue
            if method == "POST" { wanted["reason"] = .string(reason ?? "") }
            guard let given = (try? JSONValue(parsing: body))?.objectValue,
                given.map(\.key).sorted() == wanted.map(\.key).sorted(),
                wanted.allSatisfy({ given[$0.key] == $0.value }),
                method == "DELETE" || Self.words.contains(reason ?? "")
            else { return Self.violation("body \(body)", &state) }
            defer { state.certificates[parts[3]] = known }
            return Self.change(&known, method, reason, behaviour)
        }
    }

    private static let words: Set<String> = [
        "unspecified", "key_compromise", "superseded", "cessation_of_operation", "certificate_hold",
    ]

    private static func change(
        _ known: inout Known, _ method: String, _ reason: String?, _ behaviour: Behaviour
    ) -> String? {
        switch behaviour {
        case .hangUp: return nil
        case .garbage: return reply(200, "<html>maintenance</html>")
        case .unavailable(let status, let retryAfter): return reply(status, #"{"code":"later"}"#, retryAfter)
        case .refuse(let detail): return reply(403, #"{"code":"refused","detail":"\#(detail)"}"#)
        case .review(let request, let retryAfter):
            known.review = (request, method, reason)
            return reply(202, #"{"request":"\#(request)","status":"in_review"}"#, retryAfter)
        case .asUsual, .doAndHangUp, .stillInReview:
            let isNew = apply(&known, method, reason)
            if case .doAndHangUp = behaviour { return nil }
            return isNew ? reply(200, #"{"status":"done"}"#) : reply(409, #"{"code":"already_done"}"#)
        }
    }

    private static func apply(_ known: inout Known, _ method: String, _ reason: String?) -> Bool {
        if method == "POST" {
            guard known.reason == nil || (known.reason == "certificate_hold" && reason != "certificate_hold") else {
                return false
            }
            known.reason = reason
        } else {
            guard known.reason == "certificate_hold" else { return false }
            known.reason = nil
        }
        known.changes += 1
        return true
    }

    private static func decide(_ request: String, _ behaviour: Behaviour, _ state: inout State) -> String? {
        guard let (handle, known) = state.certificates.first(where: { $0.value.review?.request == request }),
            let review = known.review
        else { return violation("GET of the unknown request \(request)", &state) }
        if case .stillInReview = behaviour { return reply(202, #"{"request":"\#(request)","status":"in_review"}"#) }
        if case .refuse(let detail) = behaviour { return reply(403, #"{"code":"refused","detail":"\#(detail)"}"#) }
        var changed = known
        _ = apply(&changed, review.method, review.reason)
        state.certificates[handle] = changed
        return reply(200, #"{"status":"done"}"#)
    }

    private static func violation(_ text: String, _ state: inout State) -> String {
        state.violations.append(text)
        return reply(400, #"{"code":"contract"}"#)
    }

    private static func reply(_ status: Int, _ body: String, _ retryAfter: Int? = nil) -> String {
        let retry = retryAfter.map { "Retry-After: \($0)\r\n" } ?? ""
        return "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
            + "\(retry)Connection: close\r\n\r\n\(body)"
    }
}

/// Reads one request with its body, has it answered and closes.
private final class UpstreamCAHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let box: UpstreamCAServer.Box
    private var received = ""

    init(_ box: UpstreamCAServer.Box) { self.box = box }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += String(buffer: unwrapInboundIn(data))
        guard let end = received.firstRange(of: "\r\n\r\n") else { return }
        let lines = received[..<end.lowerBound].split(separator: "\r\n").map(String.init)
        let body = String(received[end.upperBound...])
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        }
        guard body.utf8.count >= Int(headers["content-length"] ?? "0") ?? 0 else { return }
        let words = (lines.first ?? "").split(separator: " ").map(String.init)
        guard words.count == 3, let server = box.server.withLock({ $0 }),
            let answer = server.answer(words[0], words[1], headers, body)
        else {
            context.close(promise: nil)
            return
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
