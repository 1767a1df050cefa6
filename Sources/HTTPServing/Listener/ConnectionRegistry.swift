import NIOCore
import Synchronization

/// The open connections, so that a drain can reach each of them.
final class ConnectionRegistry: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isDraining = false
    }

    private let state = Mutex(State())

    func add(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        let isDraining = state.withLock {
            $0.channels[key] = channel
            return $0.isDraining
        }
        channel.closeFuture.whenComplete { [self] _ in state.withLock { _ = $0.channels.removeValue(forKey: key) } }
        if isDraining { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    var count: Int { state.withLock { $0.channels.count } }

    /// Idle connections close now, the others after their answers; HTTP/2 peers are told by GOAWAY.
    func quiesce() {
        let channels = state.withLock {
            $0.isDraining = true
            return Array($0.channels.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    func closeAll() {
        for channel in state.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) }
    }
}
