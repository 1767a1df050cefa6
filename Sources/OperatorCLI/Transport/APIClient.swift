import APIContract
import Domain
import Encoding
import Outbound

/// An answer of the server with a status below 400.
struct APIAnswer: Sendable {
    let status: Int
    let headers: [(name: String, value: String)]
    let body: [UInt8]

    /// The body as JSON; a 204 has none and stands for a deletion.
    func json() throws(CLIFailure) -> JSONValue {
        if body.isEmpty { return ["status": "deleted"] }
        do {
            return try JSONValue(parsing: body, limits: JSONLimits(stringLength: 8 << 20))
        } catch {
            throw .malformedAnswer("the answer is not JSON (\(error)); is --server a certctl server?")
        }
    }
}

/// Speaks `/api/v1`: credentials, idempotency, retries, errors.
package struct APIClient: Sendable {
    /// Attempts at one request in all.
    private static let attempts = 3
    /// The longest that `Retry-After` is obeyed without asking the user.
    private static let longestDelay = Duration.seconds(30)

    let transport: Transport
    let apiKey: Secret?
    let timeout: Duration
    let time: TimeSource
    let random: RandomSource
    /// Told about retries and, when asked for, request ids and timing.
    let trace: @Sendable (String) -> Void

    /// Sends a request and returns its answer.
    ///
    /// Lost connections and 429, 502, 503, 504 are tried again for reads, and for `POST` and `PATCH` under the same
    /// `Idempotency-Key`; `PUT` and `DELETE` are sent once.
    func call(
        _ method: String,
        _ path: APIPath,
        body: JSONValue? = nil,
        headers extra: [(name: String, value: String)] = [],
        timeout longer: Duration? = nil
    ) async throws(CLIFailure) -> APIAnswer {
        var headers = extra
        // A preference of the caller stands; strict handling makes a mistyped parameter an error instead of nothing.
        headers.append(("Prefer", "handling=strict"))
        if !extra.contains(where: { $0.name == "Accept" }) { headers.append(("Accept", "application/json")) }
        if body != nil, !extra.contains(where: { $0.name == "Content-Type" }) {
            headers.append(("Content-Type", "application/json"))
        }
        if method != "GET" { headers.append(("Idempotency-Key", UUIDv7.text(at: time.now, random: random))) }
        apiKey?.withText { headers.append(("Authorization", "Bearer \($0)")) }
        let request = APIRequest(
            method: method,
            path: path.text,
            headers: headers,
            body: body?.octets,
            timeout: longer ?? timeout
        )
        return try await send(request, isRepeatable: ["GET", "HEAD", "POST", "PATCH"].contains(method))
    }

    /// Reads an answer of any size piece by piece. It is asked for once: what was handed over cannot be taken back.
    func download(
        _ path: APIPath, accept: String, timeout longer: Duration, to sink: Transport.Sink
    ) async throws {
        var headers = [(name: "Prefer", value: "handling=strict"), (name: "Accept", value: accept)]
        apiKey?.withText { headers.append((name: "Authorization", value: "Bearer \($0)")) }
        let request = APIRequest(method: "GET", path: path.text, headers: headers, body: nil, timeout: longer)
        let reply: HTTPReply
        do {
            reply = try await transport.download(request, sink)
        } catch let error as OutboundError {
            throw CLIFailure.unreachable(error)
        }
        if reply.status >= 400 { throw Self.refusal(reply) }
    }

    private func send(_ request: APIRequest, isRepeatable: Bool) async throws(CLIFailure) -> APIAnswer {
        var attempt = 1
        while true {
            let started = time.now
            let failure: CLIFailure
            var delay = Duration.milliseconds(Int64(250 << attempt) + Int64(random.unitInterval() * 250))
            let mayRepeat: Bool
            switch await exchange(request) {
            case .success(let reply):
                trace(
                    "\(request.method) \(request.path) → \(reply.status) (\(Self.milliseconds(time.now - started)) ms)")
                guard reply.status >= 400 else {
                    return APIAnswer(status: reply.status, headers: reply.headers, body: reply.body)
                }
                failure = Self.refusal(reply)
                mayRepeat = [429, 502, 503, 504].contains(reply.status)
                delay = reply.retryAfter(now: time.now) ?? delay
            case .failure(let error):
                failure = .unreachable(error)
                mayRepeat = error.kind == .connectionLost
            }
            guard isRepeatable, mayRepeat, attempt < Self.attempts, delay <= Self.longestDelay else { throw failure }
            trace("attempt \(attempt) failed, next in \(delay.inSeconds) s: \(failure.message)")
            do { try await time.sleep(delay) } catch { throw failure }
            attempt += 1
        }
    }

    private func exchange(_ request: APIRequest) async -> Result<HTTPReply, OutboundError> {
        do { return .success(try await transport.send(request)) } catch { return .failure(error) }
    }

    private static func milliseconds(_ duration: Duration) -> Int64 { duration.wholeMicroseconds / 1000 }

    private static func refusal(_ reply: HTTPReply) -> CLIFailure {
        let json = try? JSONValue(parsing: reply.body)
        let body =
            json.flatMap { ErrorBody(wire: $0) } ?? ErrorBody { $0.error = "the server answered \(reply.status)" }
        return .refused(
            status: reply.status,
            body: body,
            requestID: body.requestID ?? reply.header("X-Request-ID")
        )
    }
}
