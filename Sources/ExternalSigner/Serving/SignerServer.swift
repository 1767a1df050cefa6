import EmbeddedCA
package import HostEffects
import PKI
import Synchronization
import Threads

/// Answers at a Unix socket. Each connection has a thread of its own, of which there are few.
package final class SignerServer: Sendable {
    package struct Rules: Sendable {
        /// Who may ask, by the user that the kernel says.
        package var users: Set<UInt32>
        /// Whose members may connect to the socket besides its owner.
        package var group: UInt32?
        /// Whether servers may have keys made.
        package var makesKeys = true
        /// How long a message may take once it has begun.
        package var messageLimit = Duration.seconds(10)
        /// How long a connection may do nothing.
        package var idleLimit = Duration.seconds(600)

        package init(users: Set<UInt32>, group: UInt32? = nil) {
            self.users = users
            self.group = group
        }
    }

    private struct State {
        var isStopping = false
        var open: [Int: LocalSocket] = [:]
        var nextID = 0
    }

    /// Further ones are refused as worth a retry.
    static let mostConnections = 64

    private let listener: ListeningSocket
    private let desk: SignerDesk
    private let rules: Rules
    private let fileSystem: FileSystem
    private let report: @Sendable (SignerEvent) -> Void
    private let state = Mutex(State())

    /// Listens from now on; answers once ``run()`` is called.
    ///
    /// - Throws: ``SignerStartError`` or ``FileError``.
    package init(
        socket path: String, keys: KeyFolder, rules: Rules, fileSystem: FileSystem = .live,
        report: @escaping @Sendable (SignerEvent) -> Void
    ) throws {
        listener = try ListeningSocket(path, group: rules.group, fileSystem: fileSystem)
        desk = SignerDesk(keys: keys, makesKeys: rules.makesKeys)
        self.rules = rules
        self.fileSystem = fileSystem
        self.report = report
    }

    /// Blocks until ``stop()``; what was being signed then is still answered, within the limit of a message.
    package func run() {
        while !state.withLock({ $0.isStopping }) {
            guard let socket = listener.accept() else { continue }
            let id = state.withLock { state -> Int? in
                guard state.open.count < Self.mostConnections, !state.isStopping else { return nil }
                state.nextID += 1
                state.open[state.nextID] = socket
                return state.nextID
            }
            guard let id else {
                // Without a look at what still comes: nobody else waits for that here.
                try? send(
                    .refusal(.transient("the signer has \(Self.mostConnections) connections, which are the most")), 0,
                    over: socket)
                continue
            }
            let isStarted = BlockingThread.start { [self] in
                serve(socket)
                state.withLock { _ = $0.open.removeValue(forKey: id) }
            }
            if !isStarted { state.withLock { _ = $0.open.removeValue(forKey: id) } }
        }
        let deadline = ContinuousClock.now + rules.messageLimit
        while state.withLock({ !$0.open.isEmpty }), ContinuousClock.now < deadline {
            BlockingThread.pause(.milliseconds(10))
        }
    }

    /// Nobody is answered any more who has not asked yet.
    package func stop() {
        let open = state.withLock { state in
            state.isStopping = true
            return Array(state.open.values)
        }
        listener.remove(fileSystem)
        for socket in open { socket.hangUp() }
    }

    private func serve(_ socket: LocalSocket) {
        guard let peer = socket.peer, rules.users.contains(peer.user) else {
            let user = socket.peer.map { "the user \($0.user)" } ?? "a user that the system does not name"
            let error = SignerError.permission("\(user) may not ask this signer; see --allow-user")
            report(
                SignerEvent(
                    user: socket.peer?.user ?? .max, process: socket.peer?.process ?? 0, key: nil,
                    kind: .refused(error, messageSHA256: nil)))
            return refuse(socket, error)
        }
        while let frame = nextFrame(socket, peer) {
            do throws(SignerFault) {
                let deadline = ContinuousClock.now + rules.messageLimit
                let request = try SignerRequest(frame.kind, body: try socket.receive(frame.length, by: deadline))
                let (reply, told) = desk.answer(request)
                if let told {
                    report(
                        SignerEvent(user: peer.user, process: peer.process, key: request.name.text, kind: told))
                }
                try send(reply, frame.number, over: socket)
            } catch {
                return broken(socket, peer, error)
            }
        }
    }

    /// `nil` at the end of the connection.
    private func nextFrame(_ socket: LocalSocket, _ peer: (user: UInt32, process: Int32)) -> SignerFrame? {
        // An end between two messages is none that anybody is told of.
        guard (try? socket.wait(for: LocalSocket.readable, by: ContinuousClock.now + rules.idleLimit)) != nil,
            !state.withLock({ $0.isStopping }), !socket.isAtEnd
        else { return nil }
        do throws(SignerFault) {
            let deadline = ContinuousClock.now + rules.messageLimit
            return try SignerFrame(header: try socket.receive(SignerFrame.headerLength, by: deadline))
        } catch {
            broken(socket, peer, error)
            return nil
        }
    }

    /// After what is not of the protocol nothing else can be understood.
    private func broken(_ socket: LocalSocket, _ peer: (user: UInt32, process: Int32), _ fault: SignerFault) {
        report(
            SignerEvent(
                user: peer.user, process: peer.process, key: nil, kind: .refused(fault.signerError, messageSHA256: nil))
        )
        if !fault.isStale { refuse(socket, fault.signerError) }
    }

    private func refuse(_ socket: LocalSocket, _ error: SignerError) {
        try? send(.refusal(error), 0, over: socket)
        socket.finish()
    }

    private func send(_ reply: SignerReply, _ number: UInt32, over socket: LocalSocket) throws(SignerFault) {
        let body = reply.body
        try socket.send(
            SignerFrame(reply.kind, number: number, length: body.count).header + body,
            by: ContinuousClock.now + rules.messageLimit)
    }
}
