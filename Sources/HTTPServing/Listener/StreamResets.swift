import NIOCore
import NIOHTTP2

/// Counts the streams of one HTTP/2 connection that its peer gave up before they were answered, and ends the connection
/// when there are too many (rapid reset, CVE-2023-44487; specification, security §11.2).
///
/// A reset behind the answer costs nothing and is not counted: some clients send one after every 204.
final class StreamResets {
    private static let most = 200
    private static let window = TimeAmount.seconds(30)

    private var recent: [NIODeadline] = []
    private var isOver = false

    /// To be called on the event loop of the connection.
    func record(on connection: (any Channel)?) {
        let now = NIODeadline.now()
        recent.removeAll { now - $0 > Self.window }
        recent.append(now)
        guard recent.count > Self.most, !isOver, let connection else { return }
        isOver = true
        let calmDown = HTTP2Frame(
            streamID: .rootStream,
            payload: .goAway(lastStreamID: 0, errorCode: .enhanceYourCalm, opaqueData: nil)
        )
        connection.writeAndFlush(calmDown).whenComplete { _ in connection.close(promise: nil) }
    }
}
