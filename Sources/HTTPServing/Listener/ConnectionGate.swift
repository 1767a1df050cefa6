import NIOCore

/// Stops accepting while the limit is reached, and closes what exceeds the limit of one address.
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
    private var open = 0
    private var openByAddress: [String: Int] = [:]
    private var hasHeldRead = false

    init(limits: ListenerLimits, metrics: HTTPMetrics) {
        maximum = limits.maximumConnections
        maximumPerAddress = limits.maximumConnectionsPerAddress
        self.metrics = metrics
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let child = unwrapInboundIn(data)
        let address = child.remoteAddress?.ipAddress ?? ""
        guard openByAddress[address, default: 0] < maximumPerAddress else {
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
