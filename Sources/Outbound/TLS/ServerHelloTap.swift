import NIOCore

/// Reads along until the server has said which application protocol it chose (RFC 5246 §7.4.1.3, RFC 7301 §3.1), and hands
/// everything on as it came.
final class ServerHelloTap: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// More than a ServerHello ever has.
    private static let most = 16 << 10

    private let seen: SeenChain
    private var records: [UInt8] = []
    private var isDone = false

    init(_ seen: SeenChain) { self.seen = seen }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isDone { readAlong(unwrapInboundIn(data)) }
        context.fireChannelRead(data)
    }

    private func readAlong(_ buffer: ByteBuffer) {
        records += buffer.readableBytesView
        if let body = ServerHello.body(in: records) {
            isDone = true
            seen.record(applicationProtocol: ServerHello.applicationProtocol(in: body))
        } else if records.count > Self.most {
            isDone = true
        }
        if isDone { records = [] }
    }
}

/// The first message of a server in the clear.
enum ServerHello {
    /// Its body, once it is complete in the records; `nil` before that, and for anything else.
    static func body(in records: [UInt8]) -> ArraySlice<UInt8>? {
        var messages: [UInt8] = []
        var rest = records[...]
        while rest.count >= 5, rest[rest.startIndex] == 22 {
            let length = number(rest.dropFirst(3).prefix(2))
            guard rest.count >= 5 + length else { break }
            messages += rest.dropFirst(5).prefix(length)
            rest = rest.dropFirst(5 + length)
        }
        guard messages.count >= 4, messages[0] == 2 else { return nil }
        let length = number(messages[1..<4])
        guard messages.count >= 4 + length else { return nil }
        return messages[4..<4 + length]
    }

    /// `nil` when the server chose none, or the message does not hold together.
    static func applicationProtocol(in body: ArraySlice<UInt8>) -> String? {
        // Version, random, session identifier, cipher suite, compression method.
        var rest = body.dropFirst(34)
        guard let session = rest.popFirst() else { return nil }
        rest = rest.dropFirst(Int(session) + 3)
        guard rest.count >= 2 else { return nil }
        rest = rest.dropFirst(2).prefix(number(rest.prefix(2)))
        while rest.count >= 4 {
            let type = number(rest.prefix(2))
            let length = number(rest.dropFirst(2).prefix(2))
            let value = rest.dropFirst(4).prefix(length)
            guard value.count == length else { return nil }
            rest = rest.dropFirst(4 + length)
            guard type == 16 else { continue }
            // A list of exactly one name.
            guard value.count >= 3, number(value.prefix(2)) == value.count - 2,
                Int(value[value.startIndex + 2]) == value.count - 3
            else { return nil }
            return String(decoding: value.dropFirst(3), as: UTF8.self)
        }
        return nil
    }

    private static func number(_ octets: ArraySlice<UInt8>) -> Int { octets.reduce(0) { $0 << 8 | Int($1) } }
}
