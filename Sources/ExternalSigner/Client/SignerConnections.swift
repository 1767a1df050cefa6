import HostEffects
import PKI
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Connections to one signer, kept for the next call.
///
/// Blocks: used on the threads of a ``SigningExecutor``, so there are never more connections than threads.
final class SignerConnections: Sendable {
    private struct State {
        var idle: [LocalSocket] = []
        var lastNumber: UInt32 = 0
    }

    private let path: String
    private let user: UInt32?
    private let state = Mutex(State())

    init(path: String, user: UInt32?) {
        self.path = path
        self.user = user
    }

    /// Asks over a connection that was kept, and once more over a fresh one when the signer was started anew in between.
    /// Signing twice is harmless: only the last signature is used.
    func ask(_ request: SignerRequest, within limit: Duration) throws(SignerFault) -> SignerReply {
        let deadline = ContinuousClock.now + limit
        if let kept = takeIdle() {
            do throws(SignerFault) { return try ask(request, over: kept, by: deadline) } catch {
                guard error.isStale, ContinuousClock.now < deadline else { throw error }
            }
        }
        return try ask(request, over: try connect(), by: deadline)
    }

    private func ask(
        _ request: SignerRequest, over socket: LocalSocket, by deadline: ContinuousClock.Instant
    ) throws(SignerFault) -> SignerReply {
        let number = state.withLock { state in
            // Never 0, which is the number of a refusal of the connection.
            state.lastNumber = state.lastNumber == .max ? 1 : state.lastNumber + 1
            return state.lastNumber
        }
        let body = request.body
        do throws(SignerFault) {
            try socket.send(SignerFrame(request.kind, number: number, length: body.count).header + body, by: deadline)
        } catch {
            // Who refuses a connection says why and closes it, at times before the request is through.
            guard socket.isSpent else { throw error }
        }
        let frame = try SignerFrame(header: try socket.receive(SignerFrame.headerLength, by: deadline))
        guard !frame.kind.isRequest, frame.number == number || (frame.number == 0 && frame.kind == .refusal) else {
            throw .protocolError("the signer answered another request than it was asked")
        }
        let reply = try SignerReply(frame.kind, body: try socket.receive(frame.length, by: deadline))
        if case .refusal(let error) = reply {
            if frame.number == number { giveBack(socket) }
            throw .refused(error)
        }
        giveBack(socket)
        return reply
    }

    private func takeIdle() -> LocalSocket? {
        while let socket = state.withLock({ $0.idle.popLast() }) {
            if !socket.isSpent { return socket }
        }
        return nil
    }

    private func giveBack(_ socket: LocalSocket) { state.withLock { $0.idle.append(socket) } }

    /// Whoever could put a socket there would be given what to sign and could answer with keys of its own.
    private func connect() throws(SignerFault) -> LocalSocket {
        let socket = try LocalSocket.connect(to: path)
        guard let peer = socket.peer?.user else {
            throw .refused(.permission("the system does not say which user listens at \(path)"))
        }
        if let user {
            guard peer == user else {
                throw .refused(
                    .permission("the user \(peer) listens at \(path), and CERTCTL_SIGNER_USER says \(user)"))
            }
        } else {
            let owner = (try? FileSystem.live.status(PathText.parent(of: path)))?.userID
            guard peer == 0 || peer == owner else {
                throw .refused(
                    .permission(
                        "the user \(peer) listens at \(path) and does not own its folder; if that is the signer, set "
                            + "CERTCTL_SIGNER_USER to that user"))
            }
        }
        return socket
    }
}
