import Access
import NIOCore

/// Stops accepting while the limit is reached, and closes what exceeds the limit of one address; IPv6 counts by the
/// network of a customer, and a trusted proxy, which speaks for many, has no such limit.
///
/// Sits on the listening channel; all calls come on its event loop.
final class ConnectionGate: ChannelDuplexHandler {
    typealias InboundIn = Channel
    typealias InboundOut = Channel
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private let maximum: Int
    private let maximumPerAddress: Int
    private let metrics: HTTPMetrics
    private let rules: ServingRules
    private var open = 0
    private var openByAddress: [String: Int] = [:]
    private var hasHeldRead = false

    init(limits: ListenerLimits, metrics: HTTPMetrics, rules: ServingRules) {
        self.rules = rules
        maximum = limits.maximumConnections
        maximumPerAddress = limits.maximumConnectionsPerAddress
        self.metrics = metrics
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let child = unwrapInboundIn(data)
        let peer = child.remoteAddress?.ipAddress ?? ""
        let address = LimitSubject.address(peer)
        guard openByAddress[address, default: 0] < maximumPerAddress || rules.proxies.isTrusted(peer) else {
            metrics.connectionRefused()
            child.close(promise: nil)
            return
        }
        open += 1
        openByAddress[address, default: 0] += 1
        metrics.connectionOpened()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        child.closeFuture.hop(to: context.eventLoop).whenComplete { _ in
            let (gate, context) = bound.value
            gate.closed(address, context: context)
        }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard open < maximum else {
            hasHeldRead = true
            return
        }
        context.read()
    }

    private func closed(_ address: String, context: ChannelHandlerContext) {
        open -= 1
        metrics.connectionClosed()
        if let count = openByAddress[address], count > 1 {
            openByAddress[address] = count - 1
        } else {
            openByAddress[address] = nil
        }
        if hasHeldRead {
            hasHeldRead = false
            context.read()
        }
    }
}
